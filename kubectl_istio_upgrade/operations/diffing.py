"""Comparing any two of: a snapshot, the live mesh, manifests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diff.authors import authors_of
from ..diff.fields import field_changes
from ..diff.states import Select, compare
from ..models.changes import Change, Comparison, ObjectDiff
from ..models.objects import Key, State
from ..models.snapshots import SnapshotInfo
from ..normalise.secrets import without_digests
from ..rules.lists import keyed_lists
from ..rules.scope import SCOPE_VERSION, SECRET
from ..rules.scope_history import judged_alike
from .selecting import refuse_unknown, selection
from .session import Session
from .snapshots import newest

LIVE = "live"

ANOTHER_SCOPE = "what only one of the two looked for (taken by different versions of this tool)"

ANOTHER_KEY = "(taken with different digest keys)"

Side = tuple[State, SnapshotInfo | None]
"""A state, and the snapshot that it is of, if it is one."""


def sides(session: Session, before: str, after: str) -> tuple[Side, Side]:
    """Two states by their names on the command line: `live`, a snapshot reference, or "" for the newest snapshot."""
    live = LIVE in (before, after)
    stored = {name: _stored(session, name, with_cluster=live) for name in (before, after) if name != LIVE}
    if live:
        captured = session.capture(meanwhile=lambda: [state.versions for state, _ in stored.values()])
        stored[LIVE] = (captured.state, None)
    return stored[before], stored[after]


def side(session: Session, name: str) -> Side:
    """One state by its name, to be compared with something of the cluster's."""
    return (session.capture().state, None) if name == LIVE else _stored(session, name, with_cluster=True)


def _stored(session: Session, reference: str, *, with_cluster: bool) -> Side:
    """A snapshot.

    If the comparison needs the cluster anyway it must be one of that cluster; otherwise the store's branch is found
    without asking the cluster, which may be down.
    """
    branch = session.branch if with_cluster else session.readable_branch
    info = session.store.resolve(branch, reference) if reference else newest(session, branch)
    if with_cluster:
        session.check_comparable(info)
    return session.store.state(info), info


def diff(
    session: Session,
    before: Side,
    after: Side,
    only: Sequence[str] = (),
    namespaces: Sequence[str] = (),
) -> Comparison:
    """What became of the first state in the second, within the selection.

    Withheld values are compared only between readings with one digest key, and what only one of two versions of this
    tool looks for is not. Raises UsageError for a selection of what neither state has.
    """
    refuse_unknown(only, namespaces, before[0], after[0])
    chosen = selection(only, namespaces, {*before[0].types, *after[0].types})
    one, other = (info.meta.scope_version if info else SCOPE_VERSION for _, info in (before, after))
    if one == other:
        return _compared(session, before, after, chosen)
    found = _compared(session, before, after, lambda key: judged_alike(key, one, other) and chosen(key))
    return replace(found, not_compared=(*found.not_compared, ANOTHER_SCOPE))


def _compared(session: Session, before: Side, after: Side, select: Select) -> Comparison:
    keys = {info.meta.secret_key_id if info else session.store.digester().key_id for _, info in (before, after)}
    if len(keys) == 1:
        return compare(before[0], after[0], select)

    def without_secrets(key: Key) -> bool:
        return key.resource != SECRET and select(key)

    return between_keys(compare(before[0], after[0], without_secrets))


def between_keys(comparison: Comparison) -> Comparison:
    """The comparison of two states whose digests are of different keys, which say nothing about each other.

    Withheld values are named as not compared. What nothing else tells apart is neither different nor the same.
    """
    pairs = [(diff, _without_digests(diff)) for diff in comparison.diffs]
    unknown = [f"{diff.key}: its withheld values {ANOTHER_KEY}" for diff, told in pairs if told is not diff]
    return replace(
        comparison,
        diffs=tuple(told for _, told in pairs if told is not None),
        not_compared=(*comparison.not_compared, f"{SECRET} {ANOTHER_KEY}", *unknown),
    )


def _without_digests(diff: ObjectDiff) -> ObjectDiff | None:
    """The difference with all digests alike; itself where they make none, None where nothing else does."""
    if diff.change is not Change.CHANGED or diff.after is None:
        return diff
    before, after = without_digests(diff.view_before), without_digests(diff.view_after)
    fields = field_changes(before, after, keyed_lists(diff.key.resource))
    if fields == diff.fields:
        return diff
    authors = authors_of(diff.after, fields)
    return replace(diff, view_before=before, view_after=after, fields=fields, authors=authors) if fields else None
