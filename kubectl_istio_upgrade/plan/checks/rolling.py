"""Will a rolling upgrade keep every part serving? Replicas, disruption budgets, and rollouts that hang already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...models.findings import About, Finding, Severity, Skipped
from ...models.installations import Component, Part
from ...models.objects import Body, MeshObject
from ...rules.matching import types
from .case import Case, found

AUTOSCALERS = types("horizontalpodautoscalers.autoscaling")
BUDGETS = types("poddisruptionbudgets.policy")

WITHOUT: dict[Part, str] = {
    Part.CONTROL_PLANE: "while its one pod is away nothing injects, validates or configures proxies",
    Part.GATEWAY: "while its one pod is away nothing gets in",
}


@dataclass(frozen=True)
class Scale:
    """How many pods a Deployment has, and what keeps them."""

    component: Component
    least: int
    """The fewest that may be: an autoscaler's minimum, or the replicas themselves."""
    budgets: tuple[MeshObject, ...]

    @property
    def obj(self) -> MeshObject:
        """The Deployment."""
        return self.component.obj


def scales(case: Case) -> Iterator[Scale]:
    """Of each Deployment of the installation; what runs on every node has no replicas."""
    scalers = {_target(each): each for each in case.objects(AUTOSCALERS)}
    budgets = case.objects(BUDGETS)
    for component in case.installation.components:
        obj = component.obj
        if obj.kind == "Deployment":
            scaler = scalers.get((obj.kind, obj.key.namespace, obj.key.name))
            spec = scaler.body["spec"].get("minReplicas", 1) if scaler else obj.body["spec"].get("replicas", 1)
            yield Scale(component, int(spec), tuple(each for each in budgets if _guards(each, obj)))


def _target(scaler: MeshObject) -> tuple[str, str, str]:
    target = scaler.body.get("spec", {}).get("scaleTargetRef") or {}
    return str(target.get("kind")), scaler.key.namespace, str(target.get("name"))


def _guards(budget: MeshObject, obj: MeshObject) -> bool:
    """By its plain labels; an expression is taken to match, because hiding a budget would be worse."""
    if budget.key.namespace != obj.key.namespace:
        return False
    wanted = (budget.body.get("spec", {}).get("selector") or {}).get("matchLabels") or {}
    template = obj.body.get("spec", {}).get("template", {}).get("metadata") or {}
    return wanted.items() <= (template.get("labels") or {}).items()


def replicas(case: Case) -> Iterator[Finding | Skipped]:
    """Parts that a single lost pod takes away, and budgets that are missing or let nothing go."""
    for scale in scales(case):
        part = scale.component.part
        if scale.least == 0:
            continue
        if scale.least == 1:
            do = "two replicas or more (values.pilot.autoscaleMin, or replicas) and a disruption budget"
            yield found("single-replica", f"one replica: {WITHOUT.get(part, '')}", do, (scale.obj,))
        elif not scale.budgets:
            what = f"{scale.least} replicas, and a drain may take them all at once: there is no disruption budget"
            yield found("no-disruption-budget", what, "", (scale.obj,))
        if stuck := [budget for budget in scale.budgets if _lets_none_go(budget)]:
            what = "this disruption budget lets no pod go: draining its node waits for ever"
            yield found("drain-blocked", what, "more replicas, or a budget of maxUnavailable 1", stuck)


def _lets_none_go(budget: MeshObject) -> bool:
    status: Body = budget.body.get("status") or {}
    return bool(status.get("expectedPods")) and not status.get("disruptionsAllowed")


def rollouts(case: Case) -> Iterator[Finding | Skipped]:
    """Parts that are down, or half-way through an earlier rollout: an upgrade would wait for them in vain."""
    for component in case.installation.components:
        wanted, current, available = _pods(component.obj)
        is_plane = component.part is Part.CONTROL_PLANE
        if is_plane and wanted and not available:
            do = f"see why: kubectl describe pods -n {component.obj.key.namespace} -l app=istiod"
            yield found("control-plane-down", f"none of its {wanted} pods is available", do, (component.obj,))
        elif min(current, available) < wanted:
            what = f"{available} of {wanted} pods available, {current} of {wanted} as the workload asks for now"
            severity = Severity.WARNING if component.obj.kind == "DaemonSet" else None
            do = f"see why: kubectl rollout status {component.obj.kind.lower()}/{component.obj.key.name}"
            do += f" -n {component.obj.key.namespace}"
            yield found("rollout-unfinished", what, do, (About.of(component.obj),), severity=severity)


def _pods(obj: MeshObject) -> tuple[int, int, int]:
    """How many are wanted, how many of those are as the workload asks for now, and how many are available.

    A workload without a status is one that nobody has looked at: it has none of all.
    """
    status: Body = obj.body.get("status") or {}
    if obj.kind == "DaemonSet":
        wanted = int(status.get("desiredNumberScheduled", 0))
        return wanted, int(status.get("updatedNumberScheduled", 0)), int(status.get("numberAvailable", 0))
    wanted = int(obj.body.get("spec", {}).get("replicas", 1))
    return wanted, int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
