"""Waiting until disruption budgets allow a restart.

Rollouts do not ask them: they are a matter of evictions. So this program does, for every rollout that takes pods away
before others have come.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from ..errors import NotReadyError
from ..models.objects import Body, ResourceType
from ..models.plans import PlannedChange
from ..plan.disruption import allows, budgets_of
from ..ports import ClusterReader, ListQuery, Progress

BUDGETS = ResourceType("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", namespaced=True)

POLL = 1.0
"""Seconds between two looks."""


def wait_for_budgets(
    reader: ClusterReader, changes: Sequence[PlannedChange], timeout: float, progress: Progress
) -> None:
    """Return when every budget allows what these restarts may take away at once.

    Raises NotReadyError naming the budgets that still do not after `timeout` seconds; nothing of these is restarted
    then. Raises ClusterError when budgets cannot be read.
    """
    waiting = [change for change in changes if change.restart and change.restart.takes]
    deadline = time.monotonic() + timeout
    while waiting:
        refusals = dict(_refusals(reader, waiting))
        if not refusals:
            return
        if time.monotonic() >= deadline:
            lines = "\n".join(f"  {key}: {why}" for key, why in sorted(refusals.items()))
            message = f"disruption budgets did not allow it within {timeout:.0f} s:\n{lines}"
            hint = "are all of its pods healthy? or give it more time with --timeout"
            raise NotReadyError(message, hint=hint, objects=tuple(sorted(refusals)))
        progress.note(f"waiting for disruption budgets: {'; '.join(sorted(refusals.values()))}")
        time.sleep(POLL)


def _refusals(reader: ClusterReader, changes: Sequence[PlannedChange]) -> Iterator[tuple[str, str]]:
    namespaces = sorted({change.key.namespace for change in changes})
    budgets: dict[str, list[Body]] = {}
    for query, items in reader.list_all([ListQuery(BUDGETS, namespace) for namespace in namespaces], ""):
        budgets[str(query.namespace)] = items
    for change in changes:
        if change.restart:
            for budget in budgets_of(change.restart.labels, budgets[change.key.namespace]):
                if allows(budget) < change.restart.takes:
                    name = f"{change.key.namespace}/{budget['metadata']['name']}"
                    yield str(change.key), refusal(name, allows(budget), change.restart.takes)


def refusal(budget: str, allowed: int, takes: int) -> str:
    """In words."""
    pods = "1 pod" if takes == 1 else f"{takes} pods"
    return f"its rollout may take {pods} away at once, PodDisruptionBudget {budget} allows {allowed}"
