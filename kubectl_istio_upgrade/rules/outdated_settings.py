"""Settings that guides and old files still have, and that today's releases refuse or pass over in silence.

Tried with `istioctl manifest generate` of 1.28.3 and 1.29.1. What is refused is told with istioctl's own words, which
name a field and no way on; what is passed over is told by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

TEMPLATE = "what a proxy may do is in the injection template; a pod overrides it by a container istio-proxy"
ADDONS = "removed in 1.8: install add-ons by themselves, as samples/addons does"


@dataclass(frozen=True, slots=True)
class OutdatedSetting:
    """One row: a path below `spec`, of an IstioOperator."""

    path: tuple[str, ...]
    instead: str
    refused: bool = True
    """Else it is accepted, and does nothing."""


OUTDATED: tuple[OutdatedSetting, ...] = (
    OutdatedSetting(
        ("values", "cni", "enabled"), "installs no CNI plugin: set components.cni.enabled=true", refused=False
    ),
    OutdatedSetting(
        ("values", "istio_cni", "enabled"),
        "tells sidecars nothing: set unvalidatedValues.pilot.cni.enabled=true",
        refused=False,
    ),
    OutdatedSetting(("values", "global", "proxy", "securityContext"), TEMPLATE),
    OutdatedSetting(("values", "global", "proxy", "runAsUser"), TEMPLATE),
    OutdatedSetting(("values", "global", "proxy", "runAsGroup"), TEMPLATE),
    OutdatedSetting(("values", "pilot", "securityContext"), "set components.pilot.k8s.securityContext"),
    OutdatedSetting(("values", "global", "mtls"), "removed in 1.6: a PeerAuthentication says it"),
    OutdatedSetting(("values", "mixer"), "removed in 1.8: a Telemetry or an EnvoyFilter does what Mixer did"),
    OutdatedSetting(("values", "grafana"), ADDONS),
    OutdatedSetting(("values", "kiali"), ADDONS),
    OutdatedSetting(("values", "prometheus"), ADDONS),
    OutdatedSetting(("values", "tracing"), ADDONS),
    OutdatedSetting(("addonComponents",), ADDONS),
)
