"""How every operation that changes the mesh runs: approve, snapshot, write, wait, prove, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..apply.execution import Execution, Executor
from ..capture import Capture
from ..diff.paths import dotted
from ..diff.states import Select
from ..errors import IncompleteError, Interrupted, RefusedError
from ..models.objects import Body, State
from ..models.plans import Plan, Proof
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo
from ..prove import prove
from .session import WritingSession

Review = Callable[[Plan], bool]
"""Shows the plan to whoever decides; True to go on. Raises RefusedError when there is nobody to ask."""

FRESH = timedelta(seconds=10)
"""For how long a reading of the mesh may serve as the safety snapshot. If trying the plan and approving it take longer,
the mesh is read again: what others did meanwhile belongs to the state before, too."""


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
    values: Values = field(default=NO_VALUES, repr=False)
    """What the digests in the plan's bodies stand for."""


def carry_out(session: WritingSession, task: Task, review: Review) -> Finished:
    """Run an approved plan to its proof.

    Raises RefusedError when it is not approved and Interrupted on Ctrl-C before the first write: nothing was changed.
    Raises IncompleteError when a write fails; the message names the safety snapshot, which is the way back.
    """
    try:
        before = _safety_snapshot(session, task, review)
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted; nothing was changed") from error
    try:
        return _changed(session, task, before)
    except KeyboardInterrupt as error:
        raise _unproved("interrupted", before) from error
    except IncompleteError:
        raise
    except Exception as error:
        raise _unproved(str(error) or type(error).__name__, before) from error


def _changed(session: WritingSession, task: Task, before: SnapshotInfo) -> Finished:
    """From the first write on."""
    started, clock = datetime.now(UTC).replace(microsecond=0), time.monotonic()
    execution = Executor(session.sender(task.values), session.progress, session.timeout).execute(task.plan)
    if execution.failure is not None:
        raise _stopped(task.plan, execution, before) from execution.failure
    proof, captured = prove(task.plan, task.promise(), session.capture, task.select)
    seconds = time.monotonic() - clock
    record = _record(task, before, execution, proof, started, seconds)
    message = f"after {task.plan.operation} to {task.plan.target}"
    after = session.store.commit(session.branch, captured.draft(Purpose.AFTER, message, record))
    return Finished(task.plan, proof, before, after, seconds)


def _safety_snapshot(session: WritingSession, task: Task, review: Review) -> SnapshotInfo:
    if not review(task.plan):
        raise RefusedError("not confirmed; nothing was changed")
    captured = task.captured if datetime.now(UTC) - task.captured.taken < FRESH else session.capture()
    message = f"before {task.plan.operation} to {task.plan.target}"
    return session.store.commit(session.branch, captured.draft(Purpose.BEFORE, message, _intent(task)))


def _stopped(plan: Plan, execution: Execution, before: SnapshotInfo) -> IncompleteError:
    cause = execution.failure.message if execution.failure else ""
    message = f"stopped with {execution.written} of {len(plan.writes)} writes complete: {cause}"
    hint = execution.failure.hint if execution.failure else None
    return IncompleteError(message, hint=f"{hint}\n{_way_back(before)}" if hint else _way_back(before))


def _unproved(why: str, before: SnapshotInfo) -> IncompleteError:
    message = f"stopped before the mesh was proved to be as planned: {why}"
    return IncompleteError(message, hint=_way_back(before))


def _way_back(before: SnapshotInfo) -> str:
    return f"the state before is snapshot {before.short}: `kubectl istio-upgrade rollback {before.short}`"


def _intent(task: Task) -> Body:
    """`operation.yaml` of the snapshot before: what the operation set out to do."""
    return {"kind": task.plan.operation, "target": task.target, "planHash": task.plan.hash}


def _record(
    task: Task, before: SnapshotInfo, execution: Execution, proof: Proof, started: datetime, seconds: float
) -> Body:
    """`operation.yaml`; see snapshots/README.md."""
    return {
        **_intent(task),
        "before": before.commit,
        "started": started.isoformat().replace("+00:00", "Z"),
        "seconds": round(seconds, 3),
        "steps": [
            {
                "object": str(result.key),
                "action": str(result.action),
                "outcome": str(result.outcome),
                "seconds": round(result.seconds, 3),
            }
            for result in execution.results
        ],
        "proof": {
            "identical": proof.identical,
            "reads": proof.reads,
            "kept": [{"object": str(change.key), "reason": change.reason} for change in proof.kept],
            "residual": [
                {"object": str(diff.key), "change": str(diff.change), "fields": [dotted(f.path) for f in diff.fields]}
                for diff in proof.residual
            ],
        },
    }
