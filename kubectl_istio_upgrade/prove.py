"""The proof: the cluster read again, compared with what the plan promised. Nothing but the comparison counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from .capture import Capture
from .diff.states import Select, compare
from .models.changes import Change, Comparison, FieldChange, FieldOp, ObjectDiff
from .models.objects import Key, State
from .models.plans import Plan, PlannedChange, Proof
from .plan.restarts import restarted_at
from .ports import ClusterReader
from .rules.components import component_of
from .rules.restarts import RESTARTED_AT_PATH

SETTLE = 20.0
"""Seconds for which a difference may be a controller that has not caught up; after that it is a residual."""

_PAUSE = 1.0


class _Approved(NamedTuple):
    change: Change
    fields: tuple[FieldChange, ...]


def prove(plan: Plan, promised: State, read: Callable[[], Capture], select: Select) -> tuple[Proof, Capture]:
    """Read until the cluster is as promised, or for `SETTLE` seconds; return the verdict and the last reading.

    Differences that the plan keeps, for reasons that the user has approved, are not residuals; nor is what it says that
    a write leaves. Every other is, on kept objects too. What the plan writes is always looked at, be it in the
    selection or not.
    """
    deadline = time.monotonic() + SETTLE
    planned = {change.key for change in plan.changes}
    approved = {key: approved for change in plan.changes for key, approved in _approved(change)}
    reads = 0
    while True:
        capture = read()
        reads += 1
        comparison = compare(capture.state, promised, lambda key: select(key) or key in planned)
        residual = tuple(diff for diff in comparison.diffs if not _is_approved(diff, approved.get(diff.key)))
        if not residual or time.monotonic() >= deadline:
            return _verdict(plan, comparison, residual, reads), capture
        time.sleep(_PAUSE)


def with_restarts(proof: Proof, plan: Plan, reader: ClusterReader) -> Proof:
    """The proof, with every restart of the plan looked at again: most such workloads are in no state of the mesh."""
    looked = [(change, _left(change, reader)) for change in plan.writes if change.restart]
    residual = tuple(diff for _, diff in looked if diff)
    return replace(proof, residual=(*proof.residual, *residual), restarted=len(looked) - len(residual))


def _left(change: PlannedChange, reader: ClusterReader) -> ObjectDiff | None:
    """What is not as the restart should have left it."""
    body, wanted = reader.get(change.type, change.key), change.restart.after if change.restart else None
    if body is not None and (now := restarted_at(body)) == wanted:
        return None
    component = component_of(change.live) if change.live else ""
    if body is None:
        return ObjectDiff(change.key, Change.ADDED, component, None, change.live, None, None)
    field = FieldChange(FieldOp.REPLACE, RESTARTED_AT_PATH, now, wanted)
    return ObjectDiff(change.key, Change.CHANGED, component, change.live, change.live, None, None, (field,))


def _approved(change: PlannedChange) -> Iterator[tuple[Key, _Approved]]:
    """The difference that the plan says it will leave: of what is kept all, of what is written perhaps a part."""
    if not change.is_write and change.diff is not None:
        yield change.key, _Approved(change.diff.change, change.diff.fields)
    elif change.leaves:
        yield change.key, _Approved(Change.CHANGED, change.leaves)


def _is_approved(diff: ObjectDiff, approved: _Approved | None) -> bool:
    """Whether the difference is (part of) that one."""
    if approved is None or diff.change is not approved.change:
        return False
    return {field.path for field in diff.fields} <= {field.path for field in approved.fields}


def _verdict(plan: Plan, comparison: Comparison, residual: tuple[ObjectDiff, ...], reads: int) -> Proof:
    return Proof(plan.target, comparison.same, plan.kept, residual, reads)
