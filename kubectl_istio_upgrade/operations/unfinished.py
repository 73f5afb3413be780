"""Ending an operation that was cut short: on to its target, or back to the state before it.

Both read the cluster again and plan from what is there, so a write that happened without a word in the journal is
simply not in the plan any more. Either may be repeated, and either may follow the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..errors import RefusedError, StoreError
from ..models.changes import Change, ObjectDiff
from ..models.operations import Aim, Operation
from ..models.plans import Plan
from ..models.snapshots import SnapshotInfo
from ..plan.age import Age
from ..plan.restarts import to_undo
from ..plan.rollback import RollbackOptions
from ..ports import ManifestDocument
from ..rules.scope import excluded_group
from . import applying, reshaping, restarting, rollback
from .run import Finished
from .running import Review
from .session import WritingSession
from .unrestarting import Restarts
from .upgrading import resuming as upgrading
from .upgrading.choosing import Tools
from .upgrading.preparing import UPGRADE
from .upgrading.undoing import Created, Taken

NOT_MADE = "added since by others: this operation set out to make it, and has not"
"""Why such an object stays: deleting it would take from somebody else what no snapshot may hold."""


@dataclass(frozen=True)
class Continuation:
    """What is left to do, planned and tried on the server, and not begun."""

    title: str
    plan: Plan
    happened: int
    """Writes of which the journal did not know whether they had happened, and that need not be made again."""
    run: Callable[[Review], Finished]


def current(session: WritingSession) -> Operation:
    """The unfinished operation; the session becomes what it was begun with. Raises RefusedError when there is none.

    A group that is excluded now stays so, too: one that has broken since would keep the operation from its end.
    """
    operation = session.store.unfinished(session.branch)
    if operation is None:
        raise RefusedError("there is no unfinished operation on this cluster; nothing to do")
    request = operation.opening.request
    now = (name for name in session.options.exclude if excluded_group(name))
    exclude = tuple(dict.fromkeys((*request["exclude"], *now)))
    session.options = replace(session.options, exclude=exclude, root_namespace=request["rootNamespace"])
    return operation


def just_ended(session: WritingSession, finished: Finished) -> Operation:
    """The operation that this session has just run to its end, for whom that end is no good. Raises StoreError."""
    return _ended(session, str((finished.after.meta.operation or {})["id"]))


def _ended(session: WritingSession, id_: str) -> Operation:
    operation = session.store.ended(session.branch, id_)
    if operation is None:
        raise StoreError(f"the journal of operation {id_} is not there any more")
    return operation


def resume(
    session: WritingSession, operation: Operation, tools: Tools, documents: Sequence[ManifestDocument] = ()
) -> Continuation:
    """Plan the rest of the way to the operation's target. `documents` are needed where an apply holds Secrets.

    `tools` is what an upgrade goes on with. Raises UsageError for documents that are missing or not those of the
    operation, and whatever planning raises.
    """
    title = f"resume the {operation}"
    request = operation.opening.request
    if operation.opening.kind == UPGRADE:
        upgrade = upgrading.go_on(session, operation, tools)
        return _continuation(title, upgrade.prepared.plan, operation, upgrade.run)
    if operation.opening.kind in (reshaping.PROMOTE, reshaping.RETIRE):
        shaped = reshaping.prepare(session, reshaping.Request.of_operation(operation), operation)
        return _continuation(
            title, shaped.plan, operation, lambda review: reshaping.run(session, shaped, review, operation)
        )
    if operation.opening.kind == "apply":
        manifests = applying.read_again(session, operation, documents)
        forced = {"force_conflicts": request["forceConflicts"], "force_crds": request.get("forceCrds", ())}
        planned = applying.prepare(session, manifests, **forced)
        return _continuation(
            title, planned.plan, operation, lambda review: applying.run(session, planned, review, operation)
        )
    if operation.opening.kind == restarting.OPERATION:
        rest = restarting.prepare(session, restarting.Request.of_data(request), operation)
        return _continuation(
            title, rest.plan, operation, lambda review: restarting.run(session, rest, review, operation)
        )
    prepared = _rest(session, operation)

    def run(review: Review) -> Finished:
        return rollback.go_on(session, prepared, operation, Aim.TARGET, review)

    return _continuation(title, prepared.plan, operation, run)


def _rest(session: WritingSession, operation: Operation) -> rollback.Planned:
    """What is left of a rollback. One that takes an upgrade back goes on to leave alone what others have done."""
    target = session.store.resolve(session.branch, operation.opening.target)
    asked = rollback.Request.of_data(operation.opening.request)
    if asked.undoes:
        return _way_back(session, _ended(session, asked.undoes), target)
    options = asked.options(session.store.state(target))
    return rollback.prepare(session, target, options, asked.restarts(session, target))


def abort(session: WritingSession, operation: Operation) -> Continuation:
    """Plan the way back to the safety snapshot, for all that the operation has set out to write and nothing else.

    Workloads that it has restarted get their template of before. One whose journal is closed already (see `just_ended`)
    is taken back by a rollback, which is an operation of its own.
    """
    before = session.store.resolve(session.branch, operation.opening.before)
    prepared = _way_back(session, operation, before)

    def run(review: Review) -> Finished:
        if operation.end is not None:
            return rollback.run(session, prepared, rollback.Request(undoes=operation.opening.id), review)
        return rollback.go_on(session, prepared, operation, Aim.BEFORE, review)

    return _continuation(f"abort the {operation}", prepared.plan, operation, run)


def _way_back(session: WritingSession, operation: Operation, before: SnapshotInfo) -> rollback.Planned:
    restarts = Restarts(to_undo(operation.restarts))
    proved = Taken(operation).is_proved if operation.opening.kind == UPGRADE else None
    return rollback.prepare(session, before, taking_back(operation), restarts, proved)


def taking_back(operation: Operation) -> RollbackOptions:
    """What a rollback to the state before an operation has to know of it: what to look at, what is not its doing."""
    age = Age(made=operation.made)
    if operation.opening.kind == UPGRADE:
        return RollbackOptions(others=Taken(operation).others, created=Created(operation), age=age)
    not_created = operation.not_created

    def others(diff: ObjectDiff) -> str:
        return NOT_MADE if diff.change is Change.REMOVED and diff.key in not_created else ""

    return RollbackOptions(operation.keys.__contains__, created=operation.created, others=others, age=age)


def _continuation(title: str, plan: Plan, operation: Operation, run: Callable[[Review], Finished]) -> Continuation:
    left = {change.key for change in plan.changes}
    happened = sum(1 for key in operation.unsure if key not in left)
    return Continuation(title, plan, happened, run)
