"""`operation.yaml`: what a snapshot says of the operation that it begins or ends; see snapshots/README.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..apply.execution import Execution
from ..diff.paths import dotted
from ..models.objects import Body, Key, MeshObject
from ..models.operations import ABORT, Aim, Attempt, Holder, Opening, Operation, Restarted, Step, Written
from ..models.plans import Outcome, Plan, Proof
from ..models.snapshots import SnapshotInfo, Versions
from ..models.upgrades import Phase, PhaseOutcome, PhaseResult
from ..normalise.secrets import without_values
from ..plan.restarts import restarted_by
from ..ports import Digester

RESUME = "resume"
"""The command of a run that goes on with an operation."""

_RECORD = Key("kubectl-istio-upgrade", "operations", "", "record")

PENDING = "pending"
"""The outcome of a write that has not begun."""


@dataclass(frozen=True)
class Course:
    """How an operation went, apart from its writes and its proof."""

    attempts: tuple[Attempt, ...]
    """Every run, the last one included."""
    context: str
    """The kubeconfig context of the last run."""
    before: Versions
    after: Versions
    started: datetime
    """When the last run began to write."""
    seconds: float
    """What the last run took."""
    restarts: tuple[Restarted, ...] = ()
    """Of every run, in the order in which they were made."""


def intent_of(plan: Plan, target: str, aim: Aim, id_: str, continues: Operation | None) -> Body:
    """Of the snapshot before: what the operation sets out to do."""
    kind = ABORT if aim is Aim.BEFORE else plan.operation
    intent: Body = {"id": id_, "kind": kind, "target": target, "planHash": plan.hash}
    return intent | ({"continues": continues.opening.id} if continues else {})


def record_of(opening: Opening, aim: Aim, plan: Plan, steps: Sequence[Body], proof: Proof, course: Course) -> Body:
    """Of the snapshot after: what it did, whom it restarted, and the proof."""
    record: Body = {
        **_head(opening, aim),
        "planHash": plan.hash,
        "context": course.context,
        "holder": _holder(course.attempts[-1].holder),
        "started": _text(course.started),
        "seconds": round(course.seconds, 3),
        "versions": {"before": _versions(course.before), "after": _versions(course.after)},
        "warnings": list(plan.warnings),
        "followUps": [{"command": follow_up.command, "why": follow_up.why} for follow_up in plan.follow_ups],
        "attempts": attempts_of(opening, course.attempts),
        "steps": list(steps),
        "proof": _proof(proof),
    }
    return record | ({"restarts": [restart.to_data() for restart in course.restarts]} if course.restarts else {})


def safe_to_keep(record: Body, digester: Digester) -> Body:
    """The record with digests in the place of what looks like a credential: in settings, errors, addresses of probes.

    What an operation is told and what programs print is no object of the mesh, so nothing else has looked at it.
    """
    return without_values(MeshObject(_RECORD, record), digester).body


def record_so_far(operation: Operation) -> Body:
    """The same of an operation without a record, as its journal has it; what its end would tell is not there."""
    attempts = operation.attempts
    written = [_step(step, entry) for step, entry in operation.written.items()]
    pending = attempts[-1].steps if attempts and operation.end is None else ()
    return {
        **_head(operation.opening, operation.aim),
        **({"planHash": attempts[-1].plan_hash, "holder": _holder(attempts[-1].holder)} if attempts else {}),
        "attempts": attempts_of(operation.opening, attempts),
        **({"phases": phases_of(operation.phases)} if operation.phases else {}),
        "steps": written + [_pending(step) for step in pending if step not in operation.written],
        **({"restarts": [restart.to_data() for restart in operation.restarts]} if operation.restarts else {}),
    }


def attempts_of(opening: Opening, attempts: Sequence[Attempt]) -> list[Body]:
    """Every run, by the command that made it."""
    return [
        {
            "aim": str(attempt.aim),
            "command": ABORT if attempt.aim is Aim.BEFORE else RESUME if number else opening.kind,
            "holder": _holder(attempt.holder),
            "started": _text(attempt.started),
            "steps": len(attempt.steps),
        }
        for number, attempt in enumerate(attempts)
    ]


def phases_of(results: Iterable[PhaseResult]) -> list[Body]:
    """Every phase of every run, once: as it ended, or as begun where nobody noted an end."""
    last: dict[tuple[Phase, datetime], PhaseResult] = {}
    for result in results:
        last[result.phase, result.started] = result
    return [_phase(result) for result in last.values()]


def _phase(result: PhaseResult) -> Body:
    told: Body = {"phase": str(result.phase), "outcome": str(result.outcome), "started": _text(result.started)}
    ended = {} if result.outcome is PhaseOutcome.BEGUN else {"seconds": round(result.seconds, 3)}
    texts = (("detail", result.detail), ("reason", result.reason))
    return told | ended | {name: text for name, text in texts if text}


def steps_of(continues: Operation | None, execution: Execution) -> list[Body]:
    """Every write of the operation: those of earlier runs, as their journal has them, and those of the last."""
    results = {
        (result.key, result.action): Written(result.outcome, result.reason, result.seconds)
        for result in execution.results
    }
    return [_step(step, entry) for step, entry in ({**(continues.written if continues else {})} | results).items()]


def _step(step: Step, entry: Written) -> Body:
    key, action = step
    outcome = str(entry.outcome or Outcome.UNKNOWN)
    told: Body = {"object": str(key), "action": str(action), "outcome": outcome, "seconds": round(entry.seconds, 3)}
    return told | ({"reason": entry.reason} if entry.reason else {})


def _pending(step: Step) -> Body:
    key, action = step
    return {"object": str(key), "action": str(action), "outcome": PENDING}


def _head(opening: Opening, aim: Aim) -> Body:
    """Which operation. One that is taken back is of another kind, and tells what it had been."""
    own = {"kind": opening.kind, "target": opening.target, "label": opening.label}
    taken_back = {"kind": ABORT, "target": opening.before, "aborted": own}
    return {"id": opening.id, "before": opening.before, **(taken_back if aim is Aim.BEFORE else own)}


def _holder(holder: Holder) -> Body:
    return {"user": holder.user, "host": holder.host}


def _versions(versions: Versions) -> Body:
    return {"controlPlane": list(versions.control_plane), "proxies": dict(versions.proxies)}


def _text(time: datetime) -> str:
    return time.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def made_by(plan: Plan, execution: Execution) -> tuple[Restarted, ...]:
    """The restarts of a plan, as they went; what it leaves as it is, although it would be its turn, with its reason."""
    outcomes = {(result.key, result.action): result.outcome for result in execution.results}
    found = (restarted_by(change, outcomes.get((change.key, change.action))) for change in plan.changes)
    return tuple(restart for restart in found if restart is not None)


def restarts_in(history: Iterable[SnapshotInfo]) -> list[Restarted]:
    """The restarts on record in these snapshots, which are newest first; in the order in which they were made."""
    records = [info.meta.operation or {} for info in history]
    return [Restarted.of_data(data) for record in reversed(records) for data in record.get("restarts", ())]


def _proof(proof: Proof) -> Body:
    return {
        "identical": proof.identical,
        "reads": proof.reads,
        "kept": [{"object": str(change.key), "reason": change.reason} for change in proof.kept],
        "residual": [
            {"object": str(diff.key), "change": str(diff.change), "fields": [dotted(f.path) for f in diff.fields]}
            for diff in proof.residual
        ],
    }
