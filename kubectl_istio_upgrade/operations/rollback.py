"""Taking the mesh back to a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..apply.sender import Sender
from ..apply.trial import Trial
from ..capture import Capture
from ..diff.states import Select
from ..models.objects import Body, Completeness, Key, State
from ..models.operations import Aim, Operation
from ..models.plans import Plan
from ..models.snapshots import SnapshotInfo
from ..plan.judging import Crds
from ..plan.ownership import unowned
from ..plan.relaxing import around_dead_webhooks
from ..plan.rollback import RollbackOptions, plan_rollback
from ..rules.scope import SECRET
from .permissions import check_permissions
from .running import Finished, Review, Task, carry_out
from .selecting import selection
from .session import WritingSession
from .webhooks import find_dead_webhooks


@dataclass(frozen=True)
class Request:
    """What the user asks for, apart from the target. Plain values, so that the journal can keep them for `resume`."""

    only: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    delete_added: bool = True
    crds: Crds = Crds.AUTO
    restore_crds: tuple[str, ...] = ()

    def options(self, state: State) -> RollbackOptions:
        """What it means for a target. Raises UsageError for a selector that names nothing."""
        select = selection(self.only, self.namespaces, state.types)
        return RollbackOptions(select, self.delete_added, crds=self.crds, restore_crds=frozenset(self.restore_crds))

    def to_data(self) -> Body:
        """As the journal has it."""
        return {
            "only": [*self.only],
            "namespaces": [*self.namespaces],
            "deleteAdded": self.delete_added,
            "crds": str(self.crds),
            "restoreCrds": [*self.restore_crds],
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
        )


@dataclass(frozen=True)
class Planned:
    """A rollback that has been planned and tried on the server, and not begun."""

    target: SnapshotInfo
    state: State
    captured: Capture
    plan: Plan
    select: Select


def prepare(session: WritingSession, target: SnapshotInfo, options: RollbackOptions) -> Planned:
    """Plan the way to a snapshot and try every write on the server. Changes nothing.

    Raises RefusedError when a permission is missing or the server would not accept a write, StoreError when the
    snapshot cannot be read.
    """
    session.check_comparable(target)
    state = session.store.state(target)

    def read_ahead() -> None:
        session.store.read_ahead(session.branch)
        _ = state.versions

    captured = session.capture(meanwhile=read_ahead)
    options, warnings = _comparable(session, target, state, options)
    plan = plan_rollback(captured.state, state, options)
    dead = find_dead_webhooks(session.reader, captured, state)
    plan = around_dead_webhooks(plan, captured.state, state, dead)
    plan = replace(plan, warnings=(*plan.warnings, *warnings))
    if plan.writes:
        asked = check_permissions(session, plan.writes)
        plan = Trial(Sender(session.reader, session.connect_writer()), session.progress).of_plan(plan)
        check_permissions(session, plan.writes, asked)  # an update may have become a recreation
    return Planned(target, state, captured, plan, options.select)


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
    return Task(planned.plan, planned.captured, lambda: planned.state, planned.select, target, request)


def _comparable(
    session: WritingSession, target: SnapshotInfo, state: State, options: RollbackOptions
) -> tuple[RollbackOptions, tuple[str, ...]]:
    """Leave out what cannot be compared with this snapshot, and say so."""
    warnings = []
    if state.completeness is not Completeness.COMPLETE:
        warnings.append(f"{target.short} was imported from files: what is not in it is unknown and stays as it is")
    if target.meta.secret_key_id == session.store.digester().key_id:
        return options, tuple(warnings)
    warnings.append(f"Secrets are left out: {target.short} was taken with another digest key")
    chosen = options.select

    def without_secrets(key: Key) -> bool:
        return key.resource != SECRET and chosen(key)

    return replace(options, select=without_secrets), tuple(warnings)
