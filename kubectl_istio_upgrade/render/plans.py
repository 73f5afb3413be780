"""The plan, as what is about to happen; the proof, as what did."""

from __future__ import annotations

from ..diff.paths import dotted
from ..models.objects import Json
from ..models.plans import Action, Plan, PlannedChange, Proof
from ..operations.running import Finished
from .differences import diff_data, print_object
from .names import object_name, object_ref, plural
from .terminal import Terminal

_COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.RECREATE: "red",
    Action.DELETE: "red",
    Action.KEEP: "cyan",
}
_FIELDS_SHOWN = 3


def print_plan(out: Terminal, plan: Plan, where: str, *, with_diff: bool = False) -> None:
    """Every change in the order of writing, what is kept and why, and the totals."""
    out.line(out.style(f"plan: {plan.operation} to {plan.target}, {where}", bold=True))
    for change in plan.changes:
        _print_change(out, change)
        if with_diff and change.diff is not None:
            print_object(out, change.diff, "live", plan.target, 3)
    for warning in plan.warnings:
        out.line(f"warning: {warning}")
    for text in plan.not_compared:
        out.line(f"not compared: {text}")
    out.line(f"{totals(plan)} (plan {plan.hash[:12]})")


def _print_change(out: Terminal, change: PlannedChange) -> None:
    action = out.style(f"{change.action:<8}", fg=_COLOURS[change.action])
    kind = change.type.kind
    out.line(f"  {action} {object_name(kind, change.key)}")
    if fields := _fields(change):
        out.line(out.fit(f"           {fields}"))
    for text in (change.reason, *change.notes):
        for line in text.split("; ") if text else ():
            out.line(f"           {line}")


def _fields(change: PlannedChange) -> str:
    if change.diff is None or change.action not in (Action.UPDATE, Action.RECREATE):
        return ""
    paths = [dotted(field.path) for field in change.diff.fields]
    more = f" and {len(paths) - _FIELDS_SHOWN} more" if len(paths) > _FIELDS_SHOWN else ""
    return ", ".join(paths[:_FIELDS_SHOWN]) + more


def totals(plan: Plan) -> str:
    """`40 to update, 1 to delete; 2 kept; 203 already the same`."""
    counts = plan.counts
    writes = [f"{counts[a]} to {a}" for a in Action if a is not Action.KEEP and counts[a]]
    parts = [", ".join(writes) or "nothing to do"]
    if counts[Action.KEEP]:
        parts.append(f"{counts[Action.KEEP]} kept")
    return "; ".join((*parts, f"{plan.same} already the same"))


def print_finished(out: Terminal, finished: Finished) -> None:
    """The proof, and the command that comes next."""
    out.line(proof_text(finished.proof, finished.plan))
    for diff in finished.proof.residual:
        out.line(f"  left: {object_name(diff.kind, diff.key)}: {diff.change}")
        for field in diff.fields:
            out.line(f"        {dotted(field.path)}")
    out.line(f"before: {finished.before.short}   after: {finished.after.short}   took {finished.seconds:.1f} s")
    out.line(f"to take this back: kubectl istio-upgrade rollback {finished.before.short}")


def proof_text(proof: Proof, plan: Plan) -> str:
    """`proved: 245 objects identical to snapshot 3f2a91c, 2 kept`, or what is left."""
    kept = f", {len(proof.kept)} kept for the reasons in the plan" if proof.kept else ""
    if proof.holds:
        return f"proved: {plural(proof.identical, 'object')} identical to {plan.target}{kept}"
    return f"not proved: {plural(len(proof.residual), 'object')} still different from {plan.target}{kept}"


def plan_data(plan: Plan) -> Json:
    """The plan for programs."""
    return {
        "operation": plan.operation,
        "target": plan.target,
        "hash": plan.hash,
        "summary": {**{str(action): plan.counts[action] for action in Action}, "same": plan.same},
        "changes": [_change_data(change) for change in plan.changes],
        "notCompared": list(plan.not_compared),
        "warnings": list(plan.warnings),
    }


def _change_data(change: PlannedChange) -> Json:
    return {
        **object_ref(change.type.kind, change.key),
        "action": str(change.action),
        "reason": change.reason,
        "notes": list(change.notes),
        "fields": diff_data(change.diff)["fields"] if change.diff else [],
    }


def finished_data(finished: Finished) -> Json:
    """A finished operation for programs."""
    proof = finished.proof
    return {
        "plan": plan_data(finished.plan),
        "before": finished.before.commit,
        "after": finished.after.commit,
        "seconds": round(finished.seconds, 3),
        "proof": {
            "holds": proof.holds,
            "identical": proof.identical,
            "reads": proof.reads,
            "kept": [{**object_ref(c.type.kind, c.key), "reason": c.reason} for c in proof.kept],
            "residual": [diff_data(diff) for diff in proof.residual],
        },
    }
