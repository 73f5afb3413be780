"""Carrying an upgrade out, phase by phase, from the approval to the record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ...apply.execution import Execution
from ...errors import IncompleteError, NothingWrittenError, ToolError
from ...models.operations import Operation
from ...models.upgrades import Phase
from .. import applying
from ..explaining import ANALYZE, analysed
from ..records import safe_to_keep
from ..run import Finished, Run, Task
from ..running import Review, begun
from ..session import WritingSession
from .following import Following, ailing
from .phases import Phases, Skip
from .preparing import Prepared
from .telling import told
from .ways import Watch


def run(
    session: WritingSession,
    prepared: Prepared,
    phases: Phases,
    review: Review,
    watch: Watch,
    continues: Operation | None = None,
) -> Finished:
    """Carry out a prepared upgrade, be it the rest of an unfinished one. Raises as `operations.running.carry_out`."""
    task = Task(
        prepared.plan,
        prepared.captured,
        lambda: applying.promised(session, prepared.applied),
        prepared.keys.__contains__,
        prepared.request.to,
        safe_to_keep(prepared.request.to_data(), session.store.digester()),
        continues,
        values=prepared.applied.values,
        batch=prepared.request.batch,
    )
    with begun(session, task, review) as run:
        phases.record_in(run.journal, run.watch)
        with _analysed(run, prepared):
            execution = _applied(run, prepared, phases, watch)
        following = Following(run, prepared, phases)
        following.validate()
        with _analysed(run, prepared):
            following.restart()
        proof, captured = following.prove(task.promise())
        more = told(prepared, phases, following.validation)
        return run.conclude(proof, captured, execution, more, following.left)


def _applied(run: Run, prepared: Prepared, phases: Phases, watch: Watch) -> Execution:
    execution = Execution(())
    with phases.phase(Phase.APPLY) as tell:
        if not prepared.plan.writes and not prepared.way.behind:
            raise Skip("everything is already as the new release has it")
        try:
            execution = _installed(run, prepared, watch)
        except NothingWrittenError:  # with that the operation has ended
            phases.forget_record()
            raise
        tell(f"{len(prepared.plan.writes)} objects by {prepared.way.name}")
    return execution


def _installed(run: Run, prepared: Prepared, watch: Watch) -> Execution:
    try:
        return prepared.way.install(run, prepared.plan, watch)
    except (IncompleteError, ToolError) as error:
        if error.hint:  # our own engine has said what ails, and what comes next
            raise
        message = "\n".join((error.message, *ailing(run.session)))
        raise run.stopped(IncompleteError(message)) from error


@contextmanager
def _analysed(run: Run, prepared: Prepared) -> Iterator[None]:
    """What fails is told with what istioctl finds wrong then. (A validation that fails has asked it itself.)"""
    try:
        yield
    except IncompleteError as error:
        run.session.progress.note(f"asking {ANALYZE} ...")
        found = analysed(prepared.istioctl, prepared.plane.revision, prepared.analysed_before)
        raise IncompleteError("\n".join((error.message, *found)), hint=error.hint) from error
