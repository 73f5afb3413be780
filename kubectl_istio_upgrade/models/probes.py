"""Probes: requests of our own, sent while an operation runs, and what was counted of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ProbeKind(StrEnum):
    """How a probe asks."""

    URL = "url"
    """A GET, each over a connection of its own, as of another user each time."""
    COMMAND = "command"
    """A program, run without a shell; its exit status is the answer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What is asked again and again."""

    kind: ProbeKind
    name: str
    """How it is shown and recorded: nothing that might be a credential is in it."""
    target: str = field(repr=False)
    """The URL or the command as the user gave it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, how patiently, and what is an answer."""

    interval: float = 0.2
    """Seconds from one request to the next. One that takes longer delays the next: a probe never has two on their way,
    so what hangs shows less in the number of failures than in the longest gap."""
    timeout: float = 5.0
    """Seconds after which a request has failed."""
    statuses: tuple[range, ...] = (range(200, 400),)
    """HTTP statuses that are no failure. By default those that are none to a kubelet's httpGet probe: a mesh that has
    lost a route answers 404, and one that has lost a permission 403. Redirects are not followed."""


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """One request that failed."""

    at: datetime
    """When it was sent."""
    phase: str
    reason: str
    """Such as `connection refused` or `status 503`."""


@dataclass(frozen=True, slots=True)
class PhaseCount:
    """The requests that were sent in one phase of an operation."""

    phase: str
    sent: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.failed} of {self.sent} {self.phase}"


BEFORE = "before"
"""The phase that every probing begins with."""


@dataclass(frozen=True, slots=True)
class ProbeCount:
    """What became of one probe's requests so far; those on their way are not counted yet."""

    probe: Probe
    phases: tuple[PhaseCount, ...] = ()
    """In the order in which they began."""
    longest_gap: float = 0.0
    """Seconds: the longest time without an answer that is no failure, the first and the last wait included."""
    first: ProbeFailure | None = None
    last: ProbeFailure | None = None

    @property
    def sent(self) -> int:
        """Of all phases."""
        return sum(phase.sent for phase in self.phases)

    @property
    def failed(self) -> int:
        """Of all phases."""
        return sum(phase.failed for phase in self.phases)

    def during(self, phase: str) -> PhaseCount:
        """Of one phase."""
        return next((count for count in self.phases if count.phase == phase), PhaseCount(phase))

    def __str__(self) -> str:
        """`310 sent, 4 failed (4 of 40 writing), longest gap 1.2 s`."""
        where = ", ".join(str(phase) for phase in self.phases if phase.failed)
        details = f" ({where})" if where else ""
        return f"{self.sent} sent, {self.failed} failed{details}, longest gap {self.longest_gap:.1f} s"
