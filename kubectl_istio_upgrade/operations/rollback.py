"""Taking the mesh back to a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..apply.sender import Sender
from ..apply.trial import Trial
from ..capture import Capture
from ..models.objects import Completeness, Key, State
from ..models.plans import Plan
from ..models.snapshots import SnapshotInfo
from ..plan.rollback import RollbackOptions, plan_rollback
from ..rules.scope import SECRET
from .permissions import check_permissions
from .running import Finished, Review, Task, carry_out
from .session import WritingSession


@dataclass(frozen=True)
class Planned:
    """A rollback that has been planned and tried on the server, and not begun."""

    target: SnapshotInfo
    state: State
    captured: Capture
    plan: Plan
    options: RollbackOptions


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
    plan = replace(plan, warnings=(*plan.warnings, *warnings))
    if plan.writes:
        asked = check_permissions(session, plan.writes)
        plan = Trial(Sender(session.reader, session.connect_writer()), session.progress).of_plan(plan)
        check_permissions(session, plan.writes, asked)  # an update may have become a recreation
    return Planned(target, state, captured, plan, options)


def run(session: WritingSession, planned: Planned, review: Review) -> Finished:
    """Carry out a prepared rollback."""
    select, target = planned.options.select, planned.target.commit
    task = Task(planned.plan, planned.captured, lambda: planned.state, select, target)
    return carry_out(session, task, review)


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
