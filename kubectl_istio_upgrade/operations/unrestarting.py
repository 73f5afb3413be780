"""Taking restarts back: what this program did to workloads is undone with the mesh that it did it for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..apply.execution import PARALLEL
from ..capture import Capture
from ..diff.states import Select
from ..models.objects import Key, MeshObject, State
from ..models.plans import Action, FollowUp, Plan, PlannedChange, Write
from ..models.snapshots import SnapshotInfo
from ..models.webhooks import DeadWebhook
from ..plan.injectors import Injectors
from ..plan.parts import component_named
from ..plan.restarts import Undo, folded, planned_restart, pod_labels, replaces_pods, to_undo, undo_of
from ..plan.rollback import plan_hash, write_order
from ..rules.order import PARTS_AGAIN, WORKLOADS_AGAIN, stage_named
from ..rules.restarts import OBSTACLES, PARTS
from .disruption import Budgets
from .expecting import Stale, stale_under
from .podgroups import BY_RESOURCE
from .records import restarts_in
from .restarting import live_workload
from .session import WritingSession

BACK = "restarted since by this program: its template goes back to what it was, so its pods are injected anew"
STALE = "it runs {now}; the injector of {target} injects {then}"
SILENT = "its injector does not answer, so no new pod could start: {why}"
USUALLY = 50
"""Snapshots back to which most people look for a target: listing more takes git longer."""


@dataclass(frozen=True)
class Restarts:
    """What a rollback does about workloads, beside the mesh itself."""

    undo: Mapping[Key, Undo] = field(default_factory=dict)
    stale_at: str = ""
    """Also restart, with this value of the annotation, what runs another proxy than will be injected; "" leaves it."""
    tell_stale: bool = False
    """Name them as what comes next."""


NO_RESTARTS = Restarts()


def restarts_since(session: WritingSession, target: SnapshotInfo) -> Mapping[Key, Undo]:
    """What the operations have done to workloads whose records are newer than a snapshot. Raises StoreError."""
    for limit in (USUALLY, None):
        newer: list[SnapshotInfo] = []
        for info in session.store.history(session.branch, limit=limit):
            if info.commit == target.commit:
                return to_undo(restarts_in(newer))
            newer.append(info)
    return to_undo(restarts_in(newer))


@dataclass(frozen=True)
class Unrestarting:
    """Adds restarts to the plan of a rollback, after everything else that it writes."""

    session: WritingSession
    captured: Capture
    target: State
    dead: tuple[DeadWebhook, ...]
    select: Select

    @cached_property
    def budgets(self) -> Budgets:
        """Of the namespaces of these workloads."""
        return Budgets(self.session.reader)

    def added(self, plan: Plan, restarts: Restarts) -> Plan:
        """The plan with them, and with what is left to do about workloads."""
        undone = [undo for key, undo in restarts.undo.items() if self.select(key)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            changes = [change for change in pool.map(lambda undo: self._undone(undo, plan), undone) if change]
        wanted = bool(restarts.stale_at) or restarts.tell_stale
        renewed = {change.key for change in changes if change.is_write}
        renewed |= {change.key for change in plan.writes if replaces_pods(change)}
        stale = list(self._stale(renewed)) if wanted else []
        if restarts.stale_at:
            restarted = [change for each in stale for change in self._restarted(each, restarts.stale_at, plan)]
            again = {change.key for change in restarted if change.is_write}
            changes = [change for change in changes if change.key not in again] + restarted
        plan = self._merged(plan, self.budgets.noted(changes))
        left = () if restarts.stale_at else tuple(each.key for each in stale)
        return replace(plan, follow_ups=(*plan.follow_ups, *_told(left))) if left else plan

    def _undone(self, undo: Undo, plan: Plan) -> PlannedChange | None:
        type_ = BY_RESOURCE[undo.key.resource]
        live = live_workload(self.session, undo.key)
        if live is None:
            return undo_of(undo, live, type_, BACK)
        stage = PARTS_AGAIN if component_named(live) in PARTS else WORKLOADS_AGAIN
        return undo_of(undo, live, type_, BACK, kept=self._kept(live, plan), stage=stage)

    def _kept(self, live: MeshObject, plan: Plan) -> str:
        """Why it would not roll out, by its own settings, by a budget, or for want of an injector; "" where it would.

        A rollout that can never end would stop the rollback, and every `resume` of it.
        """
        by_itself = next((row.why for row in OBSTACLES if row.holds(live.body)), "")
        return by_itself or self.budgets.never(live.body) or self._silence(live, plan)

    def _silence(self, live: MeshObject, plan: Plan) -> str:
        """Why pods of it could not start: its injector is silent, and nothing in the plan changes that."""
        injectors = Injectors(self.captured.state, self.dead)
        hook = injectors.silent(injectors.of(live.key.namespace, pod_labels(live.body)))
        brought_back = any(change.stage == stage_named("control plane") for change in plan.writes)
        return SILENT.format(why=hook.why) if hook and not brought_back else ""

    def _merged(self, plan: Plan, changes: Collection[PlannedChange]) -> Plan:
        """An update that the plan makes anyway takes the restart along; what it deletes or makes needs none."""
        own = {change.key: change for change in plan.writes}
        merged, apart = {}, []
        for change in changes:
            update = own.get(change.key)
            if update is None or (update.write is Write.PUT and not change.is_write):
                apart.append(change)
            elif update.write is Write.PUT:
                merged[change.key] = folded(update, change)
        if not merged and not apart:
            return plan
        kept = [merged.get(change.key, change) if change.is_write else change for change in plan.changes]
        ordered = tuple(sorted((*kept, *apart), key=write_order))
        return replace(plan, changes=ordered, hash=plan_hash(ordered))

    def _stale(self, besides: Collection[Key]) -> Iterator[Stale]:
        """Workloads whose proxies are not those that the target's injectors inject, by their images."""
        injectors = Injectors(self.target)
        yield from stale_under(
            self.session, self.captured, injectors, lambda key: key not in besides and self.select(key)
        )

    def _restarted(self, stale: Stale, at: str, plan: Plan) -> Iterator[PlannedChange]:
        type_ = BY_RESOURCE[stale.key.resource]
        reason = STALE.format(now=", ".join(stale.proxies.images), target=self.target.label, then=stale.then)
        why = self._kept(stale.live, plan)
        change = planned_restart(stale.live, type_, at, reason=reason)
        if why:
            change = replace(change, action=Action.KEEP, write=Write.NONE, body=None, restart=None, reason=why)
        yield change


def _told(left: Collection[Key]) -> Iterator[FollowUp]:
    if left:
        names = ", ".join(f"{key.namespace}/{key.name}" for key in sorted(left))
        count = "1 workload runs" if len(left) == 1 else f"{len(left)} workloads run"
        why = f"{count} another proxy than will be injected then: {names}"
        yield FollowUp("kubectl istio-upgrade restart --plan", why)
