"""One run of an operation: what it is to do, what it does from its first line in the journal on, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from .. import interrupts
from ..apply.execution import Execution, Executor
from ..apply.guard import GuardedWriter
from ..apply.rollout import wait_for_stage
from ..capture import Capture, control_plane_versions
from ..diff.states import Select
from ..errors import IncompleteError, IstioUpgradeError, NothingWrittenError, NotReadyError, StoreError
from ..models.objects import Body, State
from ..models.operations import Aim, Attempt, End, Opening, Operation, Restarted
from ..models.plans import FollowUp, Plan, PlannedChange, Proof, StepResult
from ..models.probes import ProbeCount
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo, Versions
from ..normalise.inventory import proxy_versions
from ..ports import ClusterWriter, Journal, Watch
from ..rules.order import STAGES
from ..rules.restarts import BATCH
from . import probing
from .explaining import explain
from .records import Course, made_by, record_of, safe_to_keep, steps_of
from .session import WritingSession

NEXT = "`kubectl istio-upgrade resume` finishes it, `kubectl istio-upgrade abort` takes it back to snapshot {before}"


@dataclass(frozen=True)
class Finished:
    """An operation that ran to its end; whether the proof holds and traffic passes is for the caller to act on."""

    plan: Plan
    proof: Proof
    before: SnapshotInfo
    after: SnapshotInfo
    seconds: float
    probes: tuple[ProbeCount, ...] = ()


@dataclass(frozen=True)
class Task:
    """What to carry out."""

    plan: Plan
    captured: Capture
    """The reading that the plan was made from."""
    promise: Callable[[], State]
    """What the proof compares with, asked for once everything is written."""
    select: Select
    target: str
    """The commit of the target, or the names of the manifests."""
    request: Body
    """What was asked for, in the words of the operation's own module, which plans it again from them."""
    continues: Operation | None = None
    """The unfinished operation that this goes on with, or takes back."""
    aim: Aim = Aim.TARGET
    unowned: tuple[PlannedChange, ...] = ()
    """Objects that an earlier run has put back, and whose owners it may not have: see `plan.ownership`."""
    values: Values = field(default=NO_VALUES, repr=False)
    """What the digests in the plan's bodies stand for."""
    batch: int = BATCH
    """Workloads that are restarted at once."""


@dataclass(frozen=True)
class Run:
    """One run of an operation, from its first line in the journal on."""

    session: WritingSession
    task: Task
    check: Callable[[], None]
    """Raises LostLockError once the cluster's lock is not ours any more."""
    watch: Watch
    """The probes. An operation of several phases says when each begins."""
    opening: Opening
    attempt: Attempt
    """This very run, as the journal has it."""
    journal: Journal
    started: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    clock: float = field(default_factory=time.monotonic)
    results: list[StepResult] = field(default_factory=list)
    """Every write of this run, and every restart, for the record: an operation may carry out several plans."""
    restarts: list[Restarted] = field(default_factory=list)

    @cached_property
    def writer(self) -> ClusterWriter:
        """Writes only while the lock is ours."""
        return GuardedWriter(self.session.connect_writer(), self.check)

    def begin(self) -> None:
        """The journal is there: from now on there is something to resume or abort."""
        interrupts.begin(self._next())

    def drop(self) -> None:
        """End the journal of an operation that has changed nothing. Raises IncompleteError where that fails."""
        try:
            self.journal.end(End.NOTHING, "")
        except StoreError as error:
            raise self.unproved(error.message) from error

    def write(self, plan: Plan, *, alone: bool = True) -> Execution:
        """Carry out a plan. Raises IncompleteError, or NothingWrittenError where that is certain.

        That is never certain of a plan that is not `alone`: something else of the operation has come before it.
        """
        session = self.session
        sender = session.sender(self.task.values, self.writer)
        execution = Executor(sender, self.journal, session.progress, session.timeout, self.task.batch).execute(plan)
        self.results.extend(execution.results)
        self.restarts.extend(made_by(plan, execution))
        if execution.failure is not None:
            raise self._stopped(execution, plan, alone=alone) from execution.failure
        return execution

    def settle(self, changes: Sequence[PlannedChange]) -> None:
        """Wait for what an earlier run has written of the same stage. Raises IncompleteError."""
        try:
            for stage in sorted({change.stage for change in changes}):
                wait_for_stage(self.session.reader, STAGES[stage], changes, self.session.timeout, self.session.progress)
        except NotReadyError as error:
            lines = explain(self.session.reader, error.objects)
            raise IncompleteError("\n".join((error.message, *lines)), hint=f"{error.hint}\n{self._next()}") from error

    def conclude(
        self,
        proof: Proof,
        captured: Capture,
        execution: Execution,
        told: Body | None = None,
        further: Sequence[FollowUp] = (),
    ) -> Finished:
        """Look a last time at the probes, commit the last snapshot with the record, and end the journal.

        `told` is what the operation's own module has to add to the record: phases, findings, …; `further` is
        what has turned out to be left to people.
        """
        session, task = self.session, self.task
        plan = replace(task.plan, follow_ups=(*task.plan.follow_ups, *further))
        seconds = time.monotonic() - self.clock
        self.watch.phase(probing.AFTER)
        probes = self.watch.observe(probing.LAST)
        steps = steps_of(task.continues, Execution((*self.results, *execution.results)))
        before = session.store.resolve(session.branch, self.opening.before)
        course = self._course(before, captured, seconds)
        record = record_of(self.opening, task.aim, plan, steps, proof, course) | (told or {})
        record |= probing.recorded(probes)
        record = safe_to_keep(record, session.store.digester())
        message = f"after {words_of(task)}"
        after = session.store.commit(session.branch, captured.draft(Purpose.AFTER, message, record))
        self._end(End.PROVED if proof.holds else End.UNPROVED, after.commit)
        return Finished(plan, proof, before, after, seconds, probes)

    def _end(self, end: End, after: str = "") -> None:
        """Once that is on record Ctrl-C is too late: it is told how the operation has ended."""
        with interrupts.held_back():
            self.journal.end(end, after)
            interrupts.end()

    def _course(self, before: SnapshotInfo, captured: Capture, seconds: float) -> Course:
        earlier = self.task.continues.attempts if self.task.continues else ()
        return Course(
            attempts=(*earlier, self.attempt),
            context=self.session.context,
            before=Versions(before.meta.istio_versions, proxy_versions(self.session.store.workloads(before))),
            after=Versions(control_plane_versions(captured.state.objects.values()), proxy_versions(captured.workloads)),
            started=self.started,
            seconds=seconds,
            restarts=(*(self.task.continues.restarts if self.task.continues else ()), *self.restarts),
        )

    def _stopped(self, execution: Execution, plan: Plan, *, alone: bool) -> IncompleteError | NothingWrittenError:
        cause = execution.failure.message if execution.failure else ""
        hint = execution.failure.hint if execution.failure else None
        if alone and execution.changed_nothing and self.task.continues is None:
            self._end(End.NOTHING)
            return NothingWrittenError(f"stopped before the first write, nothing was changed: {cause}", hint=hint)
        message = f"stopped with {execution.written} of {len(plan.writes)} writes complete: {cause}"
        if isinstance(execution.failure, NotReadyError):
            message = "\n".join((message, *explain(self.session.reader, execution.failure.objects)))
        return IncompleteError(message, hint=f"{hint}\n{self._next()}" if hint else self._next())

    def stopped(self, error: IstioUpgradeError) -> IncompleteError:
        """The error for an installer that has failed half-way: what it says, and what comes next."""
        hint = f"{error.hint}\n{self._next()}" if error.hint else self._next()
        return IncompleteError(error.message, hint=hint)

    def unproved(self, why: str) -> IncompleteError:
        """The error for whatever comes between the first write and the proof."""
        message = f"stopped before the mesh was proved to be as planned: {why}"
        return IncompleteError(message, hint=self._next())

    def _next(self) -> str:
        return NEXT.format(before=self.opening.before[:7])


def words_of(task: Task) -> str:
    """`rollback to snapshot 3f2a91c`, `resume rollback to …`, `abort rollback to …`."""
    if task.continues is None:
        return f"{task.plan.operation} to {task.plan.target}"
    return f"{'abort' if task.aim is Aim.BEFORE else 'resume'} {task.continues}"
