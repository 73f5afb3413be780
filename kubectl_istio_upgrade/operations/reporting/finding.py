"""Which operations a store knows, and which one a person means.

An operation is on record twice: the snapshot before it says what it set out to do, the snapshot after it what it did.
One that has not ended is in its journal, on the machine where it ran.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from ...errors import UnknownReferenceError
from ...models.operations import Operation
from ...models.snapshots import Purpose, SnapshotInfo
from ..session import Session

LATEST = "latest"

_steps_back = re.compile(r"latest(?:~([0-9]{1,6}))?").fullmatch
_beginning = re.compile(r"[0-9]{4,8}|[0-9]{8}-[0-9a-f-]*").fullmatch
_HINT = "`kubectl istio-upgrade history` shows which snapshots belong to which operation"


@dataclass(frozen=True)
class Recorded:
    """One operation, as far as the snapshots of its branch and its journal tell at a glance."""

    id: str
    """"" where an older program recorded nothing but its beginning."""
    before: str
    """The commit of its safety snapshot; "" where the record does not say."""
    after: SnapshotInfo | None = None
    """The snapshot that ended it."""
    unfinished: Operation | None = None
    """Its journal, while it has not ended."""
    later: int = 0
    """How many operations came after it."""


def find(session: Session, reference: str) -> Recorded:
    """The operation that is meant by its id or the beginning of it, `latest`, `latest~2`, or one of its snapshots.

    Reads the store only, where the branch is known without the cluster. Raises UnknownReferenceError.
    """
    branch = session.readable_branch
    recorded = operations(session.store.history(branch), session.store.unfinished(branch))
    if match := _steps_back(reference):
        return _newest(recorded, int(match[1] or 0), reference)
    known = list(recorded)
    if found := _by_id(known, reference):
        return found
    if "-" in reference and _beginning(reference):
        raise UnknownReferenceError(f"there is no operation {reference}", hint=_HINT)
    return _by_snapshot(known, session.store.resolve(branch, reference))


def operations(infos: Iterable[SnapshotInfo], unfinished: Operation | None) -> Iterator[Recorded]:
    """Every operation, newest first, from the snapshots of a branch, newest first."""
    for later, one in enumerate(_operations(infos, unfinished)):
        yield replace(one, later=later)


def _operations(infos: Iterable[SnapshotInfo], unfinished: Operation | None) -> Iterator[Recorded]:
    """A snapshot before that no later record belongs to is the only trace of its operation."""
    told: set[str] = set()
    if unfinished:
        told.add(unfinished.opening.before)
        yield Recorded(unfinished.opening.id, unfinished.opening.before, unfinished=unfinished)
    for info in infos:
        body = info.meta.operation or {}
        if info.meta.purpose is Purpose.AFTER and body:
            before = str(body.get("before", ""))
            told.add(before)
            yield Recorded(str(body.get("id", "")), before, info)
        elif info.meta.purpose is Purpose.BEFORE and info.commit not in told and "continues" not in body:
            yield Recorded(str(body.get("id", "")), info.commit)


def operation_ids(infos: Iterable[SnapshotInfo], unfinished: Operation | None) -> Mapping[str, str]:
    """Which snapshots belong to which operation: commits to ids."""
    ids = {unfinished.opening.before: unfinished.opening.id} if unfinished else {}
    for info in infos:
        body = info.meta.operation or {}
        if id_ := str(body.get("continues") or body.get("id") or ""):
            ids[info.commit] = id_
            ids.setdefault(str(body.get("before", "")), id_)
    return ids


def _newest(recorded: Iterator[Recorded], steps: int, reference: str) -> Recorded:
    passed = list(islice(recorded, steps + 1))
    if not passed:
        hint = "apply, rollback and upgrade are operations; snapshots alone are in `kubectl istio-upgrade history`"
        raise UnknownReferenceError("there is no operation on record for this cluster yet", hint=hint)
    if len(passed) <= steps:
        raise UnknownReferenceError(f"there is no operation {reference}: there are {len(passed)}", hint=_HINT)
    return passed[-1]


def _by_id(known: Iterable[Recorded], reference: str) -> Recorded | None:
    found = [one for one in known if one.id.startswith(reference)] if _beginning(reference) else []
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise UnknownReferenceError(f"{reference} could be any of {len(found)} operations", hint=f"add digits: {ids}")
    return found[0] if found else None


def _by_snapshot(known: Iterable[Recorded], info: SnapshotInfo) -> Recorded:
    continued = (info.meta.operation or {}).get("continues")
    for one in known:
        if info.commit in (one.before, one.after.commit if one.after else "") or (continued and continued == one.id):
            return one
    raise UnknownReferenceError(f"snapshot {info.short} neither begins nor ends an operation", hint=_HINT)
