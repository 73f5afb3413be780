"""How every operation that changes the mesh runs: approve, lock, snapshot, write, wait, prove, record."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from .. import interrupts
from ..apply.lock import ClusterLock
from ..apply.ownership import OwnershipRestorer
from ..errors import IncompleteError, Interrupted, NothingWrittenError, RefusedError
from ..models.operations import Attempt, Opening
from ..models.plans import Plan
from ..models.snapshots import Purpose, SnapshotInfo
from ..ports import Journal, Watch
from ..prove import prove, with_restarts
from . import probing
from .records import intent_of
from .run import Finished, Run, Task, words_of
from .session import WritingSession
from .surveying import still_stale

Review = Callable[[Plan], bool]
"""Shows the plan to whoever decides; True to go on. Raises RefusedError when there is nobody to ask."""

FRESH = timedelta(seconds=10)
"""For how long a reading of the mesh may serve as the safety snapshot. If trying the plan and approving it take longer,
the mesh is read again: what others did meanwhile belongs to the state before, too."""


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
    except (IncompleteError, NothingWrittenError):
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
        words_of(task),
        session.store.identity,
        session.progress.note,
    )


def _safety_snapshot(session: WritingSession, task: Task, id_: str) -> SnapshotInfo:
    captured = task.captured if datetime.now(UTC) - task.captured.taken < FRESH else session.capture()
    intent = intent_of(task.plan, task.target, task.aim, id_, task.continues)
    return session.store.commit(session.branch, captured.draft(Purpose.BEFORE, f"before {words_of(task)}", intent))


def _new_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _opening(session: WritingSession, task: Task, id_: str, here: SnapshotInfo) -> Opening:
    """Of the operation that goes on, or of a new one whose way back is `here`."""
    if task.continues:
        return task.continues.opening
    now = datetime.now(UTC).replace(microsecond=0)
    request = {**task.request, "exclude": [*session.options.exclude], "rootNamespace": session.root_namespace}
    return Opening(id_, task.plan.operation, task.target, task.plan.target, here.commit, now, request)
