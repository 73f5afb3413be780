"""Removing snapshots and leaving the commits of all others as they are: `snapshots/README.md`, History, Retention."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import StoreError
from ...models.retention import Freed
from .durable import remove_file, replace_file
from .gitio import Git, GitError
from .history import removed_parents
from .opening import PRIVATE
from .refs import ALL, KEPT, NOBODY, Refs

SHALLOW = "shallow"

GIVEN_UP = f"{PRIVATE}/given-up"
"""The commits whose refs are being deleted, or not made yet: that nothing leads to them is no damage meanwhile."""

Graph = Mapping[str, tuple[str, ...]]
"""Commits with their parents, as far as those are there; none before those that have it as a parent."""


@dataclass(frozen=True)
class Remainder:
    """What is left of the histories: all that has to be written for it."""

    cut: frozenset[str]
    """Commits that stay and whose parents go."""
    anchors: Mapping[str, frozenset[str]]
    """By branch, the snapshots that need a ref of their own."""


def read_graph(git: Git, starts: Iterable[str]) -> Graph:
    """All that can be reached. Raises StoreError when git cannot follow it."""
    try:
        listing = git.run("rev-list", "--date-order", "--parents", "--stdin", stdin="\n".join(starts).encode())
    except GitError as error:
        raise StoreError(f"the store could not be read: {error}") from error
    lines = (line.split() for line in listing.splitlines())
    return {commit: tuple(parents) for commit, *parents in lines}


def joined(graph: Graph, tip: str) -> frozenset[str]:
    """The snapshots that a merge at the tip of a branch has as parents, by way of other merges, too: they stay."""
    found, ahead = set(), [tip] if len(graph[tip]) > 1 else []
    while ahead:
        for parent in graph[ahead.pop()]:
            if len(graph[parent]) > 1:
                ahead.append(parent)
            else:
                found.add(parent)
    return frozenset(found)


def foreign(git: Git, refs: Refs) -> frozenset[str]:
    """What refs lead to that are not this format's, or a later one's: it is left alone."""
    try:
        listing = git.run("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)")
    except GitError as error:
        raise StoreError(f"the store could not be read: {error}") from error
    lines = [line.split(" ") for line in listing.splitlines()]
    others = [id_ for id_, kind, name in lines if kind in ("commit", "tag") and not _is_ours(name, refs)]
    return frozenset(read_graph(git, others)) if others else frozenset()


def _is_ours(name: str, refs: Refs) -> bool:
    return name.startswith(ALL) and name.split("/")[2] in refs.branches


def remainder(graph: Graph, kept: Mapping[str, Collection[str]], refs: Refs, removed: frozenset[str]) -> Remainder:
    """What is left if of each branch these snapshots are kept; `removed` are the commits whose parents are gone."""
    stay = frozenset(commit for commits in kept.values() for commit in commits)
    whole = _whole_merges(graph, stay)
    cut = {commit for commit in stay if commit in removed or not stay.union(whole).issuperset(graph[commit])}
    anchors = {branch: frozenset(_anchors(graph, branch, commits, refs, cut)) for branch, commits in kept.items()}
    return Remainder(frozenset(cut), anchors)


def _whole_merges(graph: Graph, stay: Collection[str]) -> set[str]:
    """The merges whose snapshots all stay, and so may be passed through; others go, whoever has them as a parent."""
    whole: set[str] = set()
    for commit, parents in reversed(list(graph.items())):
        if len(parents) > 1 and all(parent in stay or parent in whole for parent in parents):
            whole.add(commit)
    return whole


def _anchors(graph: Graph, branch: str, kept: Collection[str], refs: Refs, cut: Collection[str]) -> Iterator[str]:
    """Those of the kept that neither the branch nor a name leads to, nor one of these that is newer."""
    reached: set[str] = set()

    def reach(start: str) -> None:
        ahead = [start]
        while ahead:
            commit = ahead.pop()
            if commit not in reached:
                reached.add(commit)
                ahead += () if commit in cut else graph[commit]

    for start in (str(refs.tip(branch)), *refs.names(branch).values()):
        reach(start)
    for commit in graph:
        if commit in kept and commit not in reached:
            yield commit
            reach(commit)


def cut_off(git: Git, refs: Refs, left: Remainder) -> None:
    """Make the histories what is left of them, each step on the disk before the next. Packs nothing yet.

    Raises StoreError when anything cannot be written; whichever snapshots are listed then are whole.
    """
    needed = {f"{KEPT}{branch}/{commit}": commit for branch, commits in left.anchors.items() for commit in commits}
    present = {ref: commit for branch in left.anchors for ref, commit in _kept(refs, branch)}
    try:
        _move(git, (f"update {ref} {needed[ref]} {NOBODY}" for ref in sorted(needed.keys() - present)))
        if left.cut != removed_parents(git):
            write_shallow(git.path, left.cut)
        gone = sorted(present.keys() - needed)
        if gone:
            give_up(git.path, (present[ref] for ref in gone))
        _move(git, (f"delete {ref} {present[ref]}" for ref in gone))
    except (GitError, OSError) as error:
        raise cannot_write(git.path, error) from error


def _kept(refs: Refs, branch: str) -> Iterator[tuple[str, str]]:
    return ((f"{KEPT}{branch}/{name}", commit) for name, commit in refs.kept(branch).items())


def pack(git: Git) -> Freed:
    """Pack refs and what they lead to anew, and delete all else. Raises StoreError."""
    before = size_of_objects(git.path)
    try:
        git.run("pack-refs", "--all")
        git.run("repack", "-a", "-d", "-l", "-q")
        git.run("prune", "--expire=now")
        settle(git.path)
    except (GitError, OSError) as error:
        raise cannot_write(git.path, error) from error
    return Freed(before, size_of_objects(git.path))


def give_up(path: Path, commits: Iterable[str]) -> None:
    """Note that nothing need lead to these commits until `settle` is called. Raises OSError."""
    replace_file(path / GIVEN_UP, _lines(sorted({*given_up(path), *commits})))


def settle(path: Path) -> None:
    """Something leads to all of them, or they are not there any more. Raises OSError."""
    remove_file(path / GIVEN_UP)


def given_up(path: Path) -> frozenset[str]:
    """The commits that nothing need lead to, after a retention or a pull that did not come to its end."""
    try:
        return frozenset((path / GIVEN_UP).read_text("ascii").split())
    except (OSError, ValueError):
        return frozenset()


def write_shallow(path: Path, cut: Collection[str]) -> None:
    """List the commits whose parents are not there. Raises OSError."""
    if cut:
        replace_file(path / SHALLOW, _lines(sorted(cut)))
    else:
        remove_file(path / SHALLOW)


def size_of_objects(path: Path) -> int:
    """In bytes."""
    return sum(file.stat().st_size for file in (path / "objects").rglob("*") if file.is_file())


def cannot_write(path: Path, error: Exception) -> StoreError:
    """What it means that git or the system could not write to the store."""
    why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    hint = f"is there space left, and may this user write to {path}? no snapshot that was to be kept is lost"
    return StoreError(f"the store could not be written: {why}", hint=hint)


def _move(git: Git, lines: Iterable[str]) -> None:
    moves = "".join(f"{line}\n" for line in lines)
    if moves:
        git.run("update-ref", "--stdin", stdin=moves.encode())


def _lines(commits: Iterable[str]) -> bytes:
    return "".join(f"{commit}\n" for commit in commits).encode()
