"""Backups made with kubectl as snapshots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..errors import BadManifestError
from ..models.objects import Key, MeshObject
from ..models.snapshots import Purpose, SnapshotDraft, SnapshotInfo, SnapshotMeta
from ..normalise.authority import ca_fingerprints
from ..normalise.objects import is_being_deleted
from ..normalise.secrets import without_values
from ..plan.manifests import read_manifests
from ..ports import ManifestDocument
from ..rules.scope import SCOPE_VERSION, in_scope, is_namespace, steering_only
from .session import Session


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
