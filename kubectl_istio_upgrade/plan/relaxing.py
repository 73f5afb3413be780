"""A plan that does not wait for webhooks that nobody serves: where one must be relaxed, that is a step, and undone.

The order of writing restores istiod before what istiod validates, so most plans need none of this. A webhook has to be
relaxed when it fails closed and is asked about a write that comes before it can answer again: because the plan does not
restore what serves it, or does so only later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..diff.states import compare
from ..models.objects import Body, Key, MeshObject, State
from ..models.plans import Action, Plan, PlannedChange, Write
from ..models.webhooks import DeadWebhook, ServiceName
from ..normalise.relaxing import RELAXED, is_relaxed, relaxed
from ..rules.fields import WORKLOADS
from ..rules.order import NEWER_VALUES, PUT_BACK, RELAXING, stage_named
from .guarding import guards, matches
from .revise import as_kept
from .rollback import plan_hash, write_order

PUTS_BACK = "puts back what this plan relaxed, once everything else is written"
DELETED_FIRST = "deleted first: it fails closed and nobody answers for it"
OUTSIDE = "outside the selection: only relaxed and put back as it was"


def around_dead_webhooks(plan: Plan, live: State, target: State, dead: Sequence[DeadWebhook]) -> Plan:
    """The plan with a step for each webhook configuration that would block it, the step that undoes it, and warnings.

    What a run that died has left relaxed is put back last as well.
    """
    states = _States(live, target, plan.changes)
    blocking = [hook for hook in dead if hook.fails_closed and states.blocks(hook)]
    changes = list(plan.changes)
    for key in dict.fromkeys(hook.configuration for hook in blocking):
        hooks = [hook for hook in blocking if hook.configuration == key]
        own = [change for change in changes if change.key == key]
        changes = [change for change in changes if change.key != key] + states.steps(key, hooks, own)
    ordered = tuple(sorted(map(_put_back_last, changes), key=write_order))
    told = tuple(_warnings(dead, {hook.configuration for hook in blocking}, states))
    return replace(plan, changes=ordered, hash=plan_hash(ordered), warnings=(*plan.warnings, *told))


def _put_back_last(change: PlannedChange) -> PlannedChange:
    if change.write is Write.PUT and change.live is not None and is_relaxed(change.live):
        return replace(change, stage=stage_named(PUT_BACK))
    return change


@dataclass(frozen=True)
class _States:
    live: State
    target: State
    changes: Sequence[PlannedChange]

    def blocks(self, hook: DeadWebhook) -> bool:
        """Whether the webhook is asked about a write before it can answer."""
        back = self.comes_back(hook)
        return any(
            guards(hook, change, self.live) and (back is None or (not _is_late(change) and change.stage <= back))
            for change in self.changes
            if change.is_write
        )

    def comes_back(self, hook: DeadWebhook) -> int | None:
        """The stage after which this plan lets the webhook answer; None when it does not."""
        needs: list[list[int]] = []
        if hook.needs_service:
            needs.append([change.stage for change in self._restored() if _is_service(change.key, hook.service)])
        if hook.needs_workload:
            needs.append([change.stage for change in self._restored() if self._serves(change, hook.service)])
        return max(map(max, needs)) if needs and all(needs) else None

    def _restored(self) -> Iterable[PlannedChange]:
        return (change for change in self.changes if change.is_write and change.action is not Action.DELETE)

    def _serves(self, change: PlannedChange, service: ServiceName) -> bool:
        if change.key.resource not in WORKLOADS or change.key.namespace != service.namespace or change.target is None:
            return False
        if not _starts_pods(change):
            return False
        spec, selector = change.target.body.get("spec") or {}, self._selector(service)
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        return bool(selector) and spec.get("replicas", 1) != 0 and matches({"matchLabels": selector}, labels)

    def _selector(self, service: ServiceName) -> Body:
        key = Key("", "services", *service)
        states = (state for state in (self.target, self.live) if key in state.versions)
        found = (state.load([key])[key].body.get("spec", {}).get("selector") for state in states)
        return next((selector for selector in found if selector), {})

    def steps(self, key: Key, hooks: Sequence[DeadWebhook], own: list[PlannedChange]) -> list[PlannedChange]:
        """What becomes of one configuration that would block the plan, given what was planned for it anyway."""
        original = self.live.load([key])[key]
        eased = relaxed(original, [hook.webhook for hook in hooks])
        planned = next((change for change in own if change.is_write), None)
        if planned and planned.action is Action.DELETE:
            return [replace(planned, stage=stage_named(RELAXING), notes=(*planned.notes, DELETED_FIRST))]
        relax = self._relax(original, eased, hooks)
        if planned:
            notes = (*planned.notes, PUTS_BACK)
            return [relax, replace(planned, live=eased, stage=stage_named(PUT_BACK), notes=notes)]
        return [relax, _put_back(relax, original, eased), *(own or self._unselected(relax))]

    def _relax(self, original: MeshObject, eased: MeshObject, hooks: Sequence[DeadWebhook]) -> PlannedChange:
        server = original.server
        metadata = {"annotations": {RELAXED: eased.annotations[RELAXED]}, **_preconditions(original)}
        return PlannedChange(
            key=original.key,
            type=next(type_ for type_ in self.live.types if type_.resource == original.key.resource),
            action=Action.RELAX,
            write=Write.PATCH,
            stage=stage_named(RELAXING),
            body={"metadata": metadata, "webhooks": eased.body["webhooks"]},
            uid=server.uid,
            resource_version=server.resource_version,
            reason="; ".join(f"{hook.webhook} fails closed, and {hook.why}" for hook in hooks),
            live=original,
        )

    def _unselected(self, relax: PlannedChange) -> list[PlannedChange]:
        """A difference that the user left out stays: said, so that the proof does not take it for ours."""
        diffs = compare(self.live, self.target, relax.key.__eq__).diffs
        return [as_kept(replace(relax, diff=diff, target=diff.after), OUTSIDE) for diff in diffs]


def _put_back(relax: PlannedChange, original: MeshObject, eased: MeshObject) -> PlannedChange:
    """The write that makes the object what it was, whatever istiod has done to its CA meanwhile."""
    body = {**original.body, "metadata": {**original.body["metadata"], **_preconditions(original)}}
    return replace(
        relax,
        action=Action.UPDATE,
        write=Write.PUT,
        stage=stage_named(PUT_BACK),
        body=body,
        reason="",
        notes=(PUTS_BACK,),
        live=eased,
        target=original,
    )


def _preconditions(obj: MeshObject) -> Body:
    return {"uid": obj.server.uid, "resourceVersion": obj.server.resource_version}


def _is_late(change: PlannedChange) -> bool:
    return change.action is Action.DELETE and change.stage != stage_named(NEWER_VALUES)


def _starts_pods(change: PlannedChange) -> bool:
    """A label of the workload itself, for one, starts nothing that is not running."""
    if change.action is not Action.UPDATE or change.diff is None:
        return True
    return any(field.path[:2] in (("spec", "template"), ("spec", "replicas")) for field in change.diff.fields)


def _is_service(key: Key, service: ServiceName) -> bool:
    return key == Key("", "services", *service)


def _warnings(dead: Sequence[DeadWebhook], eased: set[Key], states: _States) -> Iterable[str]:
    """One line for each configuration, reason and consequence."""
    told: dict[tuple[Key, str, str], list[str]] = {}
    for hook in dead:
        told.setdefault((hook.configuration, hook.why, _consequence(hook, eased, states)), []).append(hook.webhook)
    for (configuration, why, consequence), names in told.items():
        silent = f"{', '.join(names)} {'do' if len(names) > 1 else 'does'} not answer"
        yield f"{configuration.name}: {silent}: {why}; {consequence}"


def _consequence(hook: DeadWebhook, eased: set[Key], states: _States) -> str:
    if not hook.fails_closed:
        return "fails open: what should be checked passes unchecked"
    blocked = f"fails closed: {_blocked(hook)}"
    if hook.configuration in eased:
        return f"{blocked}; this plan relaxes it first and puts it back last"
    back = states.comes_back(hook) is not None
    return f"{blocked} until {'this plan brings it back' if back else 'somebody serves it'}"


def _blocked(hook: DeadWebhook) -> str:
    groups = sorted({group or "core" for rule in hook.rules for group in rule.get("apiGroups") or ()})
    resources = {name for rule in hook.rules for name in rule.get("resources") or ()}
    if resources == {"pods"}:
        return "no pod that it selects can start"
    operations = {name.lower() for rule in hook.rules for name in rule.get("operations") or ()}
    return f"every {', '.join(sorted(operations))} in {', '.join(groups)} is refused"
