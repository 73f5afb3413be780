"""Restarts as planned changes: of what is out of date, and back to the templates of before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from ..models.objects import Body, Json, Key, MeshObject, ResourceType
from ..models.operations import Restarted
from ..models.plans import Action, Outcome, PlannedChange, Restart, Write
from ..normalise.ownership import owners_of_field
from ..rules.order import PARTS_AGAIN, WORKLOADS_AGAIN, stage_named
from ..rules.restarts import OBSTACLES, RESTARTED_AT, RESTARTED_AT_PATH
from .disruption import takes_away

BY_OTHERS = "restarted by somebody else since: it stays as it is"
MADE_ANEW = "made anew since: it stays as it is"
GONE = "it is gone"
TEMPLATE = ("spec", "template")
"""Where a workload has what its pods are made from."""


def restarted_at(workload: Body) -> str | None:
    """The annotation that restarts a workload, as it is; None where there is none."""
    node: Json = workload
    for step in RESTARTED_AT_PATH:
        node = (node or {}).get(step)
    return None if node is None else str(node)


def with_restarted_at(workload: Body, value: str | None) -> Body:
    """The workload with this annotation, or without it."""
    body = {**workload}
    node: Body = body
    for step in RESTARTED_AT_PATH[:-1]:
        node[step] = {**(node.get(step) or {})}
        node = node[step]
    if value is None:
        node.pop(RESTARTED_AT, None)
    else:
        node[RESTARTED_AT] = value
    return body


def planned_restart(
    live: MeshObject,
    type_: ResourceType,
    after: str | None,
    *,
    reason: str = "",
    stage: str = WORKLOADS_AGAIN,
    owners_after: tuple[Body, ...] = (),
) -> PlannedChange:
    """The change that sets the annotation, or (None) takes it away; guarded by UID and resource version."""
    restart = Restart(
        before=restarted_at(live.body),
        after=after,
        owners=owners_of_field(live.server.managed_fields, RESTARTED_AT_PATH),
        owners_after=owners_after,
        takes=takes_away(live.body),
        labels=pod_labels(live.body),
    )
    body: Body = {}
    node = body
    for step in RESTARTED_AT_PATH[:-1]:
        node = node.setdefault(step, {})
    node[RESTARTED_AT] = after
    preconditions = {"uid": live.server.uid, "resourceVersion": live.server.resource_version}
    return PlannedChange(
        key=live.key,
        type=type_,
        action=Action.RESTART,
        write=Write.PATCH,
        stage=stage_named(stage),
        body={**body, "metadata": preconditions},
        uid=live.server.uid,
        resource_version=live.server.resource_version,
        reason=reason,
        live=live,
        restart=restart,
    )


def pod_labels(workload: Body) -> Mapping[str, str]:
    """The labels of the pods that a workload makes."""
    template: dict[str, Any] = (workload.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}


def replaces_pods(change: PlannedChange) -> bool:
    """Whether a workload's controller makes its pods anew because of a change, so that no restart of it is needed.

    An update does so by another pod template, unless something keeps its pods as they are, a paused rollout, say.
    """
    if not change.is_write or change.live is None or any(row.holds(change.live.body) for row in OBSTACLES):
        return False
    fields = change.diff.fields if change.diff else ()
    return any(field.path[: len(TEMPLATE)] == TEMPLATE for field in fields)


def restarted_by(change: PlannedChange, outcome: Outcome | None = None) -> Restarted | None:
    """What a change does to the annotation, for the record; None where it leaves it alone."""
    if restart := change.restart:
        reason = change.reason or next(iter(change.notes), "")
        return Restarted(
            key=change.key,
            uid=change.uid,
            before=restart.before,
            after=restart.after,
            outcome=outcome,
            reason=reason,
            owners=restart.owners,
            proxies=restart.proxies,
        )
    again = change.stage in (stage_named(PARTS_AGAIN), stage_named(WORKLOADS_AGAIN))
    if change.action is Action.KEEP and again and change.live:
        now = restarted_at(change.live.body)
        return Restarted(change.key, change.live.server.uid, now, now, Outcome.SKIPPED, change.reason)
    return None


@dataclass(frozen=True, slots=True)
class Undo:
    """What has been done to the restart annotation of one workload, over any number of operations."""

    key: Key
    uid: str
    before: str | None
    """What it was at first: to go back to."""
    ours: frozenset[str | None]
    """What it is now, if nobody else has set it since."""
    owners: tuple[Body, ...] = ()


def to_undo(restarts: Iterable[Restarted]) -> Mapping[Key, Undo]:
    """By workload: the state before the first of these restarts, which are in the order in which they were made.

    The last counts as done and as not done where nobody knows. Restarts that are known not to have happened do not
    count.
    """
    found: dict[Key, Undo] = {}
    for restart in restarts:
        if restart.outcome in (Outcome.FAILED, Outcome.SKIPPED):
            continue
        known = found.get(restart.key)
        sure = {restart.after} if restart.outcome is Outcome.DONE else {restart.after, restart.before}
        if known is None or known.uid != restart.uid:
            first, owners = restart.before, restart.owners
        else:
            first, owners = known.before, known.owners
        found[restart.key] = Undo(restart.key, restart.uid, first, frozenset(sure), owners)
    return found


def undo_of(
    undo: Undo,
    live: MeshObject | None,
    type_: ResourceType,
    reason: str,
    *,
    kept: str = "",
    stage: str = WORKLOADS_AGAIN,
) -> PlannedChange | None:
    """The change that puts the annotation back, or the reason why it stays; None where it is as it was.

    `kept` is a reason to leave it that the caller knows of.
    """
    why = kept
    if live is None:
        why = GONE
    elif live.server.uid != undo.uid:
        why = MADE_ANEW
    elif (now := restarted_at(live.body)) == undo.before:
        return None
    elif now not in undo.ours:
        why = BY_OTHERS
    if live is None or why:
        return PlannedChange(undo.key, type_, Action.KEEP, Write.NONE, stage_named(stage), live=live, reason=why)
    return planned_restart(live, type_, undo.before, reason=reason, stage=stage, owners_after=undo.owners)


def folded(update: PlannedChange, restart: PlannedChange) -> PlannedChange:
    """An update of a workload that also does what a restart of it would: one rollout instead of two."""
    if update.body is None or restart.restart is None:
        return update
    body = with_restarted_at(update.body, restart.restart.after)
    return replace(update, body=body, restart=restart.restart, notes=(restart.reason, *update.notes))


def batches(changes: Sequence[PlannedChange], size: int) -> Iterator[list[PlannedChange]]:
    """Restarts in the groups in which they are made: of one stage and namespace, no more than `size`.

    No two of a group share a disruption budget: each would count on what the other uses.
    """
    for _, group in groupby(changes, key=lambda change: (change.stage, change.key.namespace)):
        waiting = list(group)
        while waiting:
            batch: list[PlannedChange] = []
            used: set[str] = set()
            for change in waiting:
                budgets = set(change.restart.budgets) if change.restart and change.restart.takes else set()
                if len(batch) < size and not budgets & used:
                    batch.append(change)
                    used |= budgets
            waiting = [change for change in waiting if change not in batch]
            yield batch
