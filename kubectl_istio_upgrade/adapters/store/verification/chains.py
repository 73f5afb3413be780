"""Histories, followed commit by commit: as far as they lead, and what is wrong with how they are joined."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ....errors import UsageError
from ..branches import check_name, may_belong
from ..codec import identity_of
from ..refs import Refs
from ..trees import Commit
from .snapshots import Checker
from .surroundings import Found


@dataclass
class Chain:
    """All commits that a branch, its names and its kept refs lead to."""

    branch: str
    snapshots: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    faults: list[Found] = field(default_factory=list)

    @property
    def commits(self) -> frozenset[str]:
        """Snapshots and merges."""
        return frozenset((*self.snapshots, *self.merges))


def follow(
    checker: Checker, branch: str, starts: Iterable[str], removed: frozenset[str], known: frozenset[str] = frozenset()
) -> Chain:
    """Follow all parents, but those that retention has removed, and not beyond what is known already."""
    chain, seen, ahead = Chain(branch), {*known}, deque(dict.fromkeys(starts))
    while ahead:
        commit = ahead.popleft()
        if commit in seen:
            continue
        seen.add(commit)
        found = checker.commit(commit)
        if isinstance(found, str):
            what = "it, and what came before it, cannot be reached on this way"
            chain.faults.append(Found(f"commit {commit[:7]} of {branch}", f"{found}: {what}"))
            continue
        (chain.merges if len(found.parents) > 1 else chain.snapshots).append(commit)
        ahead += () if commit in removed else found.parents
    return chain


def lost(
    checker: Checker,
    dangling: Iterable[str],
    chains: Iterable[Chain],
    removed: frozenset[str],
    dropped: frozenset[str],
) -> Iterator[Chain]:
    """Of the commits that nothing leads to, those that something should lead to.

    Not: what was written on top of a branch that then did not move, and what retention has cut off, or `dropped` the
    ref of, and not yet deleted.
    """
    chains = tuple(chains)
    reached = frozenset(commit for chain in chains for commit in chain.commits)
    branches = {chain.branch for chain in chains}
    cut = (checker.commit(commit) for commit in removed)
    given_up = dropped.union(parent for found in cut if isinstance(found, Commit) for parent in found.parents)
    for tip in dangling:
        chain = follow(checker, "", [tip], removed, reached)
        checker.take_in(chain.commits)
        header = checker.header(tip)
        parents = {parent for commit in chain.commits for parent in _parents(checker, commit)}
        first_of_its_branch = len(chain.commits) == 1 and header.get("branch") in branches
        if header and tip not in given_up and not parents & reached and not first_of_its_branch:
            yield chain


def _parents(checker: Checker, commit: str) -> tuple[str, ...]:
    found = checker.commit(commit)
    return found.parents if isinstance(found, Commit) else ()


def joint_faults(checker: Checker, chain: Chain, removed: frozenset[str]) -> Iterator[Found]:
    """What is wrong with the merges of a branch."""
    for merge in chain.merges:
        found = checker.commit(merge)
        if isinstance(found, Commit) and (why := _merge_fault(checker, found, cut=merge in removed)):
            yield Found(f"merge {merge[:7]} of {chain.branch}", why)


def _merge_fault(checker: Checker, merge: Commit, *, cut: bool) -> str:
    if cut or len(merge.parents) > 2:
        return "its parents are listed in shallow" if cut else "it has more than two parents"
    first, second = map(checker.commit, merge.parents)
    if not isinstance(first, Commit) or not isinstance(second, Commit):
        return ""  # which is a fault of theirs
    if merge.tree != first.tree:
        return "it has not the tree of its first parent"
    older, newer = (checker.header(parent).get("created", "") for parent in merge.parents)
    return "" if older >= newer else "its first parent is not the one of the newer snapshot"


def branch_faults(checker: Checker, chain: Chain, refs: Refs) -> Iterator[Found]:
    """What is wrong with a branch as a whole: whose it is, and what its names point to."""
    headers = {commit: header for commit in chain.snapshots if (header := checker.header(commit))}
    uids = {header["cluster"]["uid"] for header in headers.values()}
    if len(uids) > 1:
        yield Found(f"branch {chain.branch}", f"it has snapshots of {len(uids)} clusters")
    elif headers and not may_belong(chain.branch, identity_of(next(iter(headers.values())))):
        yield Found(f"branch {chain.branch}", "its name is not that of its cluster")
    recorded = {header["branch"] for header in headers.values() if header.get("branch")}
    if recorded and chain.branch not in recorded:
        yield Found(f"branch {chain.branch}", f"its snapshots say that it is called {', '.join(sorted(recorded))}")
    yield from _name_faults(chain.branch, refs, headers, checker)


def _name_faults(
    branch: str, refs: Refs, headers: Mapping[str, Mapping[str, str]], checker: Checker
) -> Iterator[Found]:
    names = refs.names(branch)
    for name, commit in names.items():
        said = headers.get(commit, {}).get("name")
        if why := wrong_name(name):
            yield Found(f"name {name} of {branch}", why)
        elif said and said != name:
            yield Found(f"name {name} of {branch}", f"snapshot {commit[:7]} says that it is called {said}")
        elif commit not in headers and isinstance(found := checker.commit(commit), Commit) and len(found.parents) > 1:
            yield Found(f"name {name} of {branch}", "it points to a merge")
    for commit, header in headers.items():
        if "name" in header and header["name"] not in names:
            yield Found(f"name {header['name']} of {branch}", f"it is gone; snapshot {commit[:7]} says that it has it")
    for name, commit in refs.kept(branch).items():
        if name != commit:
            yield Found(f"refs/kept/{branch}/{name}", f"it points to {commit[:7]}")


def wrong_name(name: str) -> str:
    """Why a snapshot cannot be called so; "" if it can."""
    try:
        check_name(name)
    except UsageError as error:
        return error.message
    return ""


def homeless(refs: Refs) -> Iterator[Found]:
    """Names and kept refs of branches that there are not."""
    for ref in refs.commits:
        space, branch = ref.split("/")[1:3]
        if space != "heads" and ref.count("/") == 3 and "." not in branch and branch not in refs.branches:
            yield Found(ref, f"there is no branch {branch}")
