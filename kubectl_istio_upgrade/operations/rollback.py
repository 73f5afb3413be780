"""Taking the mesh back to a snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from ..apply.trial import Trial
from ..capture import Capture
from ..diff.states import Select
from ..errors import UsageError
from ..models.objects import Body, State
from ..models.operations import Aim, Operation
from ..models.plans import Plan
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo
from ..normalise.authority import ca_alarms, ca_fingerprints
from ..plan.judging import Crds
from ..plan.ownership import unowned
from ..plan.relaxing import around_dead_webhooks
from ..plan.rollback import RollbackOptions, plan_rollback
from ..plan.secrets import SecretSources, values_for
from ..ports import SealedValues
from ..rules.scope import SECRET
from .comparable import comparable
from .instances import live_instances, live_services, live_unlisted
from .permissions import check_permissions
from .run import Finished, Task
from .running import Review, carry_out
from .selecting import selection
from .session import WritingSession
from .unrestarting import NO_RESTARTS, Restarts, Unrestarting, restarts_since
from .webhooks import find_dead_webhooks

Workloads = Literal["undo", "stale", "none"]
"""What becomes of workloads: what this program restarted gets its template of before; `stale`: and what else runs
another proxy than will be injected is restarted; nothing."""


@dataclass(frozen=True)
class Request:
    """What the user asks for, apart from the target. Plain values, so that the journal can keep them for `resume`."""

    only: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    delete_added: bool = True
    crds: Crds = Crds.AUTO
    restore_crds: tuple[str, ...] = ()
    restore_secrets: tuple[str, ...] = ()
    workloads: Workloads = "undo"
    at: str = ""
    """The value of the annotation by which `stale` restarts."""
    undoes: str = ""
    """The upgrade that it takes back, by its id: what others have done since stays, and nothing else is chosen."""

    def restarts(self, session: WritingSession, target: SnapshotInfo) -> Restarts:
        """What is done about workloads. Raises StoreError."""
        if self.workloads == "none":
            return Restarts()
        stale_at = self.at if self.workloads == "stale" else ""
        return Restarts(restarts_since(session, target), stale_at, tell_stale=not stale_at)

    def options(self, state: State) -> RollbackOptions:
        """What it means for a target. Raises UsageError for a selector that names nothing."""
        select = selection(self.only, self.namespaces, state.types)
        return RollbackOptions(
            select,
            self.delete_added,
            crds=self.crds,
            restore_crds=frozenset(self.restore_crds),
            restore_secrets=frozenset(self.restore_secrets),
        )

    def to_data(self) -> Body:
        """As the journal has it."""
        return {
            "only": [*self.only],
            "namespaces": [*self.namespaces],
            "deleteAdded": self.delete_added,
            "crds": str(self.crds),
            "restoreCrds": [*self.restore_crds],
            "restoreSecrets": [*self.restore_secrets],
            "workloads": self.workloads,
            "at": self.at,
            "undoes": self.undoes,
        }

    @classmethod
    def of_data(cls, data: Body) -> Request:
        """The inverse. Raises KeyError or TypeError for damage."""
        return cls(
            only=tuple(data["only"]),
            namespaces=tuple(data["namespaces"]),
            delete_added=bool(data["deleteAdded"]),
            crds=Crds(data["crds"]),
            restore_crds=tuple(data["restoreCrds"]),
            restore_secrets=tuple(data["restoreSecrets"]),
            workloads=data.get("workloads", "none"),
            at=data.get("at", ""),
            undoes=data.get("undoes", ""),
        )


@dataclass(frozen=True)
class Planned:
    """A rollback that has been planned and tried on the server, and not begun."""

    target: SnapshotInfo
    state: State
    captured: Capture
    plan: Plan
    select: Select
    values: Values = field(default=NO_VALUES, repr=False)
    """What the digests in the plan's bodies stand for."""


def prepare(
    session: WritingSession,
    target: SnapshotInfo,
    options: RollbackOptions,
    restarts: Restarts = NO_RESTARTS,
    proved: Select | None = None,
) -> Planned:
    """Plan the way to a snapshot and try every write on the server. Changes nothing.

    `proved` is what the proof looks at beside what is planned, where that is not simply what is selected.

    Raises RefusedError when a permission is missing or the server would not accept a write, StoreError when any of the
    snapshot cannot be read, needed or not.
    """
    session.check_comparable(target)
    sealed = session.store.sealed(target, session.identities)
    state = session.store.state(target)

    def read_ahead() -> None:
        session.store.read_ahead(session.branch)
        session.store.check(target)
        _ = state.versions

    captured = session.capture(meanwhile=read_ahead)
    session.store.check(target)
    options = replace(
        _knowing(session, options, captured),
        age=replace(options.age, taken=target.meta.created),  # no time of an import, on whose word nothing is deleted
        secrets=_sources(session, sealed),
    )
    state, options, warnings = comparable(target, state, sealed, session.store.digester(), options)
    _check_named(options.restore_secrets, captured.state, state)
    plan = plan_rollback(captured.state, state, options)
    dead = find_dead_webhooks(session.reader, captured, state)
    plan = around_dead_webhooks(plan, captured.state, state, dead)
    plan = Unrestarting(session, captured, state, dead, options.select).added(plan, restarts)
    plan = replace(plan, warnings=(*_ca_alarms(captured, target), *plan.warnings, *warnings))
    values = values_for(plan)
    if plan.writes:
        asked = check_permissions(session, plan.writes)
        plan = Trial(session.sender(values), session.progress).of_plan(plan)
        check_permissions(session, plan.writes, asked)  # an update may have become a recreation
    return Planned(target, state, captured, plan, proved or options.select, values)


def _knowing(session: WritingSession, options: RollbackOptions, captured: Capture) -> RollbackOptions:
    """The options, with what finds in the cluster what the capture does not hold."""
    reader, types = session.reader, captured.state.types
    return replace(
        options,
        instances=live_instances(reader, types),
        services=live_services(reader, types),
        unlisted=live_unlisted(reader, session.secrets, captured),
    )


def run(session: WritingSession, planned: Planned, request: Request, review: Review) -> Finished:
    """Carry out a prepared rollback."""
    return carry_out(session, _task(planned, request.to_data()), review)


def go_on(session: WritingSession, planned: Planned, operation: Operation, aim: Aim, review: Review) -> Finished:
    """Carry out a prepared rollback as part of an unfinished operation: to its target, or back to the state before."""
    left = unowned(planned.plan, operation.keys, planned.captured.state, planned.state)
    task = _task(planned, operation.opening.request)
    return carry_out(session, replace(task, continues=operation, aim=aim, unowned=left), review)


def _task(planned: Planned, request: Body) -> Task:
    target = planned.target.commit

    def promise() -> State:
        return planned.state

    return Task(planned.plan, planned.captured, promise, planned.select, target, request, values=planned.values)


def _check_named(names: Iterable[str], *states: State) -> None:
    """A name that means nothing is a slip that would leave the CA as it is, unnoticed."""
    known = {f"{key.namespace}/{key.name}" for state in states for key in state.versions if key.resource == SECRET}
    for name in sorted(set(names) - known):
        hint = "write it as NAMESPACE/NAME, such as istio-system/cacerts"
        raise UsageError(f"there is no Secret {name!r}, neither in the mesh nor in the snapshot", hint=hint)


def _ca_alarms(captured: Capture, target: SnapshotInfo) -> tuple[str, ...]:
    recorded = target.meta.ca_fingerprints
    if recorded is None or target.meta.purpose is Purpose.IMPORT:
        return ()
    live = ca_fingerprints(captured.state.objects.values())
    return tuple(ca_alarms(live, recorded, f"snapshot {target.short}"))


def _sources(session: WritingSession, sealed: SealedValues) -> SecretSources:
    return SecretSources(
        is_sealed=sealed.__contains__,
        unseal=sealed.open,
        identified=bool(session.identities),
        sealing=bool(session.store.recipients()),
    )
