"""The proof: the cluster read again, compared with what the plan promised. Nothing but the comparison counts."""

from __future__ import annotations

import time
from collections.abc import Callable

from .capture import Capture
from .diff.states import Select, compare
from .models.changes import Comparison, ObjectDiff
from .models.objects import State
from .models.plans import Plan, Proof

SETTLE = 20.0
"""Seconds for which a difference may be a controller that has not caught up; after that it is a residual."""

_PAUSE = 1.0


def prove(plan: Plan, promised: State, read: Callable[[], Capture], select: Select) -> tuple[Proof, Capture]:
    """Read until the cluster is as promised, or for `SETTLE` seconds; return the verdict and the last reading.

    Differences that the plan keeps, for reasons that the user has approved, are not residuals; every other is, on kept
    objects too. What the plan writes is always looked at, be it in the selection or not.
    """
    deadline = time.monotonic() + SETTLE
    planned = {change.key for change in plan.changes}
    approved = {change.key: change.diff for change in plan.kept}
    reads = 0
    while True:
        capture = read()
        reads += 1
        comparison = compare(capture.state, promised, lambda key: select(key) or key in planned)
        residual = tuple(diff for diff in comparison.diffs if not _is_approved(diff, approved.get(diff.key)))
        if not residual or time.monotonic() >= deadline:
            return _verdict(plan, comparison, residual, reads), capture
        time.sleep(_PAUSE)


def _is_approved(diff: ObjectDiff, approved: ObjectDiff | None) -> bool:
    """Whether the difference is (part of) the one that the plan said it would leave."""
    if approved is None or diff.change is not approved.change:
        return False
    return {field.path for field in diff.fields} <= {field.path for field in approved.fields}


def _verdict(plan: Plan, comparison: Comparison, residual: tuple[ObjectDiff, ...], reads: int) -> Proof:
    return Proof(plan.target, comparison.same, plan.kept, residual, reads)
