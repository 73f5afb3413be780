"""What Istio's releases support, and how far apart its parts may be: data from Istio's own pages and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from ..models.releases import Release

ANNOUNCEMENTS = "istio.io/news/releases/1.{minor}.x/announcing-1.{minor}"
STATUS = "istio.io/docs/releases/supported-releases, support status"

Minors = tuple[int, int]
"""The first and the last minor release of Kubernetes 1.x."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: a minor release of Istio 1.x."""

    minor: int
    kubernetes: Minors
    """The window that Istio tests and supports."""
    floor: int
    """Below this minor release of Kubernetes istioctl's own precheck says no (istioctl/pkg/install/k8sversion)."""
    ends: date | None = None
    """The last day of its support; None where that is not announced: six weeks after the second release after it."""
    source: str = STATUS


LINES: Mapping[int, Line] = {
    line.minor: line
    for line in (
        Line(18, (24, 27), 23, date(2024, 1, 4)),
        Line(19, (25, 28), 25, date(2024, 4, 24)),
        Line(20, (25, 29), 25, date(2024, 6, 25)),
        Line(21, (26, 29), 26, date(2024, 9, 27)),
        Line(22, (27, 30), 26, date(2025, 1, 22)),
        Line(23, (27, 30), 26, date(2025, 4, 16)),
        Line(24, (28, 31), 28, date(2025, 6, 24)),
        Line(25, (29, 32), 28, date(2025, 9, 30)),
        Line(26, (29, 33), 29, date(2025, 12, 22)),
        Line(27, (29, 33), 29, date(2026, 3, 30)),
        Line(28, (30, 34), 30, date(2026, 6, 28)),
        Line(29, (31, 35), 30, date(2026, 10, 12)),
        Line(30, (32, 36), 32, source=ANNOUNCEMENTS.format(minor=30)),
        Line(31, (32, 36), 32, source=ANNOUNCEMENTS.format(minor=31)),
    )
}

NEWEST = max(LINES)

UPGRADE_STEP = 1
"""Minor releases that an upgrade in place may cross (istio.io/docs/setup/upgrade/in-place)."""
REVISION_STEP = 2
"""Minor releases that an upgrade by a new revision may cross (istio.io/docs/setup/upgrade/canary)."""
DOWNGRADE_STEP = 1
"""Minor releases that a downgrade in place may cross (istio.io/docs/setup/upgrade/in-place, downgrade)."""
BEHIND = 1
"""Minor releases by which proxies, ztunnel and the CNI node agent may be older than the control plane; none may be
newer (istio.io/docs/releases/supported-releases, skew; istio.io/docs/ambient/upgrade/helm)."""

OLDEST_DEFINITIONS = 22
"""Definitions of an older minor release lack the version `v1`. Once objects are stored as that, the API server refuses
such definitions (istio: manifests/charts/base/files/crd-all.gen.yaml of each release)."""


class Effect(Enum):
    """What becomes of a kind of the Gateway API whose definition is outside the window."""

    IGNORED = "istiod ignores every object of it, without a word in its status"
    STALLS = "istiod waits for it for ever, and never gets ready"


@dataclass(frozen=True, slots=True)
class GatewayApiWindow:
    """One row: which bundles of the Gateway API a release takes a kind from."""

    plural: str
    since: Release
    until: Release | None = None
    """The first release that it does not hold for any more."""
    least: Release | None = None
    """The oldest bundle that will do."""
    most: Release | None = None
    """The newest bundle that will do."""
    effect: Effect = Effect.IGNORED
    source: str = "istio: pkg/kube/kclient/crdwatcher.go, minimum and maximum versions"


GATEWAY_API: tuple[GatewayApiWindow, ...] = (
    GatewayApiWindow("grpcroutes", Release(1, 23), least=Release(1, 1)),
    GatewayApiWindow("backendtlspolicies", Release(1, 28), least=Release(1, 4)),
    GatewayApiWindow(
        "tlsroutes",
        Release(1, 22),
        Release(1, 28, 6),
        most=Release(1, 4, 1),
        effect=Effect.STALLS,
        source="istio/istio#59443",
    ),
    GatewayApiWindow("tlsroutes", Release(1, 28, 6), Release(1, 29), most=Release(1, 4, 1), source="istio/istio#59443"),
    GatewayApiWindow(
        "tlsroutes",
        Release(1, 29),
        Release(1, 29, 2),
        most=Release(1, 4, 1),
        effect=Effect.STALLS,
        source="istio/istio#59443",
    ),
    GatewayApiWindow("tlsroutes", Release(1, 29, 2), Release(1, 29, 3), most=Release(1, 4), source="istio/istio#59949"),
    GatewayApiWindow("tlsroutes", Release(1, 29, 3), Release(1, 30), most=Release(1, 4, 1)),
    GatewayApiWindow("tlsroutes", Release(1, 30), least=Release(1, 5), source="istio/istio.io#17394"),
    GatewayApiWindow("tcproutes", Release(1, 31), least=Release(1, 6)),
)

LOCKED_BUNDLE = Release(1, 5)
"""From this bundle on an admission policy (`safe-upgrades.gateway.networking.k8s.io`) denies older definitions."""
