"""The whole plan as a dry run on the server, before its first real write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..errors import ApiError, ConflictError, IncompleteError, InvalidError, RefusedError
from ..models.objects import Body, Key, MeshObject
from ..models.plans import Action, Plan, PlannedChange, Write
from ..normalise.objects import split
from ..plan.allocations import freed_by, tryable
from ..plan.definitions import custom_resource_type, is_needed_first
from ..plan.revise import as_kept, as_recreation, as_written
from ..plan.rollback import plan_hash
from ..ports import Progress
from ..rules.fields import WORKLOADS
from ..rules.keeping import IMMUTABLE, RECREATABLE
from ..rules.scope import CRD, NAMESPACE
from .doubt import WEBHOOK_DOWN
from .execution import PARALLEL
from .sender import Sender, is_field_conflict

UNANSWERED = "not tried on the server: a webhook that checks it does not answer; this plan restores workloads first"
RELAXED_FIRST = "not tried on the server: a webhook that checks it does not answer; this plan relaxes it first"


class _Words(NamedTuple):
    """What a person is told of a trial: what it does, and what a refusal begins with."""

    doing: str
    refused: str


BEFORE = _Words("trying every write on the server", "the server would not accept {}; nothing was changed")
AFTER = _Words(
    "trying what could not be tried before it was written",
    "asked about what it has just written, the server would not accept {}",
)


@dataclass(frozen=True)
class _Tried:
    """One write, and what the server said to it."""

    asked: PlannedChange
    change: PlannedChange
    """As it will be made."""
    answer: Body | None = None


class Previews(NamedTuple):
    """What the server says to server-side applies."""

    objects: dict[Key, MeshObject]
    """Each object as it would be afterwards."""
    untried: dict[Key, PlannedChange]
    """Those that it cannot be asked about yet, with the note that says why."""


@dataclass
class Trial:
    """Sends every write with `dryRun=All`. Admission and validation run; nothing is stored."""

    sender: Sender
    progress: Progress
    _problems: list[str] = field(default_factory=list)
    _hints: set[str] = field(default_factory=set)

    def of_plan(self, plan: Plan) -> Plan:
        """The plan as the server will take it: the one to approve.

        An update that the server refuses because a field is immutable becomes a recreation, said as such. Objects
        whose namespace or definition this very plan writes cannot be tried before, and are noted. Raises RefusedError
        with every other refusal of the server.
        """
        results = self._all(plan.writes, Deferral(plan.writes))
        tried = {(each.asked.key, each.asked.action): each.change for each in results}
        changes = tuple(tried.get((change.key, change.action), change) for change in plan.changes)
        return replace(plan, changes=changes, hash=plan_hash(changes))

    def previews(self, changes: Sequence[PlannedChange]) -> Previews:
        """Ask what server-side applies would make of their objects. Raises RefusedError with every refusal."""
        results = self._all(changes, Deferral(changes))
        return Previews(_objects(results), {each.change.key: each.change for each in results if each.answer is None})

    def previews_again(self, changes: Sequence[PlannedChange]) -> dict[Key, MeshObject]:
        """The same for those that have been made, each of which can be tried by now.

        Raises RefusedError with every refusal of the server.
        """
        if not changes:
            return {}
        return _objects(self._all([as_written(change) for change in changes], Deferral(()), AFTER))

    def _all(self, changes: Sequence[PlannedChange], deferral: Deferral, words: _Words = BEFORE) -> list[_Tried]:
        results = []
        with self.progress.phase(words.doing, total=len(changes)) as advance:
            pool = ThreadPoolExecutor(PARALLEL)
            try:
                futures = [pool.submit(self._one, change, deferral) for change in changes]
                for future in as_completed(futures):
                    results.append(future.result())
                    advance(1)
            finally:  # also on Ctrl-C: what is queued is given up, what is in flight changes nothing
                pool.shutdown(wait=False, cancel_futures=True)
        if self._problems:
            raise _refusal(self._problems, self._hints, words.refused)
        return results

    def _one(self, change: PlannedChange, deferral: Deferral) -> _Tried:
        if why := deferral.reason(change):
            return _Tried(change, _noted(change, why))
        try:
            asked = tryable(change, deferral.freed)
            return _Tried(change, change, self.sender.send(asked, dry_run=True))
        except (ApiError, IncompleteError) as error:
            if revised := _revised(change, error):
                return _Tried(change, revised)
            if WEBHOOK_DOWN in error.message and (why := deferral.unanswered):
                return _Tried(change, _noted(change, why))
            named = str(change.key) in error.message
            self._problems.append(error.message if named else f"{change.key}: {error.message}")
            if hint := _hint(change, error):
                self._hints.add(hint)
        return _Tried(change, change)


class Deferral:
    """Which writes cannot be tried before the plan has run: what they need is written by the plan itself."""

    def __init__(self, changes: Iterable[PlannedChange]) -> None:
        changes = tuple(changes)
        self.freed = freed_by(changes)
        """What Services cannot ask for before the plan has deleted those that have it."""
        self.unanswered = _why_unanswered(changes)
        """Why a webhook may be silent now and will not be in the way later; "" when there is no reason to think so."""
        created = (change for change in changes if change.action is Action.CREATE)
        self._namespaces = {change.key.name for change in created if change.key.resource == NAMESPACE}
        definitions = (change for change in changes if change.key.resource == CRD and change.body)
        self._types = {
            custom_resource_type(MeshObject(change.key, change.body or {}))
            for change in definitions
            if change.write is Write.RECREATE or is_needed_first(change.live, change.body or {})
        }

    def reason(self, change: PlannedChange) -> str:
        """Why this change cannot be tried yet; "" when it can."""
        if change.action is not Action.DELETE and (change.key.group, change.key.plural) in self._types:
            return "not tried on the server: this plan writes its definition first"
        if change.action is Action.CREATE and change.key.namespace in self._namespaces:
            return "not tried on the server: this plan creates its namespace first"
        return ""


def _why_unanswered(changes: Sequence[PlannedChange]) -> str:
    if any(change.action is Action.RELAX for change in changes):
        return RELAXED_FIRST
    restored = (change for change in changes if change.action is not Action.RESTART)
    return UNANSWERED if any(change.key.resource in WORKLOADS for change in restored) else ""


def _noted(change: PlannedChange, why: str) -> PlannedChange:
    return replace(change, notes=(*change.notes, why))


def _revised(change: PlannedChange, error: ApiError | IncompleteError) -> PlannedChange | None:
    """What becomes of an update that the server refuses, where that is known: a recreation, or it is kept."""
    if change.write is not Write.PUT or not isinstance(error, InvalidError):
        return None
    if any(words in error.message for words in IMMUTABLE) and change.key.resource in RECREATABLE:
        return as_recreation(change, error.message)
    if any(words in error.message for words in IMMUTABLE) or change.key.resource == CRD:
        return as_kept(change, f"the server refuses to change it: {error.message}")
    return None


def _objects(results: Iterable[_Tried]) -> dict[Key, MeshObject]:
    tried = (each for each in results if each.answer is not None)
    return {each.change.key: _preview(each.answer or {}, each.change) for each in tried}


def _preview(body: Body, change: PlannedChange) -> MeshObject:
    """The answer of a dry run. Its resource version is the live object's, of which it is not the content."""
    obj = split(body, change.type)
    return replace(obj, server=replace(obj.server, resource_version=""))


def _hint(change: PlannedChange, error: ApiError | IncompleteError) -> str | None:
    if change.write is Write.APPLY and isinstance(error, ConflictError) and is_field_conflict(error):
        return "--force-conflicts takes these fields over from their managers"
    if "failed to create typed patch object" in error.message:
        return None  # the API server's way (a 500) to say that a manifest does not fit its schema: nothing ails it
    return error.hint


def _refusal(problems: list[str], hints: set[str], refused: str) -> RefusedError:
    count = f"{len(problems)} object" + ("s" if len(problems) > 1 else "")
    lines = "\n".join(f"  {problem}" for problem in sorted(problems))
    hint = "\n".join(sorted(hints)) or None
    return RefusedError(f"{refused.format(count)}:\n{lines}", hint=hint)
