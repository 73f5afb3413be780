"""What a user may do and must be able to: asked before anything is written, and told to who grants it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ..capture import CaptureOptions, lists_of
from ..errors import ClusterError, RefusedError
from ..models.objects import ResourceType
from ..models.permissions import Grant, Permission
from ..models.plans import Action, PlannedChange
from ..models.snapshots import SnapshotInfo
from ..plan.permissions import grants, needed_by
from ..ports import ClusterReader
from ..rules.scope import DEFAULT_ROOT_NAMESPACE
from .session import Session


def check_permissions(
    session: Session, changes: Iterable[PlannedChange], known: frozenset[Permission] = frozenset()
) -> frozenset[Permission]:
    """Ask whether we may do all that these changes take; return what was asked, to be `known` the next time.

    Raises RefusedError naming each permission that is missing. Where the server does not answer this question the dry
    run has to do, and a note says so.
    """
    changes = tuple(changes)
    needed = needed_by(changes, session.root_namespace)
    try:
        missing = session.reader.missing(needed - known)
    except ClusterError as error:
        session.progress.note(f"permissions could not be checked before the first write: {error.message}")
        return needed | known
    if missing:
        restarts = any(change.action is Action.RESTART for change in changes)
        raise _refusal(missing, " --workloads" if restarts else "")
    return needed | known


def _refusal(missing: tuple[Permission, ...], option: str) -> RefusedError:
    count = "a permission" if len(missing) == 1 else f"{len(missing)} permissions"
    lines = "\n".join(f"  {permission}" for permission in missing)
    hint = f"`kubectl istio-upgrade rbac{option}` prints the roles that grant what is needed"
    return RefusedError(f"this plan takes {count} that you do not have; nothing was changed:\n{lines}", hint=hint)


def roles_for(
    reader: ClusterReader,
    options: CaptureOptions,
    target: SnapshotInfo | None = None,
    components_in: Collection[str] = (),
    workloads_in: Collection[str] = (),
) -> tuple[Grant, ...]:
    """What reading and changing the mesh takes, and restarting workloads.

    For the types that the cluster has now and, given a snapshot, for those of the snapshot, too: a rollback to it may
    bring back a type. `components_in`, `workloads_in`: see `grants`. Raises ClusterError, UsageError for an excluded
    type that does not exist.
    """
    root = options.root_namespace or (target.meta.root_namespace if target else DEFAULT_ROOT_NAMESPACE)
    types: dict[str, ResourceType] = {type_.resource: type_ for type_ in target.meta.types} if target else {}
    types |= {type_.resource: type_ for type_ in reader.discover(options.groups)}
    lists = lists_of(tuple(types.values()), replace(options, root_namespace=root))
    return grants(lists, root, components_in, workloads_in)
