"""Carrying an upgrade out, phase by phase, from the approval to the record."""

from __future__ import annotations

from ...apply.execution import Execution
from ...models.operations import Operation
from ...models.upgrades import Phase
from ...prove import prove
from .. import applying
from ..running import Finished, Review, Task, begun
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
        phases.record_in(run.journal)
        with phases.phase(Phase.APPLY) as tell:
            execution = Execution(())
            if not prepared.plan.writes:
                raise Skip("everything is already as the new release has it")
            execution = prepared.way.install(run, prepared.plan, watch)
            tell(f"{len(prepared.plan.writes)} objects by {prepared.way.name}")
        with phases.phase(Phase.AFTER) as tell:
            proof, captured = prove(task.plan, task.promise(), session.capture, task.select)
            tell(f"{proof.identical} objects as promised, {len(proof.residual)} not")
        return run.conclude(proof, captured, execution, told(prepared, phases))
