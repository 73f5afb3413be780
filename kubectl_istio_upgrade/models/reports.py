"""What is known of one operation, put together for people: the upgrade log.

Everything that a record may leave out is optional here: None means that nobody noted it, an empty tuple that there was
none. Outcomes, severities and phases are words of the record, as `snapshots/README.md` lists them; a newer program may
have written others, so they are texts and not closed vocabularies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .changes import Comparison
from .plans import FollowUp
from .snapshots import ClusterIdentity, SnapshotInfo, Versions
from .upgrades import ReviewPoint


class Ending(StrEnum):
    """How an operation ended."""

    PROVED = "proved"
    """The cluster was read again and is as promised."""
    RESIDUAL = "residual"
    """Everything was written, and something still differs."""
    ABORTED = "aborted"
    """It was cut short and taken back."""
    UNFINISHED = "unfinished"
    """It was cut short, and nobody has ended it yet."""
    NOTHING = "nothing"
    """It stopped before its first write."""
    UNKNOWN = "unknown"
    """Its beginning is in this store and its end is not: it may have gone on elsewhere."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One write."""

    object: str
    """`Deployment istio-system/istiod`."""
    action: str
    outcome: str
    """A word of `models.plans.Outcome`, or `pending` for what was not begun."""
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeftReport:
    """An object that was kept, with the reason, or one that still differs, with the fields."""

    object: str
    reason: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProofReport:
    """The cluster, read again, against what the plan promised."""

    identical: int
    reads: int | None
    """How often it had to be read."""
    kept: tuple[LeftReport, ...]
    residual: tuple[LeftReport, ...]


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """One step of the guide."""

    phase: str
    outcome: str
    started: datetime | None = None
    seconds: float | None = None
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FindingReport:
    """What was found before anything was changed."""

    code: str
    severity: str
    what: str
    hint: str = ""
    objects: tuple[str, ...] = ()
    ignored: bool = False
    """Somebody has passed it over with `--ignore`."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check of the mesh afterwards."""

    check: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProbePhase:
    """Requests of one probe in one phase."""

    phase: str
    sent: int
    failed: int


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """A probe, run through the whole operation."""

    probe: str
    phases: tuple[ProbePhase, ...]
    first_failure: str = ""
    """When and why, in words."""
    longest_gap: float | None = None
    """Seconds between two answers that were farthest apart."""

    @property
    def sent(self) -> int:
        """Of all phases."""
        return sum(phase.sent for phase in self.phases)

    @property
    def failed(self) -> int:
        """Of all phases."""
        return sum(phase.failed for phase in self.phases)


@dataclass(frozen=True, slots=True)
class RestartReport:
    """One workload: restarted, or not, and why."""

    object: str
    before: str
    """Which proxy it ran."""
    after: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """One run of the operation."""

    command: str
    """`upgrade`, `resume`, `abort`, …"""
    aim: str
    holder: str
    """`alice@bastion`."""
    started: datetime | None = None
    writes: int | None = None
    """How many it set out to make."""


@dataclass(frozen=True)
class Report:
    """One operation."""

    id: str
    """"" for an operation of which only the beginning is known, recorded by an older program."""
    kind: str
    """`upgrade`, `rollback`, `apply`, …; of one that was taken back, what it had been."""
    target: str
    """In words: `snapshot 3f2a91c (friday)`."""
    ending: Ending
    cluster: ClusterIdentity
    context: str
    """Of the kubeconfig, when it ran."""
    before: SnapshotInfo | None
    after: SnapshotInfo | None
    started: datetime
    """When its first run began."""
    seconds: float | None
    """What its last run took."""
    way_back: tuple[FollowUp, ...]
    """The commands that come next, or would take it back."""
    ended: datetime | None = None
    holder: str = ""
    versions_before: Versions | None = None
    versions_after: Versions | None = None
    stopped_at: str = ""
    """Of an unfinished operation: how far it got."""
    steps: tuple[StepReport, ...] = ()
    proof: ProofReport | None = None
    difference: Comparison | None = None
    """From the snapshot before to the snapshot after."""
    phases: tuple[PhaseReport, ...] = ()
    findings: tuple[FindingReport, ...] = ()
    review: tuple[ReviewPoint, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    probes: tuple[ProbeReport, ...] = ()
    restarts: tuple[RestartReport, ...] = ()
    warnings: tuple[str, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    attempts: tuple[AttemptReport, ...] = ()
    settings: str = ""
    """The settings of the installation, as YAML."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many writes of each action, in the order in which they first occur."""
        counts: dict[str, int] = {}
        for step in self.steps:
            counts[step.action] = counts.get(step.action, 0) + 1
        return counts
