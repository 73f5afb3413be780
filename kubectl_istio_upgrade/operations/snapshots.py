"""Taking snapshots, and finding them again."""

from __future__ import annotations

from ..errors import RefusedError, UnknownReferenceError
from ..models.objects import State
from ..models.snapshots import Purpose, SnapshotInfo
from ..plan.hiding import hidden_warnings
from ..plan.retention import way_back
from ..rules.scope import is_namespace
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
