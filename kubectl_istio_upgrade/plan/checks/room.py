"""Has any node room for the pod that a rolling upgrade adds before it takes an old one away?"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ...models.findings import Finding, Skipped, Unknown
from ...models.objects import Body, MeshObject
from ...normalise.inventory import has_ended
from .case import Case, found
from .rolling import scales

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[numkMGTPE]|[KMGTPE]i)?")
_UNITS: Mapping[str, float] = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", start=1)},
}  # fmt: skip
_DEFAULT_SURGE = "25%"
_PATIENT_EFFECTS = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Resources:
    """CPU in cores, memory in bytes, and a number of pods."""

    cpu: float = 0.0
    memory: float = 0.0
    pods: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(self.cpu + other.cpu, self.memory + other.memory, self.pods + other.pods)

    def fits(self, room: Resources) -> bool:
        """Whether all of it is there."""
        return self.cpu <= room.cpu and self.memory <= room.memory and self.pods <= room.pods

    def without(self, other: Resources) -> Resources:
        """What is left."""
        return Resources(self.cpu - other.cpu, self.memory - other.memory, self.pods - other.pods)

    def __str__(self) -> str:
        return f"{self.cpu * 1000:.0f}m CPU and {self.memory / 1024**2:.0f}Mi memory"


def quantity(text: object) -> float:
    """Kubernetes' notation as a number: `500m`, `2Gi`, `1e3`. What is none counts as nothing."""
    match = _QUANTITY.fullmatch(str(text).strip())
    return float(match["number"]) * _UNITS[match["unit"] or ""] if match else 0.0


def room(case: Case) -> Iterator[Finding | Skipped]:
    """Deployments that can only roll by adding a pod first, and whose pod fits on no node.

    Looked at are requests, taints, node selectors and readiness. Affinity and spreading are not: they leave less room.
    """
    nodes, pods = case.evidence.nodes, case.evidence.pods
    for missing in (nodes, pods):
        if isinstance(missing, Unknown):
            yield Skipped("room for a rolling upgrade", missing.why)
            return
    if isinstance(nodes, Unknown) or isinstance(pods, Unknown):
        return
    free = _free(nodes, pods)
    for scale in scales(case):
        if not scale.least or not _must_surge(scale.obj):
            continue
        template = scale.obj.body["spec"]["template"]["spec"]
        need = requests(template)
        if not any(need.fits(free[_name(node)]) and _takes(node, template) for node in nodes):
            what = f"no node has room for one more pod ({need}), and none may go before that: the upgrade would hang"
            yield found("no-room", what, "make room; --ignore no-room where an autoscaler adds nodes", (scale.obj,))


def requests(spec: Body) -> Resources:
    """What a pod asks for: its containers and native sidecars together or, if that is more, an init container."""
    inits = spec.get("initContainers") or ()
    running = [*(spec.get("containers") or ()), *(each for each in inits if each.get("restartPolicy") == "Always")]
    together = sum((_requested(each) for each in running), _overhead(spec))
    single = [_requested(each) for each in inits]
    cpu = max([together.cpu, *(each.cpu for each in single)])
    return Resources(cpu, max([together.memory, *(each.memory for each in single)]), 1)


def _requested(container: Body) -> Resources:
    asked = (container.get("resources") or {}).get("requests") or {}
    return Resources(quantity(asked.get("cpu", 0)), quantity(asked.get("memory", 0)))


def _overhead(spec: Body) -> Resources:
    extra = spec.get("overhead") or {}
    return Resources(quantity(extra.get("cpu", 0)), quantity(extra.get("memory", 0)))


def _free(nodes: Iterable[Body], pods: Iterable[Body]) -> dict[str, Resources]:
    used: dict[str, Resources] = defaultdict(Resources)
    for pod in pods:
        spec = pod.get("spec") or {}
        if spec.get("nodeName") and not has_ended(pod):
            used[spec["nodeName"]] += requests(spec)
    return {_name(node): _allocatable(node).without(used[_name(node)]) for node in nodes}


def _name(node: Body) -> str:
    return str(node["metadata"]["name"])


def _allocatable(node: Body) -> Resources:
    given = (node.get("status") or {}).get("allocatable") or {}
    return Resources(
        quantity(given.get("cpu", 0)), quantity(given.get("memory", 0)), int(quantity(given.get("pods", 0)))
    )


def _takes(node: Body, template: Body) -> bool:
    spec = node.get("spec") or {}
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    labels = node["metadata"].get("labels") or {}
    if spec.get("unschedulable") or not ready or not (template.get("nodeSelector") or {}).items() <= labels.items():
        return False
    taints = [taint for taint in spec.get("taints") or () if taint.get("effect") in _PATIENT_EFFECTS]
    return all(any(_tolerates(each, taint) for each in template.get("tolerations") or ()) for taint in taints)


def _tolerates(toleration: Body, taint: Body) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    return toleration.get("key") == taint.get("key") and (toleration.get("value") or "") == (taint.get("value") or "")


def _must_surge(obj: MeshObject) -> bool:
    """Whether the Deployment takes no pod away before a new one is ready: by its replicas as they are now."""
    count = obj.body["spec"].get("replicas", 1)
    strategy = obj.body["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return False
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", _DEFAULT_SURGE), count, math.ceil)
    return surge > 0 and _share(rolling.get("maxUnavailable", _DEFAULT_SURGE), count, math.floor) == 0


def _share(value: object, count: int, rounded: object) -> int:
    text = str(value)
    if text.endswith("%"):
        share = quantity(text[:-1]) * count / 100
        return math.ceil(share) if rounded is math.ceil else math.floor(share)
    return int(quantity(text))
