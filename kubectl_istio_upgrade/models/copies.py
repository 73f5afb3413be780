"""What `store push` and `store pull` have carried from one store to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Course(StrEnum):
    """What became of a branch at its destination."""

    SAME = "same"
    """It had everything."""
    NEW = "new"
    """There was no branch of that cluster."""
    FORWARD = "forward"
    """It moved on."""
    MERGED = "merged"
    """Both sides had snapshots that the other had not: their histories are one now, here and there."""
    LEFT = "left"
    """It has more than was sent: there was nothing to send."""


@dataclass(frozen=True, slots=True)
class Clash:
    """A name that means one snapshot here and another one there; both stay as they are."""

    name: str
    here: str
    """A commit."""
    there: str


@dataclass(frozen=True, slots=True)
class Carried:
    """One cluster."""

    branch: str
    """As it is called here."""
    theirs: str
    """As it is called there."""
    course: Course
    snapshots: int = 0
    """How many are new at the destination."""
    names: tuple[str, ...] = ()
    """Those that are new at the destination."""
    clashes: tuple[Clash, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """All of them."""

    remote: str
    """Its address, without any password."""
    carried: tuple[Carried, ...]
    passed_over: tuple[str, ...] = ()
    """Branches of the remote that hold no snapshots."""

    @property
    def clashes(self) -> int:
        """How many names mean two things."""
        return sum(len(each.clashes) for each in self.carried)
