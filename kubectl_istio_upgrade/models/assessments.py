"""The answer to "may this mesh be upgraded?", as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .findings import Finding, Severity, Skipped
from .installations import Installation
from .releases import Release
from .snapshots import ClusterIdentity
from .upgrades import Phase


@dataclass(frozen=True, slots=True)
class Running:
    """A control plane of the mesh."""

    revision: str
    version: Release | None
    ready: int
    """Pods that are available."""
    wanted: int


@dataclass(frozen=True, slots=True)
class Versions:
    """Who runs what."""

    control_planes: tuple[Running, ...] = ()
    proxies: Mapping[str, int] = field(default_factory=dict)
    """Pods by the release of their proxy; "" where the image does not tell."""
    workloads: int = 0
    """How many workloads these pods are of."""
    agents: Mapping[str, str] = field(default_factory=dict)
    """`cni` and `ztunnel`, where they are, with their releases."""
    connected: Mapping[str, int] | None = None
    """Proxies that are connected to istiod now, by the release that each reports; None where nobody could be asked."""
    client: str = ""
    """Of the istioctl that was asked; "" without one."""


@dataclass(frozen=True, slots=True)
class NotesRead:
    """How many of a release's changes were looked for."""

    minor: int
    looked_for: int
    concern: int
    unseen: tuple[str, ...] = ()
    """Changes that cannot be looked for in what is read, each in a line."""


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A phase of the upgrade, and what it will do in this mesh."""

    phase: Phase
    does: str


@dataclass(frozen=True)
class Assessment:
    """Everything that is known before anything happens."""

    cluster: ClusterIdentity
    root_namespace: str
    current: Release | None
    """Of the control plane that the upgrade replaces."""
    target: Release | None
    """None where no upgrade is asked about."""
    revision: str
    """The new revision; "" in place."""
    versions: Versions
    installation: Installation
    findings: tuple[Finding, ...] = ()
    """Blockers first."""
    way_back: tuple[Finding, ...] = ()
    """What a rollback to now could not restore, or not alone."""
    notes: tuple[NotesRead, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    phases: tuple[PlannedPhase, ...] = ()
    kubernetes: tuple[int, int] | None = None
    """The minor releases of Kubernetes that the target supports, where that is known."""

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What keeps the upgrade from beginning."""
        return tuple(finding for finding in self.findings if finding.blocks)

    def count(self, severity: Severity) -> int:
        """Findings of this severity that are not ignored."""
        return sum(1 for finding in self.findings if finding.severity is severity and not finding.ignored)
