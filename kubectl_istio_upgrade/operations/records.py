"""`operation.yaml`: what a snapshot says of the operation that it begins or ends; see snapshots/README.md."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..apply.execution import Execution
from ..diff.paths import dotted
from ..models.objects import Body
from ..models.operations import Aim, Opening, Operation
from ..models.plans import Plan, Proof

ABORT = "abort"
"""The kind of an operation that was taken back; its target is the snapshot before it."""


def intent_of(plan: Plan, target: str, aim: Aim, continues: Operation | None) -> Body:
    """Of the snapshot before: what the operation sets out to do."""
    kind = ABORT if aim is Aim.BEFORE else plan.operation
    intent: Body = {"kind": kind, "target": target, "planHash": plan.hash}
    return intent | ({"continues": continues.opening.id} if continues else {})


def record_of(
    opening: Opening, aim: Aim, plan: Plan, steps: Sequence[Body], proof: Proof, started: datetime, seconds: float
) -> Body:
    """Of the snapshot after: what it did, and the proof."""
    aborted = aim is Aim.BEFORE
    return {
        "id": opening.id,
        "kind": ABORT if aborted else opening.kind,
        "target": opening.before if aborted else opening.target,
        "planHash": plan.hash,
        "before": opening.before,
        "started": started.isoformat().replace("+00:00", "Z"),
        "seconds": round(seconds, 3),
        "steps": list(steps),
        "proof": _proof(proof),
    }


def steps_of(continues: Operation | None, execution: Execution) -> list[Body]:
    """Every write of the operation: those of earlier runs, as their journal has them, and those of the last."""
    results = {(result.key, result.action): result for result in execution.results}
    earlier = continues.written.items() if continues else ()
    steps: list[Body] = [
        {"object": str(key), "action": str(action), "outcome": str(entry.outcome or "unknown"), "seconds": 0.0}
        for (key, action), entry in earlier
        if (key, action) not in results
    ]
    return steps + [
        {
            "object": str(result.key),
            "action": str(result.action),
            "outcome": str(result.outcome),
            "seconds": round(result.seconds, 3),
        }
        for result in results.values()
    ]


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
