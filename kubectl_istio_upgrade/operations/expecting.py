"""Which proxies workloads would get from injectors that do not run yet, or not any more: read from a state, by image.

Of injectors that run the API server is asked instead: see `surveying`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..capture import Capture
from ..diff.states import Select
from ..models.objects import Key, MeshObject, State
from ..models.plans import PlannedChange
from ..models.restarts import Currency, Survey, Workload
from ..models.snapshots import WorkloadProxy
from ..normalise.inventory import PROXY
from ..plan.choosing import Choice
from ..plan.injectors import Injectors
from ..plan.restarts import pod_labels
from ..rules.restarts import OBSTACLES
from .podgroups import BY_RESOURCE, WORKLOADS
from .restarting import live_workload, workloads_plan
from .session import WritingSession


@dataclass(frozen=True)
class Stale:
    """A workload whose proxies are not those that would be injected."""

    key: Key
    live: MeshObject
    proxies: WorkloadProxy
    then: str
    """The image that its pods would get."""


def stale_under(session: WritingSession, captured: Capture, injectors: Injectors, select: Select) -> Iterator[Stale]:
    """Workloads of the mesh that run something else than these injectors would inject. Raises ClusterError."""
    usual = {injectors.image(injector, {}) for injector in injectors.all} - {""}
    for proxies in captured.workloads:
        key = _key(proxies)
        if key is None or not select(key) or not usual or set(proxies.images) <= usual:
            continue
        live = live_workload(session, key)
        then = _expected(injectors, live) if live else ""
        if live and then and {then} != set(proxies.images):
            yield Stale(key, live, proxies, then)


def _expected(injectors: Injectors, live: MeshObject) -> str:
    template = (live.body.get("spec") or {}).get("template") or {}
    injector = injectors.of(live.key.namespace, pod_labels(live.body))
    return injectors.image(injector, (template.get("metadata") or {}).get("annotations") or {}) if injector else ""


def _key(proxies: WorkloadProxy) -> Key | None:
    type_ = WORKLOADS.get(proxies.kind)
    return Key("apps", type_.plural, proxies.namespace, proxies.name) if type_ else None


def foreseen(
    session: WritingSession, captured: Capture, after: State, written: Sequence[PlannedChange], choice: Choice, at: str
) -> tuple[PlannedChange, ...]:
    """The restarts that will probably follow once the mesh is as in `after`, which `written` leads to.

    What is written itself is rolled out by that. Raises ClusterError.
    """
    if choice.none:
        return ()
    besides = {change.key for change in written}
    found = stale_under(session, captured, Injectors(after), lambda key: key not in besides)
    return tuple(workloads_plan(session, Survey(tuple(map(_workload, found)), ()), choice, at))


def _workload(stale: Stale) -> Workload:
    images = ", ".join(stale.proxies.images)
    return Workload(
        key=stale.key,
        kind=stale.live.kind,
        pods=stale.proxies.pods,
        currency=Currency.OUT_OF_DATE,
        reasons=(f"{PROXY}: image {images}, then {stale.then}",),
        obstacle=next((row.why for row in OBSTACLES if row.holds(stale.live.body)), ""),
        proxies=stale.proxies.images,
        proxy=stale.then,
        live=stale.live,
        type=BY_RESOURCE[stale.key.resource],
    )
