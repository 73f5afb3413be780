"""Restarting what is out of date, and only that: parts of the installation, gateways, applications.

As commands of their own, and as phases of an upgrade: `prepare` looks and plans, `run` carries the plan out; an upgrade
takes `look`, `parts_plan` and `workloads_plan`, and writes the plans in its own run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..apply.trial import Trial
from ..capture import Capture
from ..errors import UsageError
from ..models.objects import Body, Key, MeshObject, State
from ..models.operations import Operation
from ..models.plans import Action, FollowUp, Outcome, Plan, PlannedChange, Write
from ..models.releases import Release
from ..models.restarts import Need, Survey, Workload
from ..normalise.objects import split
from ..plan.choosing import Choice, chosen
from ..plan.owners import owners_of
from ..plan.parts import parts
from ..plan.restarts import planned_restart, restarted_at
from ..plan.rollback import plan_hash, write_order
from ..prove import prove, with_restarts
from ..rules.order import PARTS_AGAIN, WORKLOADS_AGAIN, stage_named
from ..rules.restarts import BATCH, ROLLS_ITSELF
from ..rules.scope import is_namespace
from . import probing
from .disruption import Budgets
from .installation import installation
from .permissions import check_permissions
from .podgroups import BY_RESOURCE
from .run import Finished, Task
from .running import Review, begun
from .session import WritingSession
from .surveying import SILENT, still_stale, survey

MOST_REASONS = 3
"""Differences that a plan names of one workload."""

NOT_MADE = (Outcome.FAILED, Outcome.SKIPPED)
"""Outcomes of restarts that are known not to have happened."""

OPERATION, TARGET = "restart", "current proxies"
RESTART, RESTART_PLAN = "kubectl istio-upgrade restart", "kubectl istio-upgrade restart --plan"


@dataclass(frozen=True)
class Request:
    """What the user asks for. Plain values, so that the journal can keep them for `resume`."""

    workloads: tuple[str, ...] = ()
    """`none`, `all` or selectors; nothing means what is out of date."""
    namespaces: tuple[str, ...] = ()
    batch: int = BATCH
    at: str = ""
    """The value of the annotation, the same for the whole operation; "" until it begins."""
    objects: tuple[str, ...] = ()
    """What was approved at the first run: `resume` restarts nothing else."""

    def to_data(self) -> Body:
        """As the journal has it."""
        return {
            "workloads": [*self.workloads],
            "namespaces": [*self.namespaces],
            "batch": self.batch,
            "at": self.at,
            "objects": [*self.objects],
        }

    @classmethod
    def of_data(cls, data: Body) -> Request:
        """The inverse. Raises KeyError or TypeError for damage."""
        return cls(
            workloads=tuple(data["workloads"]),
            namespaces=tuple(data["namespaces"]),
            batch=int(data["batch"]),
            at=str(data["at"]),
            objects=tuple(data["objects"]),
        )


@dataclass(frozen=True)
class Planned:
    """Restarts that have been planned and tried on the server, and not begun."""

    request: Request
    captured: Capture
    survey: Survey
    plan: Plan
    choice: Choice
    under_way: tuple[PlannedChange, ...] = ()
    """Restarts of an earlier run, which may not have rolled out yet."""

    @property
    def skipped(self) -> tuple[Workload, ...]:
        """What is chosen and stays as it is, for a reason of its own."""
        return tuple(each for each in self.survey.workloads if self.choice(each) and each.obstacle)


def now() -> str:
    """A value for the annotation, as kubectl writes it, but to the millisecond.

    kubectl's is in whole seconds. In the second in which somebody has run `kubectl rollout restart`, the same value
    would be no change, and restart nothing; and theirs would count as ours later.
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def look(session: WritingSession, captured: Capture, *, workloads_too: bool = True) -> Survey:
    """Every workload of the mesh and every part of the installation, judged. Changes nothing.

    Raises ClusterError when something cannot be read.
    """
    workloads = survey(session, captured) if workloads_too else ()
    return Survey(workloads, parts(installation(session.reader, captured), workloads))


def prepare(session: WritingSession, request: Request, continues: Operation | None = None) -> Planned:
    """Look, plan, and try every restart on the server. Changes nothing.

    Of an operation that goes on, what is left; what was approved and cannot be done any more is kept, with the reason.

    Raises UsageError for a selector that means nothing or fits nothing, RefusedError when a permission is missing or
    the server would not accept a restart.
    """
    choice = chosen(request.workloads, request.namespaces)
    captured = session.capture()
    found = look(session, captured)
    if continues is None:
        _check_met(choice, found, captured)
    request = replace(request, at=request.at or now())
    changes = [*parts_plan(found, request.at), *workloads_plan(session, found, choice, request.at)]
    if request.objects:
        changes = [change for change in changes if str(change.key) in request.objects]
    kept = _not_any_more(found, request)
    plan = sealed([*without_made(changes, request.at), *kept], found, captured.state)
    stale = [each for each in found.stale if each.key in {change.key for change in kept}]
    plan = replace(plan, blockers=silent(found, choice), follow_ups=tuple(follow_ups(stale, ())))
    if plan.writes:
        check_permissions(session, plan.writes)
        plan = Trial(session.sender(), session.progress).of_plan(plan)
    approved = request.objects or tuple(str(change.key) for change in plan.writes)
    return Planned(replace(request, objects=approved), captured, found, plan, choice, under_way(session, continues))


def _check_met(choice: Choice, found: Survey, captured: Capture) -> None:
    """As kubectl does of a name that is not there."""
    namespaces = {key.name for key in captured.state.versions if is_namespace(key)}
    namespaces |= {each.key.namespace for each in found.workloads}
    if gone := sorted(set(choice.namespaces) - namespaces):
        raise UsageError(f"the mesh has no namespace {', '.join(gone)}")
    if unmet := choice.unmet(found.workloads):
        hint = "`kubectl istio-upgrade restart --plan` lists them; what has no proxy is none of them"
        raise UsageError(f"no workload of the mesh is {' or '.join(map(repr, unmet))}", hint=hint)


def without_made(changes: Iterable[PlannedChange], at: str) -> list[PlannedChange]:
    """Those that no earlier run of the operation has made, whose pods may still be on their way."""
    return [change for change in changes if change.restart and change.restart.before != at]


def _not_any_more(found: Survey, request: Request) -> list[PlannedChange]:
    """Restarts that were approved, have not been made, and are not to be made now."""
    stage = stage_named(WORKLOADS_AGAIN)
    return [
        PlannedChange(each.key, each.type, Action.KEEP, Write.NONE, stage, live=each.live, reason=each.obstacle)
        for each in found.stale
        if str(each.key) in request.objects and each.obstacle and each.live and each.type
        if restarted_at(each.live.body) != request.at
    ]


def follow_ups(stale: Iterable[Workload], restarted: Iterable[PlannedChange]) -> Iterator[FollowUp]:
    """What stays out of date, for whoever looks after it."""
    keys = {change.key for change in restarted}
    left = [each for each in stale if each.key not in keys and each.obstacle != ROLLS_ITSELF]
    if able := [each for each in left if not each.obstacle]:
        yield FollowUp(RESTART, f"an outdated proxy runs in {_names(able)}")
    if others := [each for each in left if each.obstacle]:
        yield FollowUp(RESTART_PLAN, f"it says why these stay with an outdated proxy: {_names(others)}")


def _names(workloads: Sequence[Workload]) -> str:
    return ", ".join(f"{each.key.namespace}/{each.key.name}" for each in workloads)


def under_way(session: WritingSession, operation: Operation | None) -> tuple[PlannedChange, ...]:
    """The restarts that earlier runs of an operation have made: they may not have rolled out. Raises ClusterError."""
    made = {each.key: each for each in (operation.restarts if operation else ()) if each.outcome not in NOT_MADE}
    found = []
    for key, restart in made.items():
        live = live_workload(session, key)
        if live and restart.after and restarted_at(live.body) == restart.after:
            found.append(planned_restart(live, BY_RESOURCE[key.resource], restart.after, reason=restart.reason))
    return tuple(found)


def live_workload(session: WritingSession, key: Key) -> MeshObject | None:
    """The workload as it is, without secret values; None where it is gone. Raises ClusterError."""
    type_ = BY_RESOURCE[key.resource]
    body = session.reader.get(type_, key)
    return None if body is None else session.secrets.withheld(split(body, type_))


def silent(found: Survey, choice: Choice) -> tuple[str, ...]:
    """Injectors that do not answer: what is out of date could not be made anew, and would be gone."""
    silent = Counter(each.obstacle for each in found.workloads if choice(each) and each.obstacle.startswith(SILENT))
    return tuple(f"{count} out of date, and {why}" for why, count in sorted(silent.items()))


def parts_plan(found: Survey, at: str) -> list[PlannedChange]:
    """Restarts of the parts of the installation that need one."""
    needed = (part.workload for part in found.parts if part.need is Need.NEEDED and part.workload)
    return [change for each in needed for change in _restart(each, at, PARTS_AGAIN)]


def workloads_plan(session: WritingSession, found: Survey, choice: Choice, at: str) -> list[PlannedChange]:
    """Restarts of the workloads that are chosen and that nothing keeps from it."""
    able = (each for each in found.workloads if choice(each) and not each.obstacle)
    changes = [change for each in able for change in _restart(each, at, WORKLOADS_AGAIN)]
    return Budgets(session.reader).noted(changes)


def _restart(workload: Workload, at: str, stage: str) -> Iterable[PlannedChange]:
    if workload.live and workload.type:
        more = f"and {len(workload.reasons) - MOST_REASONS} more" if len(workload.reasons) > MOST_REASONS else ""
        reasons = filter(None, (*workload.reasons[:MOST_REASONS], more))
        reason = "; ".join(reasons) or "asked for, although it is up to date"
        change = planned_restart(workload.live, workload.type, at, reason=reason, stage=stage)
        versions = (", ".join(map(_version, workload.proxies)), _version(workload.proxy))
        restart = replace(change.restart, proxies=versions) if change.restart else None
        yield replace(change, notes=workload.notes, restart=restart)


def _version(image: str) -> str:
    """The release where the tag is one, else the tag or digest."""
    return str(Release.of_image(image) or image.rpartition("/")[2].partition(":")[2] or image)


def sealed(changes: Iterable[PlannedChange], found: Survey, live: State) -> Plan:
    """Restarts as a plan: in their order, bound to what they were computed from."""
    ordered = tuple(sorted(changes, key=write_order))
    same = sum(1 for each in found.workloads if not each.currency.is_stale)
    owners = owners_of(ordered, live.versions.keys())
    return Plan(OPERATION, TARGET, ordered, same, plan_hash(ordered), owners=owners)


def run(session: WritingSession, planned: Planned, review: Review, continues: Operation | None = None) -> Finished:
    """Carry out prepared restarts, be it the rest of an unfinished operation.

    The proof: every annotation is as planned, and new pods would now be what runs. Raises as `running.carry_out`.
    """
    task = Task(
        planned.plan,
        planned.captured,
        lambda: planned.captured.state,
        lambda _key: False,
        TARGET,
        planned.request.to_data(),
        continues,
        batch=planned.request.batch,
    )
    with begun(session, task, review) as running:
        running.watch.phase(probing.WRITING)
        running.settle(planned.under_way)
        execution = running.write(planned.plan)
        running.watch.phase(probing.PROOF)
        proof, captured = prove(planned.plan, planned.captured.state, session.capture, lambda _key: False)
        proof = with_restarts(proof, planned.plan, session.reader)
        left = still_stale(session, captured, (*planned.under_way, *planned.plan.writes))
        proof = replace(proof, residual=(*proof.residual, *left))
        return running.conclude(proof, captured, execution)
