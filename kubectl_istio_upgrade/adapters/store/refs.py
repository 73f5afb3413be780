"""Branches, names and kept refs: read so that a broken one is an error, and never "there is none"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import StoreError
from .gitio import Done, Git, words_of

HEADS = "refs/heads/"
TAGS = "refs/tags/"
KEPT = "refs/kept/"
ALL = (HEADS, TAGS, KEPT)

NOBODY = "0" * 40
"""What git calls the value of a ref that must not exist yet."""

_IGNORED = ("warning: ignoring", "error:")
"""How git begins when it leaves a ref out of its listing and goes on as if nothing were wrong."""


@dataclass(frozen=True)
class Refs:
    """All refs of a store at one moment, with their commits."""

    commits: Mapping[str, str]

    @property
    def branches(self) -> tuple[str, ...]:
        """Sorted; those with a dot are a later format's."""
        names = (ref.removeprefix(HEADS) for ref in self.commits if ref.startswith(HEADS))
        return tuple(sorted(name for name in names if "." not in name))

    def tip(self, branch: str) -> str | None:
        """Where a branch is: at a snapshot or a merge."""
        return self.commits.get(HEADS + branch)

    def names(self, branch: str) -> dict[str, str]:
        """The names on a branch, with their commits."""
        return self._below(f"{TAGS}{branch}/")

    def kept(self, branch: str) -> dict[str, str]:
        """The kept refs of a branch, by their last part, which is their commit."""
        return self._below(f"{KEPT}{branch}/")

    def starts(self, branch: str) -> tuple[str, ...]:
        """All that leads to the branch's history, its tip first."""
        tip = self.tip(branch)
        others = {*self.names(branch).values(), *self.kept(branch).values()} - {tip}
        return (*([tip] if tip else []), *sorted(others))

    def named(self, branch: str, commit: str) -> tuple[str, ...]:
        """The names of a commit, sorted."""
        return tuple(sorted(name for name, named in self.names(branch).items() if named == commit))

    def _below(self, prefix: str) -> dict[str, str]:
        return {ref.removeprefix(prefix): commit for ref, commit in self.commits.items() if ref.startswith(prefix)}


def read_refs(git: Git) -> Refs:
    """Raises StoreError when git cannot read a ref: a branch that cannot be read is not one without snapshots."""
    refs, complaints = try_refs(git)
    if complaints:
        hint = "`kubectl istio-upgrade store verify` tells what else is damaged, and which snapshots are intact"
        raise StoreError(f"the store could not be read: {'; '.join(complaints)}", hint=hint)
    return refs


def try_refs(git: Git) -> tuple[Refs, tuple[str, ...]]:
    """What can be read, and what git says of the rest."""
    done = git.attempt("for-each-ref", "--format=%(refname) %(objectname)", *ALL)
    listing = dict(line.split(" ") for line in done.output.splitlines() if line.count(" ") == 1)
    return Refs(listing), _complaints(done)


def _complaints(done: Done) -> tuple[str, ...]:
    if done.status:
        return (words_of(done),)
    return tuple(line.partition(": ")[2] for line in done.errors.splitlines() if line.startswith(_IGNORED))
