"""Foreign snapshots, held against all that `snapshots/README.md` demands before the store takes any of them over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ....errors import RemoteError, StoreError
from ....models.snapshots import ClusterIdentity
from ....models.verification import Signature
from .. import layout
from ..branches import may_belong
from ..codec import identity_of
from ..files import SnapshotFiles
from ..gitio import Git, ObjectReader
from ..history import newest, removed_parents
from ..refs import Refs
from ..retention import Graph
from ..trees import Commit
from ..verification.chains import Chain, follow, joint_faults, wrong_name
from ..verification.signatures import judged
from ..verification.snapshots import Checker
from .remote import Remote

_NAMED = 3
"""Faults that are named; there may be as many as there are files."""


@dataclass(frozen=True)
class Foreign:
    """A branch of the remote that is in order."""

    branch: str
    """As it is called there."""
    cluster: ClusterIdentity
    new: frozenset[str]
    """The commits that the store has not, merges included."""
    recorded: frozenset[str]
    """The branches that its new snapshots say they were written to."""


@dataclass(frozen=True)
class Checked:
    """All that the remote has."""

    branches: tuple[Foreign, ...]
    passed_over: tuple[str, ...]
    """Branches that hold no snapshots."""


def check(git: Git, theirs: Refs, known: Graph, remote: Remote) -> Checked:
    """Look at every snapshot that is not among those known. Raises RemoteError naming what is wrong with any."""
    reader, files = ObjectReader(git), SnapshotFiles(git)
    try:
        checking = _Checking(git, Checker(reader), files, theirs, frozenset(known))
        passed_over = tuple(branch for branch in theirs.branches if not checking.has_snapshots(branch))
        branches = [branch for branch in theirs.branches if branch not in passed_over]
        found = Checked(tuple(checking.branch(branch) for branch in branches), passed_over)
    except StoreError as error:
        raise _damaged(remote, [error.message]) from error
    finally:
        reader.close()
        files.close()
    if checking.faults:
        raise _damaged(remote, checking.faults)
    return found


def _damaged(remote: Remote, faults: list[str]) -> RemoteError:
    more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    hint = "nothing was taken over; where it is a store, `kubectl istio-upgrade store verify` there tells all"
    return RemoteError(f"{remote.shown} is damaged: {'; '.join(faults[:_NAMED])}{more}", hint=hint)


class _Checking:
    def __init__(self, git: Git, checker: Checker, files: SnapshotFiles, theirs: Refs, known: frozenset[str]) -> None:
        self.faults: list[str] = []
        self._git = git
        self._checker = checker
        self._files = files
        self._theirs = theirs
        self._known = known
        self._removed = removed_parents(git)

    def has_snapshots(self, branch: str) -> bool:
        return layout.SNAPSHOT in self._files.paths(str(self._theirs.tip(branch)), layout.SNAPSHOT)

    def branch(self, branch: str) -> Foreign:
        """Note the faults of a branch, and say what it is."""
        cluster = self._cluster(str(self._theirs.tip(branch)))
        chain = follow(self._checker, branch, self._theirs.starts(branch), self._removed, self._known)
        self._take_in(chain)
        headers = {commit: self._checker.header(commit) for commit in chain.snapshots}
        self.faults += (f"{place}: {why}" for place, why in chain.faults)
        if not may_belong(branch, cluster):
            self.faults.append(f"branch {branch}: its name is not that of its cluster")
        for commit in chain.commits:
            self.faults += (f"snapshot {commit[:7]}: {path}: {why}" for path, why in self._checker.faults(commit))
        self.faults += (f"{place}: {why}" for place, why in joint_faults(self._checker, chain, self._removed))
        self.faults += (f"commit {commit[:7]}: its signature is bad" for commit in self._badly_signed(chain))
        self.faults += self._strangers(headers, cluster)
        self.faults += self._name_faults(branch, cluster)
        recorded = frozenset(str(header["branch"]) for header in headers.values() if header.get("branch"))
        return Foreign(branch, cluster, chain.commits, recorded)

    def _take_in(self, chain: Chain) -> None:
        """Read the new snapshots, and those that new merges join."""
        commits = list(chain.commits)
        for merge in chain.merges:
            found = self._checker.commit(merge)
            commits += found.parents if isinstance(found, Commit) else ()
        self._checker.take_in(dict.fromkeys(commits))

    def _cluster(self, commit: str) -> ClusterIdentity:
        return identity_of(self._files.header(commit))

    def _badly_signed(self, chain: Chain) -> Iterator[str]:
        commits = {commit: self._checker.commit(commit) for commit in chain.commits}
        signed = [commit for commit, found in commits.items() if isinstance(found, Commit) and found.signed]
        return (commit for commit, found in judged(self._git, signed).items() if found is Signature.BAD)

    def _strangers(
        self, headers: Mapping[str, Mapping[str, Mapping[str, str]]], cluster: ClusterIdentity
    ) -> Iterator[str]:
        for commit, header in headers.items():
            if header and header["cluster"]["uid"] != cluster.uid:
                yield f"snapshot {commit[:7]}: it is of another cluster than its branch"

    def _name_faults(self, branch: str, cluster: ClusterIdentity) -> Iterator[str]:
        for name, commit in self._theirs.names(branch).items():
            header = self._files.header(commit)
            if why := wrong_name(name):
                yield f"name {name}: {why}"
            elif newest(self._files, commit) != commit:
                yield f"name {name}: it points to a merge"
            elif header.get("name", name) != name:
                yield f"name {name}: snapshot {commit[:7]} says that it is called {header['name']}"
            elif header["cluster"]["uid"] != cluster.uid:
                yield f"name {name}: it is of another cluster than its branch"
        for name, commit in self._theirs.kept(branch).items():
            if name != commit:
                yield f"refs/kept/{branch}/{name}: it points to {commit[:7]}"
