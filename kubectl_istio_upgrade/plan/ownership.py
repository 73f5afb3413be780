"""Ownership that an interrupted run may have left behind: the content is put back, its owners are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..models.objects import Key, MemoryState, MeshObject, ResourceType, State
from ..models.plans import Action, Plan, PlannedChange, Write
from ..normalise.ownership import are_same_owners, owned_as
from ..rules.order import stage_of
from ..rules.scope import STEERING_LABELS, is_namespace


def unowned(plan: Plan, written: Iterable[Key], live: MemoryState, target: State) -> tuple[PlannedChange, ...]:
    """Objects that an earlier run wrote, that are as the target has them, and whose owners differ from the target's.

    Content and ownership are two requests (see `apply.ownership`), so a crash may come between. What the plan writes
    anyway gets its owners with that.
    """
    busy = {change.key for change in plan.writes}
    known = {key for key in written if key not in busy and key in live.objects and key in target.versions}
    types = {type_.resource: type_ for type_ in (*target.types, *live.types)}
    changes = (
        _change(live.objects[key], wanted, types)
        for key, wanted in target.load(sorted(known)).items()
        if wanted.server.managed_fields
    )
    return tuple(change for change in changes if _differs(change))


def _change(live: MeshObject, target: MeshObject, types: Mapping[str, ResourceType]) -> PlannedChange:
    namespace = is_namespace(live.key)
    labels = {name: value for name, value in target.labels.items() if name in STEERING_LABELS}
    return PlannedChange(
        key=live.key,
        type=types[live.key.resource],
        action=Action.UPDATE,
        write=Write.PATCH if namespace else Write.PUT,
        stage=stage_of(live.key),
        body={"metadata": {"labels": labels}} if namespace else None,
        live=live,
        target=target,
    )


def _differs(change: PlannedChange) -> bool:
    if change.live is None or change.target is None:
        return False
    owners = change.live.server.managed_fields
    return not are_same_owners(owned_as(owners, change.target.server.managed_fields), owners)
