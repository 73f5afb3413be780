"""The disruption budgets of workloads, each namespace's read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..apply.budgets import BUDGETS
from ..models.objects import Body
from ..models.plans import PlannedChange
from ..plan.disruption import budgets_of, never_allows, takes_away
from ..plan.restarts import pod_labels
from ..ports import ClusterReader, ListQuery


@dataclass(frozen=True)
class Budgets:
    """Safe for threads: the worst is that a namespace is read twice."""

    reader: ClusterReader
    _read: dict[str, list[Body]] = field(default_factory=dict)

    def of(self, workload: Body) -> tuple[Body, ...]:
        """Those that select its pods. Raises ClusterError."""
        namespace = workload["metadata"]["namespace"]
        if namespace not in self._read:
            answers = self.reader.list_all([ListQuery(BUDGETS, namespace)], "")
            self._read[namespace] = [item for _, items in answers for item in items]
        return budgets_of(pod_labels(workload), self._read[namespace])

    def never(self, workload: Body) -> str:
        """Why one of them will never let this workload roll out; "" where they may."""
        takes, namespace = takes_away(workload), workload["metadata"]["namespace"]
        for budget in self.of(workload) if takes else ():
            if never_allows(budget, takes):
                name = f"{namespace}/{budget['metadata']['name']}"
                count = "a pod" if takes == 1 else f"{takes} pods"
                return f"its rollout takes {count} away at once, which PodDisruptionBudget {name} never allows"
        return ""

    def noted(self, changes: Sequence[PlannedChange]) -> list[PlannedChange]:
        """Restarts with the names of their budgets, by which they are kept apart."""
        return [self._noted(change) for change in changes]

    def _noted(self, change: PlannedChange) -> PlannedChange:
        if change.restart is None or change.live is None or not change.restart.takes:
            return change
        names = tuple(str(budget["metadata"]["name"]) for budget in self.of(change.live.body))
        return replace(change, restart=replace(change.restart, budgets=names))
