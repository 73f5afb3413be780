"""How many pods a rollout may take away before others have come, and whether their budgets allow so many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..models.objects import Body, Json
from .guarding import matches


def takes_away(workload: Body) -> int:
    """Pods that a rollout of this workload may make unavailable at once, by its own strategy.

    0 where new pods come first (`maxSurge`): such a rollout leaves no budget with less than it had. The rules are those
    of the controllers (kubernetes: pkg/controller/deployment/util `ResolveFenceposts`, pkg/controller/daemon `update`).
    """
    spec = workload.get("spec") or {}
    judges = {"Deployment": _deployment, "DaemonSet": _daemon_set, "StatefulSet": _stateful_set}
    judge = judges.get(str(workload.get("kind")))
    return judge(spec, workload.get("status") or {}) if judge else 0


def _deployment(spec: Body, _status: Body) -> int:
    pods = int(spec.get("replicas", 1))
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return pods
    rolling = strategy.get("rollingUpdate") or {}
    unavailable = math.floor(_share(rolling.get("maxUnavailable", "25%"), pods))
    surge = math.ceil(_share(rolling.get("maxSurge", "25%"), pods))
    return min(pods, unavailable or (0 if surge else 1))


def _daemon_set(spec: Body, status: Body) -> int:
    pods = int(status.get("desiredNumberScheduled", 1))
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    if _share(rolling.get("maxSurge", 0), pods):
        return 0
    return min(pods, max(1, math.ceil(_share(rolling.get("maxUnavailable", 1), pods))))


def _stateful_set(spec: Body, _status: Body) -> int:
    pods = int(spec.get("replicas", 1))
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
    return min(pods, max(1, math.floor(_share(rolling.get("maxUnavailable", 1), pods))))


def _share(value: Json, pods: int) -> float:
    """A number of pods, given as one or as a percentage."""
    return value if isinstance(value, int) else int(str(value).removesuffix("%")) * pods / 100


def budgets_of(labels: Mapping[str, str], budgets: Iterable[Body]) -> tuple[Body, ...]:
    """The PodDisruptionBudgets (of one namespace) that select pods with these labels, by name.

    An empty selector selects all, none selects nothing (policy/v1).
    """
    chosen = (
        budget
        for budget in budgets
        if (selector := (budget.get("spec") or {}).get("selector")) is not None and matches(selector, labels)
    )
    return tuple(sorted(chosen, key=lambda budget: str(budget["metadata"]["name"])))


def allows(budget: Body) -> int:
    """Disruptions that a budget allows now. One whose controller has not seen it yet allows none."""
    status = budget.get("status") or {}
    seen = status.get("observedGeneration", 0) >= budget["metadata"].get("generation", 0)
    return int(status.get("disruptionsAllowed", 0)) if seen else 0


def never_allows(budget: Body, takes: int) -> bool:
    """Whether it would not allow so many even with every pod healthy: waiting is of no use."""
    status = budget.get("status") or {}
    if "expectedPods" not in status:
        return False
    return int(status["expectedPods"]) - int(status.get("desiredHealthy", 0)) < takes
