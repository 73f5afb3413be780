"""What istioctl and helm say, as values: parsed from what they print, never from how they exit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How bad a message of a tool is, in istioctl's own three levels (pkg/config/analysis/diag/level.go)."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """One finding of `istioctl analyze` or `istioctl x precheck`."""

    code: str
    """Such as `IST0101`; documented at istio.io/latest/docs/reference/config/analysis."""
    level: Level
    message: str
    origin: str = ""
    """The object it is about, as istioctl names it: `VirtualService shop/web`; "" for the whole mesh."""
    documentation: str = ""
    """The page about the code; "" where istioctl names none."""

    def __str__(self) -> str:
        about = f" ({self.origin})" if self.origin else ""
        return f"{self.code}{about}: {self.message}"


@dataclass(frozen=True, slots=True)
class ControlPlaneVersion:
    """One istiod as `istioctl version` reports it."""

    component: str
    revision: str
    version: str


@dataclass(frozen=True, slots=True)
class MeshVersions:
    """The answer of `istioctl version -o json`. What could not be reached is absent, which is no error there."""

    client: str
    control_plane: tuple[ControlPlaneVersion, ...] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    """Connected proxies, by their id (`NAME.NAMESPACE`), with the version that each reports."""
    unreached: str = ""
    """What istioctl said where it reached no istiod."""


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """One proxy that is connected to an istiod, as `istioctl proxy-status` reports it."""

    proxy: str
    """`NAME.NAMESPACE`."""
    istiod: str
    """The istiod pod that serves it."""
    version: str
    stale: tuple[str, ...] = ()
    """The types of configuration (CDS, LDS, …) that it has been sent and has not acknowledged, or has rejected."""
