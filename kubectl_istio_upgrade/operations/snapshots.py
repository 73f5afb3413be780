"""Taking snapshots, and finding them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..errors import BadManifestError, RefusedError, UnknownReferenceError
from ..models.objects import Key, MeshObject, State
from ..models.snapshots import Purpose, SnapshotDraft, SnapshotInfo, SnapshotMeta
from ..normalise.authority import ca_fingerprints
from ..normalise.objects import is_being_deleted
from ..normalise.secrets import without_values
from ..plan.hiding import hidden_warnings
from ..plan.manifests import read_manifests
from ..plan.retention import way_back
from ..ports import ManifestDocument
from ..rules.scope import SCOPE_VERSION, in_scope, is_namespace, steering_only
from .session import Session


def take(session: Session, *, message: str = "", name: str | None = None) -> SnapshotInfo:
    """Commit the mesh as it is now.

    Raises ClusterError when anything cannot be read: there are no partial snapshots.
    """
    with session.store.lock("snapshot"):
        captured = session.capture(meanwhile=lambda: session.store.read_ahead(session.branch))
        check_mesh(captured.state, session.root_namespace)
        for warning in hidden_warnings(captured.state):
            session.progress.note(f"warning: {warning}")
        return session.store.commit(session.branch, captured.draft(Purpose.SNAPSHOT, message), name=name)


def check_mesh(state: State, root_namespace: str) -> None:
    """Refuse to record a mesh where there is none: most likely a wrong context or root namespace."""
    if all(is_namespace(key) for key in state.versions):
        hint = f"is this the right context? the root namespace is taken to be {root_namespace!r}: --root-namespace"
        raise RefusedError("there is no Istio mesh in this cluster", hint=hint)


@dataclass(frozen=True)
class Imported:
    """An imported backup, and what of it was passed over."""

    info: SnapshotInfo
    passed_over: tuple[str, ...]


def import_backup(
    session: Session, documents: Sequence[ManifestDocument], *, message: str = "", name: str | None = None
) -> Imported:
    """Commit backup files (`kubectl get … -o yaml`) as a snapshot.

    What is not state of a mesh (pods, replica sets, CRDs of others, what was being deleted) is passed over and named.
    The snapshot is marked as an import: what is not in it is unknown, so nothing is ever deleted on its word. Raises
    BadManifestError.
    """
    known = session.reader.discover(session.options.groups)
    manifests = read_manifests(documents, known, "backup", session.root_namespace)
    root, digester = session.root_namespace, session.store.digester()
    kept: dict[Key, MeshObject] = {}
    for key, obj in manifests.objects.items():
        if in_scope(manifests.types[key], obj, root) and not is_being_deleted(obj):
            kept[key] = _imported(steering_only(obj) if is_namespace(key) else without_values(obj, digester))
    if not kept:
        raise BadManifestError("nothing in these files is state of an Istio mesh")
    types = tuple(sorted({manifests.types[key] for key in kept}, key=lambda type_: type_.resource))
    meta = SnapshotMeta(
        purpose=Purpose.IMPORT,
        cluster=session.cluster,
        created=datetime.now(UTC).replace(microsecond=0),
        message=message,
        root_namespace=root,
        types=types,
        counts=dict(sorted(Counter(key.resource for key in kept).items())),
        secret_key_id=digester.key_id,
        ca_fingerprints=ca_fingerprints(kept.values()),
        scope_version=SCOPE_VERSION,
    )
    with session.store.lock("snapshot"):
        info = session.store.commit(session.branch, SnapshotDraft(meta, kept), name=name)
    return Imported(info, tuple(str(key) for key in sorted(manifests.objects.keys() - kept.keys())))


def _imported(obj: MeshObject) -> MeshObject:
    """The object without its version: a file may have been edited since, so only its content counts."""
    return replace(obj, server=replace(obj.server, uid="", resource_version=""))


def find(session: Session, reference: str) -> SnapshotInfo:
    """The snapshot that a reference names, without contacting the cluster where that is possible."""
    return session.store.resolve(session.readable_branch, reference)


def find_target(session: Session, reference: str | None) -> SnapshotInfo:
    """Where to roll back to: a snapshot of this very cluster, by the cluster's own word; see `default_target`."""
    return session.store.resolve(session.branch, reference) if reference else default_target(session)


def newest(session: Session, branch: str) -> SnapshotInfo:
    """The newest snapshot. Raises UnknownReferenceError when there is none yet."""
    return _existing(session.store.tip(branch), session)


def default_target(session: Session) -> SnapshotInfo:
    """Where `rollback` goes when it is not told: see `plan.retention.way_back`.

    When the newest snapshot was asked for by somebody: that one.
    """
    tip = newest(session, session.branch)
    aim = way_back(tip)
    return session.store.resolve(session.branch, aim) if aim else tip


def _existing(tip: SnapshotInfo | None, session: Session) -> SnapshotInfo:
    if tip is None:
        hint = "take one with `kubectl istio-upgrade snapshot`"
        raise UnknownReferenceError(f"there is no snapshot of cluster {session.context!r} yet", hint=hint)
    return tip
