"""What `store verify` finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Signature(StrEnum):
    """What is known of a commit's signature."""

    NONE = "none"
    """It is not signed."""
    GOOD = "good"
    UNCHECKED = "unchecked"
    """It is signed, and this machine has not what it takes to say more: no key, no list of allowed signers."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is damaged, or not as the format has it."""

    place: str
    """Where: a file of the store, a file of snapshots, a ref."""
    why: str
    snapshots: tuple[str, ...] = ()
    """The commits of the snapshots that suffer from it."""


@dataclass(frozen=True, slots=True)
class CheckedSnapshot:
    """One snapshot."""

    commit: str
    branch: str
    """"" for one that no branch leads to."""
    intact: bool
    created: datetime | None = None
    """None where that cannot be read."""
    names: tuple[str, ...] = ()
    signature: Signature = Signature.NONE

    @property
    def short(self) -> str:
        """The abbreviated commit that people type."""
        return self.commit[:7]


@dataclass(frozen=True, slots=True)
class Verification:
    """A store, looked at whole."""

    store: str
    branches: tuple[str, ...]
    snapshots: tuple[CheckedSnapshot, ...]
    """By branch, newest first."""
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()
    """What is in order, and worth knowing."""

    @property
    def intact(self) -> bool:
        """True when nothing at all is damaged."""
        return not self.faults
