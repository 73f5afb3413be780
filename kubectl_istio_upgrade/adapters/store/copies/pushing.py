"""`store push`: a remote gets what the store has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....errors import Interrupted, RemoteError, StoreError
from ....models.copies import Carried, Course, Exchange
from ....ports import Progress
from ..branches import may_belong
from ..refs import HEADS, KEPT, TAGS, Refs, read_refs
from ..retention import Graph, read_graph
from ..store import GitStore
from .joining import reach
from .pulling import clashes, take_over
from .remote import Answer, Remote

_TRIES = 3
"""How often somebody else may have been faster."""

_FASTER = ("fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref", "stale info")
"""How git says so."""


def push(store: GitStore, remote: Remote, progress: Progress) -> Exchange:
    """Send a remote all snapshots and names that it has not; where it has others of the same clusters, get those first.

    Raises RemoteError when it cannot be reached, does not take it, or has damaged snapshots.
    """
    if not read_refs(store.git).branches:
        raise StoreError("there are no snapshots to push yet", hint="kubectl istio-upgrade snapshot")
    merged: dict[str, Carried] = {}
    for _ in range(_TRIES):
        with progress.phase(f"asking {remote.shown}"):
            theirs = remote.refs()
        sending = _Sending(store, read_refs(store.git), theirs)
        if sending.unknown:
            taken = take_over(store, remote, sending.wanted(), progress)
            _refuse_others(taken)
            merged |= {each.branch: each for each in taken.carried if each.course is Course.MERGED}
            for each in taken.carried:
                progress.note(f"{each.branch}: {each.snapshots} snapshots that only the remote had are here now, too")
            continue
        with progress.phase(f"sending to {remote.shown}"):
            answers = _send(store, remote, sending)
        if not any(answer.flag == "!" for answer in answers):
            return Exchange(remote.shown, tuple(sending.carried(merged)))
        if not any(words in answer.summary for answer in answers for words in _FASTER):
            raise remote.refused(answers)
    raise RemoteError(f"somebody else pushes to {remote.shown} all the while", hint="try again")


def _refuse_others(taken: Exchange) -> None:
    if taken.passed_over:
        message = f"branch {taken.passed_over[0]} of {taken.remote} holds no snapshots, but is called as if it did"
        raise RemoteError(message, hint="use another repository, or give that branch another name there")


def _send(store: GitStore, remote: Remote, sending: _Sending) -> Sequence[Answer]:
    updates = sending.updates()
    try:
        return remote.push(store.git, updates) if updates else ()
    except KeyboardInterrupt as error:
        raise Interrupted("interrupted; the remote has got all of it or nothing, here nothing was changed") from error


@dataclass(frozen=True)
class _Pair:
    """A branch here, and the one that it goes to there."""

    here: str
    there: str
    tip: str
    """Here."""
    theirs: str | None
    """The tip there; None where there is no such branch yet."""


class _Sending:
    """What there is to send, as both sides are now."""

    def __init__(self, store: GitStore, ours: Refs, theirs: Refs) -> None:
        self._ours = ours
        self._theirs = theirs
        self._clusters = {branch: store.files.meta(str(ours.tip(branch))).cluster for branch in ours.branches}
        self._graph: Graph = read_graph(store.git, ours.commits.values())
        self._reached = {branch: reach(self._graph, [str(ours.tip(branch))]) for branch in ours.branches}
        self.unknown = tuple(branch for branch in theirs.branches if self._is_unknown(branch))
        """Branches there that seem to be of clusters of ours, and have what the branch here does not lead to."""

    def _is_unknown(self, theirs: str) -> bool:
        tip = self._theirs.tip(theirs)
        alike = [branch for branch, cluster in self._clusters.items() if may_belong(theirs, cluster)]
        return bool(alike) and not any(tip in self._reached[branch] for branch in alike)

    def wanted(self) -> Refs:
        """The refs there of these."""
        found = {ref: commit for ref, commit in self._theirs.commits.items() if ref.split("/")[2] in self.unknown}
        return Refs(found)

    def _pairs(self) -> Iterator[_Pair]:
        """A cluster has one branch there, too, whatever it is called; the one of the same name where there are more."""
        for branch, reached in self._reached.items():
            known = [name for name in self._theirs.branches if self._theirs.tip(name) in reached]
            there = branch if branch in known or not known else known[0]
            yield _Pair(branch, there, str(self._ours.tip(branch)), self._theirs.tip(there))

    def updates(self) -> list[tuple[str, str]]:
        """Commits, and the refs there that get them."""
        found: list[tuple[str, str]] = []
        for pair in self._pairs():
            if pair.tip != pair.theirs:
                found.append((pair.tip, HEADS + pair.there))
            found += ((commit, f"{TAGS}{pair.there}/{name}") for name, commit in self._new_names(pair).items())
            known = self._theirs.kept(pair.there)
            found += (
                (commit, f"{KEPT}{pair.there}/{commit}")
                for commit in self._ours.kept(pair.here).values()
                if commit not in known
            )
        return found

    def _new_names(self, pair: _Pair) -> dict[str, str]:
        known = self._theirs.names(pair.there)
        return {name: commit for name, commit in self._ours.names(pair.here).items() if name not in known}

    def carried(self, merged: dict[str, Carried]) -> Iterator[Carried]:
        """What has become of each branch."""
        for pair in self._pairs():
            mine = reach(self._graph, self._ours.starts(pair.here))
            known = reach(self._graph, [start for start in self._theirs.starts(pair.there) if start in self._graph])
            yield Carried(
                pair.here,
                pair.there,
                _course(pair, merged),
                sum(len(self._graph[commit]) < 2 for commit in mine - known),
                tuple(self._new_names(pair)),
                clashes(self._ours.names(pair.here), self._theirs.names(pair.there)),
            )


def _course(pair: _Pair, merged: dict[str, Carried]) -> Course:
    if pair.theirs is None:
        return Course.NEW
    if pair.here in merged:
        return Course.MERGED
    return Course.SAME if pair.tip == pair.theirs else Course.FORWARD
