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

    Differences that the plan keeps, for reasons that the user has approved, are not residuals; every other is.
    """
    deadline = time.monotonic() + SETTLE
    kept = {change.key for change in plan.kept}
    reads = 0
    while True:
        capture = read()
        reads += 1
        comparison = compare(capture.state, promised, select)
        residual = tuple(diff for diff in comparison.diffs if diff.key not in kept)
        if not residual or time.monotonic() >= deadline:
            return _verdict(plan, comparison, residual, reads), capture
        time.sleep(_PAUSE)


def _verdict(plan: Plan, comparison: Comparison, residual: tuple[ObjectDiff, ...], reads: int) -> Proof:
    return Proof(plan.target, comparison.same, plan.kept, residual, reads)
