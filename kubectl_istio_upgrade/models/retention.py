"""What retention keeps of a store, what it removes, and why."""

from __future__ import annotations

from dataclasses import dataclass

from .snapshots import SnapshotInfo


@dataclass(frozen=True, slots=True)
class Policy:
    """Which snapshots somebody wants to keep of each cluster; without a word, all of them."""

    keep_last: int | None = None
    """The newest so many."""
    keep_daily: int | None = None
    """The newest of each day, of so many days that have any."""

    @property
    def is_all(self) -> bool:
        """Whether nothing is to be removed."""
        return self.keep_last is None and self.keep_daily is None


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays."""

    info: SnapshotInfo
    reasons: tuple[str, ...]
    """All that apply, in the order of the table in `plan.retention`."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What becomes of the snapshots of one branch, each newest first."""

    branch: str
    kept: tuple[Kept, ...]
    removed: tuple[SnapshotInfo, ...]


@dataclass(frozen=True, slots=True)
class Freed:
    """What it was worth: the size of git's objects on the disk, in bytes."""

    before: int
    after: int

    @property
    def bytes(self) -> int:
        """How much less there is; never negative: a pack that was written anew may be a little larger."""
        return max(self.before - self.after, 0)
