"""Carrying an upgrade out, phase by phase, from the approval to the record."""

from __future__ import annotations

from ...apply.execution import Execution
from ...errors import IncompleteError, ToolError
from ...models.operations import Operation
from ...models.upgrades import Phase
from ...prove import prove
from .. import applying
from ..running import Finished, Review, Run, Task, begun
from ..session import WritingSession
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
        prepared.request.to_data(),
        continues,
        values=prepared.applied.values,
    )
    with begun(session, task, review) as run:
        phases.record_in(run.journal, run.watch)
        with phases.phase(Phase.APPLY) as tell:
            execution = Execution(())
            if not prepared.plan.writes:
                raise Skip("everything is already as the new release has it")
            execution = _installed(run, prepared, watch)
            tell(f"{len(prepared.plan.writes)} objects by {prepared.way.name}")
        with phases.phase(Phase.AFTER) as tell:
            proof, captured = prove(task.plan, task.promise(), session.capture, task.select)
            tell(f"{proof.identical} objects as promised, {len(proof.residual)} not")
        return run.conclude(proof, captured, execution, told(prepared, phases))


def _installed(run: Run, prepared: Prepared, watch: Watch) -> Execution:
    try:
        return prepared.way.install(run, prepared.plan, watch)
    except (IncompleteError, ToolError) as error:
        if error.hint:  # our own engine has said what comes next
            raise
        raise run.stopped(error) from error
