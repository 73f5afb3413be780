"""Which snapshots retention keeps: a table of reasons, and for each operation that it meets the other end.

`snapshots/README.md` (History, Retention) says what must never be removed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from ..models.operations import ABORT
from ..models.retention import Kept, Policy, Retention
from ..models.snapshots import SnapshotInfo

Newest = Sequence[SnapshotInfo]
"""The snapshots of one branch, newest first."""


class Rule(NamedTuple):
    """One row."""

    reason: str
    chosen: Callable[[Newest, Policy], Iterable[SnapshotInfo]]


def way_back(newest: SnapshotInfo) -> str:
    """The commit that a rollback goes to which is not told where to; "" where that is the newest snapshot itself.

    After an operation that changed the mesh: the snapshot before it. After a rollback, or an operation that was taken
    back: where that led, so that repeating it never undoes it. Both whether it came to its end or not.
    """
    operation = newest.meta.operation
    if operation is None:
        return ""
    if operation["kind"] in ("rollback", ABORT):
        return str(operation["target"])
    return str(operation.get("before") or "")  # not there: this is the snapshot before, and the operation never ended


def _way_back(newest: Newest, _policy: Policy) -> Iterator[SnapshotInfo]:
    aim = way_back(newest[0])
    return (info for info in newest if info.commit == aim)


def _of_its_branch(newest: Newest, _policy: Policy) -> Iterator[SnapshotInfo]:
    """The newest that says it is on this branch, unless it is the newest of all; a branch must have one."""
    said = (info for info in newest if info.meta.branch == info.branch)
    return (info for info in islice(said, 1) if info != newest[0])


def _daily(newest: Newest, policy: Policy) -> Iterator[SnapshotInfo]:
    days: dict[date, SnapshotInfo] = {}
    for info in newest:
        days.setdefault(info.meta.created.date(), info)  # UTC, as everywhere
    return iter([*days.values()][: policy.keep_daily or 0])


RULES = (
    Rule("newest", lambda newest, _: newest[:1]),
    Rule("named", lambda newest, _: (info for info in newest if info.names)),
    Rule("where `rollback` goes", _way_back),
    Rule("says which branch this is", _of_its_branch),
    Rule("last", lambda newest, policy: newest if policy.is_all else newest[: policy.keep_last or 0]),
    Rule("daily", _daily),
)

JOINED = "joined by a merge"
OTHER_END = "the other end of an operation"


def retention(branch: str, newest: Newest, policy: Policy, fixed: Collection[str] = ()) -> Retention:
    """What becomes of a branch; `fixed` are commits that cannot go, whatever the policy."""
    reasons: dict[str, list[str]] = {}
    for rule in RULES if newest else ():
        for info in rule.chosen(newest, policy):
            reasons.setdefault(info.commit, []).append(rule.reason)
    for commit in fixed:
        reasons.setdefault(commit, []).append(JOINED)
    for commit in _other_ends(newest, reasons):
        reasons.setdefault(commit, []).append(OTHER_END)
    return Retention(
        branch,
        tuple(Kept(info, tuple(reasons[info.commit])) for info in newest if info.commit in reasons),
        tuple(info for info in newest if info.commit not in reasons),
    )


def _other_ends(newest: Newest, kept: Mapping[str, object]) -> list[str]:
    """The snapshots that belong to the same operations as those that are kept: a record without them is half of one."""
    of_snapshot = {info.commit: _operations(info) for info in newest}
    wanted = {name for commit in kept for name in of_snapshot.get(commit, ())}
    return [commit for commit, names in of_snapshot.items() if commit not in kept and not wanted.isdisjoint(names)]


def _operations(info: SnapshotInfo) -> frozenset[str]:
    """What names the operations of a snapshot: their ids, and, for records without one, the snapshot before."""
    operation = info.meta.operation
    if operation is None:
        return frozenset()
    named = (operation.get("id"), operation.get("continues"), operation.get("before") or info.commit)
    return frozenset(str(name) for name in named if name)
