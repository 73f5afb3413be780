"""Which workloads run an outdated proxy, and which parts of the installation have to be started anew: as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .objects import Key, MeshObject, ResourceType


class Currency(StrEnum):
    """How a workload's pods compare with the pod that the API server would create from its template now."""

    CURRENT = "up to date"
    OUT_OF_DATE = "out of date"
    MISSING = "without the proxy that it should have"
    STRAY = "with a proxy that it should not have"
    UNKNOWN = "not known"

    @property
    def is_stale(self) -> bool:
        """Whether new pods would be other pods."""
        return self in (Currency.OUT_OF_DATE, Currency.MISSING, Currency.STRAY)


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload of the mesh, judged."""

    key: Key
    kind: str
    pods: int
    """Those of its present template; of what has no template, all."""
    currency: Currency
    reasons: tuple[str, ...] = ()
    """What differs, the most telling first; or why it is not known."""
    notes: tuple[str, ...] = ()
    """How it was found out, where the API server could not be asked."""
    obstacle: str = ""
    """Why this program does not restart it; "" where it can."""
    proxies: tuple[str, ...] = ()
    """The distinct images of the proxies of its pods."""
    proxy: str = ""
    """The one that new pods would have; "" for none, and where it is not known."""
    gateway: bool = False
    live: MeshObject | None = None
    """What would be restarted; None for pods that nothing replaces."""
    type: ResourceType | None = None


class Need(StrEnum):
    """Whether a part of the installation has to be restarted."""

    NEEDED = "needed"
    NOT_NEEDED = "not needed"
    AUTOMATIC = "automatic"
    """Whoever changes it rolls it out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One row of the responsibility matrix, for this mesh."""

    component: str
    name: str
    """The workload, as NAMESPACE/NAME; "" for what stands for many."""
    need: Need
    reason: str
    source: str
    workload: Workload | None = None
    """What to restart, where that is needed and is a workload of its own."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The whole mesh, looked at once."""

    workloads: tuple[Workload, ...]
    parts: tuple[Part, ...]

    @property
    def stale(self) -> tuple[Workload, ...]:
        """Those whose new pods would be other pods."""
        return tuple(each for each in self.workloads if each.currency.is_stale)
