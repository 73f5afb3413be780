"""The plan, as what is about to happen; the proof, as what did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ..diff.paths import dotted
from ..models.changes import Path
from ..models.objects import Json
from ..models.plans import Action, FollowUp, ForeignOwner, Plan, PlannedChange, Proof, Restart
from ..models.probes import ProbeCount
from ..operations.probing import probe_data, told
from ..operations.run import Finished
from .differences import diff_data, print_object
from .names import moment, object_name, object_ref, plural
from .terminal import Terminal

_COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.RECREATE: "red",
    Action.RELAX: "red",
    Action.DELETE: "red",
    Action.RESTART: "yellow",
    Action.KEEP: "cyan",
}
RESTART = "restart"
"""The operation whose plan compares pods, not objects with a target."""

_FIELDS_SHOWN = 3
_STEPS_SHOWN = 8
_INDENT = " " * 11


def print_plan(out: Terminal, plan: Plan, where: str, *, with_diff: bool = False) -> None:
    """Every change in the order of writing, what is kept and why, and the totals.

    Neighbours of one kind whose same fields change are told together: an upgrade relabels dozens of objects.
    """
    out.prose(f"{plan.operation} to {plan.target}, {where}", "plan: ", bold=True)
    for _, group in groupby(plan.changes, key=_told_together):
        _print_changes(out, list(group))
    for reason, alike in _by_reason(plan.foreseen):
        _print_foreseen(out, reason, alike)
    if with_diff:
        for diff in (change.diff for change in plan.changes if change.diff):
            print_object(out, diff, "live", plan.target, 3)
    for owner in plan.owners:
        _print_owner(out, owner)
    for follow_up in plan.follow_ups:
        _print_follow_up(out, follow_up)
    for warning in plan.warnings:
        out.prose(warning, "warning: ")
    for blocker in plan.blockers:
        out.prose(blocker, "blocked: ")
    for text in plan.not_compared:
        out.prose(text, "not compared: ")
    out.prose(f"{totals(plan)} (plan {plan.hash[:12]})")


def _told_together(change: PlannedChange) -> tuple[str, ...]:
    explained = (change.reason, *change.notes) if change.reason or change.notes else ()
    own = (str(change.key),) if explained or change.action is not Action.UPDATE else ()
    return (str(change.action), change.type.kind, _fields(change), *explained, *own)


def _print_changes(out: Terminal, changes: Sequence[PlannedChange]) -> None:
    first = changes[0]
    action = out.style(f"{first.action:<8}", fg=_COLOURS[first.action])
    if len(changes) == 1:
        out.line(f"  {action} {object_name(first.type.kind, first.key)}")
    else:
        out.line(f"  {action} {len(changes)} {first.type.kind}s")
        names = ", ".join(object_name("", change.key) for change in changes)
        out.prose(names, _INDENT)
    if fields := _fields(first):
        out.line(out.fit(f"{_INDENT}{fields}"))
    for text in (first.reason, *first.notes):
        for line in text.split("; ") if text else ():
            out.prose(line, _INDENT)


def _by_reason(changes: Sequence[PlannedChange]) -> Iterator[tuple[str, list[PlannedChange]]]:
    """Restarts after an upgrade have the same reason, nearly all of them."""
    for reason in dict.fromkeys(change.reason for change in changes):
        yield reason, [change for change in changes if change.reason == reason]


def _print_foreseen(out: Terminal, reason: str, changes: Sequence[PlannedChange]) -> None:
    word = out.style(f"{Action.RESTART:<8}", fg=_COLOURS[Action.RESTART])
    out.prose(f"afterwards, as far as can be told before: {plural(len(changes), 'workload')}", f"  {word} ")
    out.prose(", ".join(object_name("", change.key) for change in changes), _INDENT)
    for line in reason.split("; "):
        out.prose(line, _INDENT)


def _print_owner(out: Terminal, owner: ForeignOwner) -> None:
    """Who will undo what, and the command that prevents it, whole: it is there to be copied."""
    where = f" {_owner_name(owner)}" if owner.name else ""
    out.line(f"  owned by {owner.kind}{where}: {plural(len(owner.objects), 'object')}")
    out.prose(f"it {owner.will_revert}", _INDENT)
    if owner.pause:
        out.line(f"{_INDENT}pause: {owner.pause}")


def _owner_name(owner: ForeignOwner) -> str:
    """`flux-system/mesh`."""
    return f"{owner.namespace}/{owner.name}" if owner.namespace else owner.name


def _print_follow_up(out: Terminal, follow_up: FollowUp) -> None:
    out.line(f"  {'then run':<8} {follow_up.command}")
    out.prose(follow_up.why, _INDENT)


def _fields(change: PlannedChange) -> str:
    """What changes, the most telling first."""
    if change.diff is None or change.action not in (Action.UPDATE, Action.RECREATE):
        return ""
    paths = sorted((field.path for field in change.diff.fields), key=lambda path: path[0] == "metadata")
    more = f" and {len(paths) - _FIELDS_SHOWN} more" if len(paths) > _FIELDS_SHOWN else ""
    return ", ".join(_short(path) for path in paths[:_FIELDS_SHOWN]) + more


def _short(path: Path) -> str:
    """A path into a schema is longer than any line: its ends tell enough."""
    return dotted(path) if len(path) <= _STEPS_SHOWN else f"{dotted(path[:2])}...{dotted(path[-2:])}"


def totals(plan: Plan) -> str:
    """`40 to update, 1 to delete; 2 kept; 203 already the same`."""
    counts = plan.counts
    writes = [f"{counts[a]} to {a}" for a in Action if a is not Action.KEEP and counts[a]]
    parts = [", ".join(writes) or "nothing to do"]
    if counts[Action.KEEP]:
        parts.append(f"{counts[Action.KEEP]} kept")
    if plan.foreseen:
        parts.append(f"then {plural(len(plan.foreseen), 'restart')}")
    return "; ".join((*parts, f"{plan.same} {'up to date' if plan.operation == RESTART else 'already the same'}"))


def print_finished(out: Terminal, finished: Finished) -> None:
    """The proof, and the command that comes next."""
    out.prose(proof_text(finished.proof, finished.plan))
    for diff in finished.proof.residual:
        out.line(f"  left: {object_name(diff.kind, diff.key)}: {diff.change}")
        for field in diff.fields:
            out.line(f"        {dotted(field.path)}")
    _print_probes(out, finished.probes)
    out.line(f"before: {finished.before.short}   after: {finished.after.short}   took {finished.seconds:.1f} s")
    for follow_up in finished.plan.follow_ups:
        out.line(f"now run: {follow_up.command}")
        out.prose(follow_up.why, _INDENT)
    out.line(f"to take this back: kubectl istio-upgrade rollback {finished.before.short}")


def _print_probes(out: Terminal, counts: Sequence[ProbeCount]) -> None:
    """One line for each, and when and why it failed first and last."""
    for count, line in zip(counts, told(counts), strict=True):
        out.prose(line, **({"fg": "red"} if count.failed else {}))
        for which, failure in (("first", count.first), ("last", count.last if count.failed > 1 else None)):
            if failure:
                out.prose(f"{which} failed at {moment(failure.at)} ({failure.phase}): {failure.reason}", " " * 8)


def proof_text(proof: Proof, plan: Plan) -> str:
    """`proved: 245 objects identical to snapshot 3f2a91c, 2 kept`, or what is left."""
    kept = f", {len(proof.kept)} kept for the reasons in the plan" if proof.kept else ""
    if plan.operation == RESTART:
        return _restarts_text(proof, kept)
    restarted = f", {plural(proof.restarted, 'workload')} restarted" if proof.restarted else ""
    if proof.holds:
        return f"proved: {plural(proof.identical, 'object')} identical to {plan.target}{restarted}{kept}"
    return f"not proved: {plural(len(proof.residual), 'object')} still different from {plan.target}{restarted}{kept}"


def _restarts_text(proof: Proof, kept: str) -> str:
    if proof.holds:
        return f"proved: {plural(proof.restarted, 'workload')} restarted, whose new pods are what is injected now{kept}"
    return f"not proved: {plural(len(proof.residual), 'workload')} not as planned{kept}"


def plan_data(plan: Plan) -> Json:
    """The plan for programs."""
    return {
        "operation": plan.operation,
        "target": plan.target,
        "hash": plan.hash,
        "summary": {**{str(action): plan.counts[action] for action in Action}, "same": plan.same},
        "changes": [_change_data(change) for change in plan.changes],
        "foreseen": [_change_data(change) for change in plan.foreseen],
        "notCompared": list(plan.not_compared),
        "warnings": list(plan.warnings),
        "blockers": list(plan.blockers),
        "owners": [_owner_data(owner) for owner in plan.owners],
        "followUps": [{"command": follow_up.command, "why": follow_up.why} for follow_up in plan.follow_ups],
    }


def _owner_data(owner: ForeignOwner) -> Json:
    return {
        "kind": owner.kind,
        "name": owner.name,
        "namespace": owner.namespace,
        "objects": [str(key) for key in owner.objects],
        "willRevert": owner.will_revert,
        "pause": owner.pause,
    }


def _change_data(change: PlannedChange) -> Json:
    return {
        **object_ref(change.type.kind, change.key),
        "action": str(change.action),
        "reason": change.reason,
        "notes": list(change.notes),
        "fields": diff_data(change.diff)["fields"] if change.diff else [],
        **({"restart": _restart_data(change.restart)} if change.restart else {}),
    }


def _restart_data(restart: Restart) -> Json:
    """The annotation that restarts, and what that may take away."""
    return {"before": restart.before, "after": restart.after, "takes": restart.takes, "budgets": list(restart.budgets)}


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
            "restarted": proof.restarted,
            "kept": [{**object_ref(c.type.kind, c.key), "reason": c.reason} for c in proof.kept],
            "residual": [diff_data(diff) for diff in proof.residual],
        },
        "probes": [probe_data(count) for count in finished.probes],
    }
