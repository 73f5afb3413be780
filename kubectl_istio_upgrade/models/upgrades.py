"""An upgrade's way through the guide, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Phase(StrEnum):
    """The steps of an upgrade, in their order."""

    PLAN = "plan"
    ISTIOCTL = "istioctl"
    PRECHECK = "precheck"
    MANIFEST = "manifest"
    REVIEW = "review"
    APPLY = "apply"
    VALIDATE = "validate"
    CONTROL_PLANE = "control-plane"
    WORKLOADS = "workloads"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class ReviewPoint:
    """One thing to look at in a new manifest; see `plan.reviewing`."""

    aspect: str
    where: str
    before: str
    """"" where there was none."""
    after: str
    """"" where there will be none."""

    @property
    def changed(self) -> bool:
        """Whether it will be another one."""
        return self.before != self.after


class PhaseOutcome(StrEnum):
    """How a phase stands."""

    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not needed, or left out on request: the reason says which."""


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase of one run."""

    phase: Phase
    outcome: PhaseOutcome
    started: datetime
    seconds: float = 0.0
    detail: str = ""
    """What it did or found, in a line."""
    reason: str = ""
    """Why it was skipped or failed."""
