"""Whether a mesh is as an upgrade should leave it: checks, each with its answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """The answer of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be made, for the reason given: neither a yes nor a no."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row."""

    id: str
    """Such as `versions`; see `rules.validation`."""
    title: str
    status: CheckStatus
    summary: str
    """The answer in a line: what was found, or why it was skipped."""
    details: tuple[str, ...] = ()
    """What does not hold, a line each."""
    failing: tuple[str, ...] = ()
    """Those lines for which it fails: not all that is told is as bad. All of them, however many."""


@dataclass(frozen=True, slots=True)
class Validation:
    """All checks of one run, in their order."""

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing has failed. Warnings, and what could not be checked, are no failures."""
        return not any(check.status is CheckStatus.FAILED for check in self.checks)

    @property
    def counts(self) -> Counter[CheckStatus]:
        """How many of each answer."""
        return Counter(check.status for check in self.checks)
