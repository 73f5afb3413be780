"""The history of a cluster: all snapshots that its branch, its names and its kept refs lead to, by time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...errors import StoreError
from .files import SnapshotFiles
from .gitio import Git, GitError
from .layout import OBJECTS
from .references import Entry
from .refs import Refs


def newest(files: SnapshotFiles, tip: str) -> str:
    """The newest snapshot of a branch, from its tip: of a merge, that of its first parent, whose tree it has."""
    while len(parents := files.commit(tip).parents) > 1:
        tip = parents[0]
    return tip


def log(git: Git, files: SnapshotFiles, refs: Refs, branch: str) -> list[Entry]:
    """Newest first, without the merges. Raises StoreError when git cannot follow it."""
    tip = refs.tip(branch)
    if tip is None:
        return []
    arguments = ("rev-list", "--date-order", "--max-parents=1", "--timestamp", "--stdin")
    listing = _ask(git, *arguments, about=refs.starts(branch))
    entries = [Entry(commit, int(time)) for time, commit in map(str.split, listing.splitlines())]
    first = newest(files, tip)
    return sorted(entries, key=lambda entry: entry.commit != first)


def changes(git: Git, commits: Sequence[str]) -> Mapping[str, int]:
    """How many objects each snapshot changed against its parent; nothing of one whose parent retention has removed."""
    removed = removed_parents(git)
    known = [commit for commit in commits if commit not in removed]
    changed = dict.fromkeys(known, 0)
    arguments = ("log", "--no-walk=unsorted", "--stdin", "--no-renames", "--name-only", "--format=:%H")
    for line in _ask(git, *arguments, about=known).splitlines() if known else ():
        if line.startswith(":"):
            commit = line[1:]
        elif line.startswith(OBJECTS):
            changed[commit] += 1
    return changed


def removed_parents(git: Git) -> frozenset[str]:
    """The commits whose parents retention has removed: the lines of `shallow`. Raises StoreError."""
    try:
        return frozenset((git.path / "shallow").read_text("ascii").split())
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise StoreError(f"the store could not be read: shallow: {error}") from error


def _ask(git: Git, *arguments: str, about: Iterable[str]) -> str:
    try:
        return git.run(*arguments, stdin="\n".join(about).encode())
    except GitError as error:
        raise StoreError(f"the store could not be read: {error}") from error
