"""How every operation that changes the mesh runs: approve, lock, snapshot, write, wait, prove, record."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..apply.execution import Execution, Executor
from ..apply.guard import GuardedWriter
from ..apply.lease import ClusterLock
from ..apply.ownership import OwnershipRestorer
from ..capture import Capture
from ..diff.states import Select
from ..errors import IncompleteError, Interrupted, RefusedError
from ..models.objects import Body, State
from ..models.operations import Aim, Attempt, End, Opening, Operation
from ..models.plans import Plan, PlannedChange, Proof
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo
from ..ports import Journal
from ..prove import prove
from .records import intent_of, record_of, steps_of
from .session import WritingSession

Review = Callable[[Plan], bool]
"""Shows the plan to whoever decides; True to go on. Raises RefusedError when there is nobody to ask."""

FRESH = timedelta(seconds=10)
"""For how long a reading of the mesh may serve as the safety snapshot. If trying the plan and approving it take longer,
the mesh is read again: what others did meanwhile belongs to the state before, too."""

NEXT = "`kubectl istio-upgrade resume` finishes it, `kubectl istio-upgrade abort` takes it back to snapshot {before}"


@dataclass(frozen=True)
class Finished:
    """An operation that ran to its end; whether the proof holds is for the caller to act on."""

    plan: Plan
    proof: Proof
    before: SnapshotInfo
    after: SnapshotInfo
    seconds: float


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


def carry_out(session: WritingSession, task: Task, review: Review) -> Finished:
    """Run an approved plan to its proof.

    Raises RefusedError when it is not approved or the cluster is locked, and Interrupted on Ctrl-C before the first
    write: nothing was changed. Raises IncompleteError when it stops after that: then the operation is unfinished, and
    `resume` or `abort` comes next.
    """
    with contextlib.ExitStack() as stack:
        try:
            if task.plan.writes and not review(task.plan):
                raise RefusedError("not confirmed; nothing was changed")
            check = stack.enter_context(_lock(session, task).held())
            here = _safety_snapshot(session, task)
            run = _Run(session, task, check, _opening(session, task, here))
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted; nothing was changed") from error
        with contextlib.closing(run.begin()) as journal:
            return run.to_its_end(journal)


@dataclass(frozen=True)
class _Run:
    """One run of an operation, from its first line in the journal on."""

    session: WritingSession
    task: Task
    check: Callable[[], None]
    opening: Opening

    def begin(self) -> Journal:
        """The journal, with this run on record. Raises StoreError; then nothing was changed."""
        branch = self.session.branch
        store = self.session.store
        journal = store.go_on(branch) if self.task.continues else store.begin(branch, self.opening)
        plan = self.task.plan
        steps = tuple((change.key, change.action) for change in plan.writes)
        journal.attempt(Attempt(self.task.aim, plan.hash, self.session.holder, datetime.now(UTC), steps))
        return journal

    def to_its_end(self, journal: Journal) -> Finished:
        """Write, prove, record. Raises IncompleteError for whatever comes between."""
        try:
            return self._changed(journal)
        except KeyboardInterrupt as error:
            raise self._unproved("interrupted") from error
        except (IncompleteError, RefusedError):
            raise
        except Exception as error:
            raise self._unproved(str(error) or type(error).__name__) from error

    def _changed(self, journal: Journal) -> Finished:
        started, clock = datetime.now(UTC).replace(microsecond=0), time.monotonic()
        session, task = self.session, self.task
        writer = GuardedWriter(session.connect_writer(), self.check)
        sender = session.sender(task.values, writer)
        execution = Executor(sender, journal, session.progress, session.timeout).execute(task.plan)
        if execution.failure is not None:
            raise self._stopped(execution, journal) from execution.failure
        OwnershipRestorer(session.reader, writer).complete(task.unowned, session.progress.note)
        proof, captured = prove(task.plan, task.promise(), session.capture, task.select)
        seconds = time.monotonic() - clock
        steps = steps_of(task.continues, execution)
        record = record_of(self.opening, task.aim, task.plan, steps, proof, started, seconds)
        message = f"after {_words(task)}"
        after = session.store.commit(session.branch, captured.draft(Purpose.AFTER, message, record))
        journal.end(End.PROVED if proof.holds else End.UNPROVED, after.commit)
        before = session.store.resolve(session.branch, self.opening.before)
        return Finished(task.plan, proof, before, after, seconds)

    def _stopped(self, execution: Execution, journal: Journal) -> IncompleteError | RefusedError:
        cause = execution.failure.message if execution.failure else ""
        hint = execution.failure.hint if execution.failure else None
        if execution.changed_nothing and self.task.continues is None:
            journal.end(End.NOTHING, "")
            return RefusedError(f"stopped before the first write, nothing was changed: {cause}", hint=hint)
        message = f"stopped with {execution.written} of {len(self.task.plan.writes)} writes complete: {cause}"
        return IncompleteError(message, hint=f"{hint}\n{self._next()}" if hint else self._next())

    def _unproved(self, why: str) -> IncompleteError:
        message = f"stopped before the mesh was proved to be as planned: {why}"
        return IncompleteError(message, hint=self._next())

    def _next(self) -> str:
        return NEXT.format(before=self.opening.before[:7])


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


def _safety_snapshot(session: WritingSession, task: Task) -> SnapshotInfo:
    captured = task.captured if datetime.now(UTC) - task.captured.taken < FRESH else session.capture()
    intent = intent_of(task.plan, task.target, task.aim, task.continues)
    return session.store.commit(session.branch, captured.draft(Purpose.BEFORE, f"before {_words(task)}", intent))


def _opening(session: WritingSession, task: Task, here: SnapshotInfo) -> Opening:
    """Of the operation that goes on, or of a new one whose way back is `here`."""
    if task.continues:
        return task.continues.opening
    now = datetime.now(UTC).replace(microsecond=0)
    id_ = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    request = {**task.request, "exclude": [*session.options.exclude], "rootNamespace": session.root_namespace}
    return Opening(id_, task.plan.operation, task.target, task.plan.target, here.commit, now, request)


def _words(task: Task) -> str:
    """`rollback to snapshot 3f2a91c`, `resume rollback to …`, `abort rollback to …`."""
    if task.continues is None:
        return f"{task.plan.operation} to {task.plan.target}"
    return f"{'abort' if task.aim is Aim.BEFORE else 'resume'} {task.continues}"
