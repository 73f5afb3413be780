"""git's own check of every object of a store, reachable or not."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ....errors import StoreError
from ..gitio import Git

_PASSED_OVER = ("notice: ", "Checking ", "dangling ")
_DANGLING = re.compile(r"dangling commit ([0-9a-f]{40})").fullmatch
_OBJECT = re.compile(r"\b[0-9a-f]{40}\b")

_MOST = 20
"""Complaints that are passed on; where a pack is gone there is one for each of its objects."""


@dataclass(frozen=True, slots=True)
class Fsck:
    """What git says."""

    complaints: tuple[str, ...]
    dangling: tuple[str, ...]
    """Commits that nothing leads to."""

    def other_than(self, known: Collection[str]) -> tuple[str, ...]:
        """The complaints that are about other objects than these, as far as one would read them."""
        new = [line for line in self.complaints if not (about := set(_OBJECT.findall(line))) or about.isdisjoint(known)]
        more = len(new) - _MOST
        return (*new[:_MOST], f"and {more} more complaints") if more > 0 else tuple(new)


def fsck(git: Git) -> Fsck:
    """Raises StoreError when git cannot be run."""
    done = git.attempt("fsck", "--full", "--strict", "--no-progress", "--no-reflogs")
    if done.status < 0:
        raise StoreError(f"git fsck was killed by signal {-done.status}")
    text = re.sub(r"\n +", " ", f"{done.output}\n{done.errors}")  # "broken link from …" goes on in the next line
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    complaints = [line for line in dict.fromkeys(lines) if not line.startswith(_PASSED_OVER)]
    if done.status and not complaints:
        complaints = [f"git fsck ended with status {done.status}"]
    dangling = tuple(match[1] for line in lines if (match := _DANGLING(line)))
    return Fsck(tuple(complaints), dangling)
