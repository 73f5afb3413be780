"""Comparing any two of: a snapshot, the live mesh, manifests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..diff.states import compare
from ..models.changes import Comparison
from ..models.objects import Key, State
from ..models.snapshots import SnapshotInfo
from ..rules.scope import SECRET
from .selecting import selection
from .session import Session
from .snapshots import newest

LIVE = "live"


def side(session: Session, reference: str, *, with_cluster: bool) -> tuple[State, SnapshotInfo | None]:
    """A state by its name on the command line: `live`, a snapshot reference, or "" for the newest snapshot.

    `with_cluster` says that the comparison needs the cluster anyway: then the snapshot must be one of that cluster.
    Otherwise the store's branch is found without asking the cluster, which may be down.
    """
    if reference == LIVE:
        return session.capture().state, None
    branch = session.branch if with_cluster else session.readable_branch
    info = session.store.resolve(branch, reference) if reference else newest(session, branch)
    if with_cluster:
        session.check_comparable(info)
    return session.store.state(info), info


def diff(
    session: Session,
    before: tuple[State, SnapshotInfo | None],
    after: tuple[State, SnapshotInfo | None],
    only: Sequence[str] = (),
    namespaces: Sequence[str] = (),
) -> Comparison:
    """What became of the first state in the second, within the selection.

    Secrets are compared only between readings with one digest key.
    """
    select = selection(only, namespaces, {*before[0].types, *after[0].types})
    live_key = session.store.digester().key_id
    keys = {info.meta.secret_key_id if info else live_key for _, info in (before, after)}
    if len(keys) == 1:
        return compare(before[0], after[0], select)

    def without_secrets(key: Key) -> bool:
        return key.resource != SECRET and select(key)

    comparison = compare(before[0], after[0], without_secrets)
    return _noting_secrets(comparison)


def _noting_secrets(comparison: Comparison) -> Comparison:
    return replace(comparison, not_compared=(*comparison.not_compared, f"{SECRET} (taken with different digest keys)"))
