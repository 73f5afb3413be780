"""`store pull`: the store gets what a remote has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ....errors import Interrupted, RemoteError, StoreError
from ....models.copies import Carried, Clash, Course, Exchange
from ....ports import Progress
from .. import retention
from ..branches import new_name
from ..files import SnapshotFiles
from ..gitio import GitError
from ..history import removed_parents
from ..refs import HEADS, KEPT, NOBODY, TAGS, Refs, read_refs
from ..retention import Graph, cannot_write, read_graph
from ..store import GitStore
from .checking import Checked, Foreign, check
from .incoming import Incoming, incoming
from .joining import Joiner
from .remote import Remote


def pull(store: GitStore, remote: Remote, progress: Progress) -> Exchange:
    """Take over all snapshots and names that a remote has and the store has not.

    Raises RemoteError when it cannot be read, has no snapshots or damaged ones; then nothing is taken over.
    """
    with progress.phase(f"asking {remote.shown}"):
        listed = listing(remote)
    return take_over(store, remote, listed, progress)


def listing(remote: Remote) -> Refs:
    """What a remote has. Raises RemoteError when it cannot be read, or has no snapshots. Needs no store."""
    listed = remote.refs()
    if not listed.branches:
        hint = "is it the right one? `kubectl istio-upgrade store push` sends snapshots to it"
        raise RemoteError(f"there are no snapshots at {remote.shown}", hint=hint)
    return listed


def take_over(store: GitStore, remote: Remote, listed: Refs, progress: Progress) -> Exchange:
    """As `pull`, of what these refs of the remote lead to."""
    ours, cut = read_refs(store.git), removed_parents(store.git)
    known = read_graph(store.git, ours.commits.values()) if ours.commits else {}
    with incoming(store.git, ours) as aside:
        with progress.phase(f"fetching from {remote.shown}"):
            aside.fetch(remote, listed.commits)
        try:
            with progress.phase("checking what came"):
                graph = aside.graph(ours)
                checked = check(aside.git, aside.theirs, known, remote)
        except StoreError:
            _refuse_tidied(store, ours, read_refs(store.git), cut)
            raise
        with store.lock("store pull"):
            now = read_refs(store.git)
            _refuse_tidied(store, ours, now, cut)
            graph = graph if now == ours else aside.graph(now)
            return _Taking(store, aside, now, graph).all(checked, remote)


def _refuse_tidied(store: GitStore, before: Refs, now: Refs, cut: frozenset[str]) -> None:
    """What the remote did not send because the store had it may be gone."""
    if removed_parents(store.git) != cut or not now.commits.keys() >= before.commits.keys():
        raise StoreError("snapshots were removed from the store meanwhile; nothing was taken over", hint="try again")


@dataclass
class _Taking:
    """What is taken over in one transaction."""

    store: GitStore
    aside: Incoming
    ours: Refs
    graph: Graph
    creates: dict[str, str] = field(default_factory=dict)
    """Names and kept refs, with their commits."""
    updates: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Branches, with their new tips and their old ones."""

    def all(self, checked: Checked, remote: Remote) -> Exchange:
        files = SnapshotFiles(self.aside.git)
        joiner = Joiner(self.aside.git, files, self.graph)
        try:
            clusters: dict[str, list[Foreign]] = {}
            for foreign in checked.branches:
                clusters.setdefault(foreign.cluster.uid, []).append(foreign)
            present = uids(self.store, self.ours)
            carried = [
                one for uid, theirs in clusters.items() for one in self._cluster(present.get(uid), theirs, joiner)
            ]
            if self.creates or self.updates:
                self._write()
        except (GitError, OSError) as error:
            raise cannot_write(self.store.path, error) from error
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted; either all of it was taken over or nothing") from error
        finally:
            files.close()
        return Exchange(remote.shown, tuple(carried), checked.passed_over)

    def _write(self) -> None:
        """After a crash before the refs are moved, all that came is there, and nothing leads to it."""
        path, known = self.store.path, {*retention.given_up(self.store.path)}
        retention.give_up(path, (*self.aside.theirs.commits.values(), *(new for new, _ in self.updates.values())))
        self.aside.hand_over()
        self.store.git.run("update-ref", "--stdin", stdin=self._transaction().encode())
        if not known:
            retention.settle(path)

    def _transaction(self) -> str:
        moves = [f"update {HEADS}{branch} {new} {old or NOBODY}" for branch, (new, old) in self.updates.items()]
        moves += (f"create {ref} {commit}" for ref, commit in self.creates.items())
        return "".join(f"{move}\n" for move in moves)

    def _cluster(self, branch: str | None, theirs: Sequence[Foreign], joiner: Joiner) -> Iterable[Carried]:
        """All branches that the remote has of one cluster go to the one that the store has."""
        name = branch or self._new_branch(theirs)
        mine = before = self.ours.tip(name) if branch else None
        for foreign in theirs:
            tip = str(self.aside.theirs.tip(foreign.branch))
            joined = joiner.join([mine, tip] if mine else [tip])
            names, clashes = self._names(name, foreign.branch)
            self._keep(name, foreign.branch, joiner.reach(joined))
            count = sum(len(self.graph[commit]) < 2 for commit in foreign.new)
            yield Carried(name, foreign.branch, _course(mine, tip, joined), count, names, clashes)
            mine = joined
        if mine and mine != before:
            self.updates[name] = mine, before

    def _new_branch(self, theirs: Sequence[Foreign]) -> str:
        """What they call it, as long as a snapshot of it says so and no other cluster's is called so."""
        first = theirs[0]
        wanted = [first.branch, *sorted(first.recorded)] if first.recorded else [first.branch]
        free = [name for name in wanted if name not in self.ours.branches]
        said = [name for name in free if not first.recorded or name in first.recorded]
        return (said or free or [new_name(first.cluster, self.ours.branches)])[0]

    def _names(self, branch: str, theirs: str) -> tuple[tuple[str, ...], tuple[Clash, ...]]:
        """Take over their names but those that mean something else here."""
        mine = {**self.ours.names(branch), **below(self.creates, f"{TAGS}{branch}/")}
        new = {name: commit for name, commit in self.aside.theirs.names(theirs).items() if name not in mine}
        self.creates |= {f"{TAGS}{branch}/{name}": commit for name, commit in new.items()}
        return tuple(new), clashes(mine, self.aside.theirs.names(theirs))

    def _keep(self, branch: str, theirs: str, led_to: frozenset[str]) -> None:
        """Their kept refs, as far as they are needed here."""
        needed = {*self.aside.theirs.kept(theirs).values()} - led_to - {*self.ours.kept(branch)}
        self.creates |= {f"{KEPT}{branch}/{commit}": commit for commit in sorted(needed)}


def below(refs: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Those below a prefix, by the rest of their names."""
    return {ref.removeprefix(prefix): commit for ref, commit in refs.items() if ref.startswith(prefix)}


def clashes(here: Mapping[str, str], there: Mapping[str, str]) -> tuple[Clash, ...]:
    """The names that mean two things."""
    both = sorted(here.keys() & there.keys())
    return tuple(Clash(name, here[name], there[name]) for name in both if here[name] != there[name])


def uids(store: GitStore, refs: Refs) -> Mapping[str, str]:
    """The store's branches by the UIDs of their clusters."""
    return {store.files.meta(str(refs.tip(branch))).cluster.uid: branch for branch in refs.branches}


def _course(mine: str | None, theirs: str, joined: str) -> Course:
    if mine is None:
        return Course.NEW
    if joined == mine:
        return Course.SAME if mine == theirs else Course.LEFT
    return Course.FORWARD if joined == theirs else Course.MERGED
