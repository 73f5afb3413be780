"""How every operation that changes the mesh runs: approve, lock, snapshot, write, wait, prove, record."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from .. import interrupts
from ..apply.execution import Execution, Executor
from ..apply.guard import GuardedWriter
from ..apply.lock import ClusterLock
from ..apply.ownership import OwnershipRestorer
from ..apply.rollout import wait_for_stage
from ..capture import Capture, control_plane_versions
from ..diff.states import Select
from ..errors import IncompleteError, Interrupted, IstioUpgradeError, NotReadyError, RefusedError, StoreError
from ..models.objects import Body, State
from ..models.operations import Aim, Attempt, End, Opening, Operation, Restarted
from ..models.plans import FollowUp, Plan, PlannedChange, Proof, StepResult
from ..models.probes import ProbeCount
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo, Versions
from ..normalise.inventory import proxy_versions
from ..ports import ClusterWriter, Journal, Watch
from ..prove import prove, with_restarts
from ..rules.order import STAGES
from ..rules.restarts import BATCH
from . import probing
from .explaining import explain
from .records import Course, intent_of, made_by, record_of, safe_to_keep, steps_of
from .session import WritingSession
from .surveying import still_stale

Review = Callable[[Plan], bool]
"""Shows the plan to whoever decides; True to go on. Raises RefusedError when there is nobody to ask."""

FRESH = timedelta(seconds=10)
"""For how long a reading of the mesh may serve as the safety snapshot. If trying the plan and approving it take longer,
the mesh is read again: what others did meanwhile belongs to the state before, too."""

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


def carry_out(session: WritingSession, task: Task, review: Review) -> Finished:
    """Run an approved plan to its proof.

    Raises RefusedError when a probe fails already, it is not approved, or the cluster is locked, and Interrupted on
    Ctrl-C before the first write: nothing was changed. Raises IncompleteError when it stops after that: then the
    operation is unfinished, and `resume` or `abort` comes next.
    """
    with begun(session, task, review) as run:
        run.watch.phase(probing.WRITING)
        execution = run.write(task.plan)
        OwnershipRestorer(session.reader, run.writer).complete(task.unowned, session.progress.note)
        run.watch.phase(probing.PROOF)
        proof, captured = prove(task.plan, task.promise(), session.capture, task.select)
        proof = with_restarts(proof, task.plan, session.reader)
        left = still_stale(session, captured, task.plan.writes)
        return run.conclude(replace(proof, residual=(*proof.residual, *left)), captured, execution)


@contextmanager
def begun(session: WritingSession, task: Task, review: Review) -> Iterator[Run]:
    """What precedes the first write of every operation: probes, approval, the lock, the safety snapshot, the journal.

    Whatever stops it after that becomes an IncompleteError that says what comes next. Raises as `carry_out`.
    """
    interrupts.admit()
    stack = contextlib.ExitStack()
    run: Run | None = None
    try:
        run = _begun(stack, session, task, review)
        with _told(session, run.watch):
            yield run
    except KeyboardInterrupt as error:
        if run is None:
            raise Interrupted("interrupted; nothing was changed") from error
        raise run.unproved("interrupted") from error
    except (IncompleteError, RefusedError):
        raise
    except Exception as error:
        if run is None:
            raise
        raise run.unproved(str(error) or type(error).__name__) from error
    finally:
        _leave(stack, session)


def _begun(stack: contextlib.ExitStack, session: WritingSession, task: Task, review: Review) -> Run:
    """Up to the journal, which Ctrl-C finds there or not there. Where it is stopped, nothing of it stays."""
    watch = stack.enter_context(session.prober.running())
    task = _probed(session, task, watch)
    if task.plan.has_work and not review(task.plan):
        raise RefusedError("not confirmed; nothing was changed")
    check = stack.enter_context(_lock(session, task).held())
    id_ = task.continues.opening.id if task.continues else _new_id()
    opening = _opening(session, task, id_, _safety_snapshot(session, task, id_))
    attempt = _attempt(session, task)
    with interrupts.held_back() as interrupted:
        journal = stack.enter_context(contextlib.closing(_journal(session, task, opening, attempt)))
        run = Run(session, task, check, watch, opening, attempt, journal)
        if not interrupted():
            run.begin()
        elif task.continues is None:
            run.drop()
    return run


def _leave(stack: contextlib.ExitStack, session: WritingSession) -> None:
    """Give the lock back and end the probes. Ctrl-C cuts it short: how the operation has ended stays as it is."""
    try:
        with interrupts.cut_short():
            stack.close()
    except KeyboardInterrupt:
        session.progress.note("interrupted at the end of the operation, which that does not change")


def _probed(session: WritingSession, task: Task, watch: Watch) -> Task:
    """The task, with what the probes already say against it among the warnings of its plan."""
    goes_on = task.continues is not None
    warnings = probing.check_before(watch, session.prober, task.plan.operation, goes_on=goes_on)
    return replace(task, plan=replace(task.plan, warnings=(*warnings, *task.plan.warnings)))


@contextmanager
def _told(session: WritingSession, watch: Watch) -> Iterator[None]:
    """Where an operation stops, there is no record of it for what the probes have seen: it is told."""
    try:
        yield
    except BaseException:
        for line in probing.told(watch.counts()):
            session.progress.note(line)
        raise


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
        """Carry out a plan. Raises IncompleteError, or RefusedError where it is certain that nothing was changed.

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
        message = f"after {_words(task)}"
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

    def _stopped(self, execution: Execution, plan: Plan, *, alone: bool) -> IncompleteError | RefusedError:
        cause = execution.failure.message if execution.failure else ""
        hint = execution.failure.hint if execution.failure else None
        if alone and execution.changed_nothing and self.task.continues is None:
            self._end(End.NOTHING)
            return RefusedError(f"stopped before the first write, nothing was changed: {cause}", hint=hint)
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


def _attempt(session: WritingSession, task: Task) -> Attempt:
    steps = tuple((change.key, change.action) for change in task.plan.writes)
    return Attempt(task.aim, task.plan.hash, session.holder, datetime.now(UTC), steps)


def _journal(session: WritingSession, task: Task, opening: Opening, attempt: Attempt) -> Journal:
    """The journal, with this run on record. Raises StoreError; then nothing was changed."""
    store, branch = session.store, session.branch
    if task.continues is None:
        return store.begin(branch, opening, attempt)
    journal = store.go_on(branch)
    journal.attempt(attempt)
    return journal


def _lock(session: WritingSession, task: Task) -> ClusterLock:
    return ClusterLock(
        session.reader,
        session.connect_writer(),
        session.root_namespace,
        session.holder,
        _words(task),
        session.store.identity,
        session.progress.note,
    )


def _safety_snapshot(session: WritingSession, task: Task, id_: str) -> SnapshotInfo:
    captured = task.captured if datetime.now(UTC) - task.captured.taken < FRESH else session.capture()
    intent = intent_of(task.plan, task.target, task.aim, id_, task.continues)
    return session.store.commit(session.branch, captured.draft(Purpose.BEFORE, f"before {_words(task)}", intent))


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _opening(session: WritingSession, task: Task, id_: str, here: SnapshotInfo) -> Opening:
    """Of the operation that goes on, or of a new one whose way back is `here`."""
    if task.continues:
        return task.continues.opening
    now = datetime.now(UTC).replace(microsecond=0)
    request = {**task.request, "exclude": [*session.options.exclude], "rootNamespace": session.root_namespace}
    return Opening(id_, task.plan.operation, task.target, task.plan.target, here.commit, now, request)


def _words(task: Task) -> str:
    """`rollback to snapshot 3f2a91c`, `resume rollback to …`, `abort rollback to …`."""
    if task.continues is None:
        return f"{task.plan.operation} to {task.plan.target}"
    return f"{'abort' if task.aim is Aim.BEFORE else 'resume'} {task.continues}"
