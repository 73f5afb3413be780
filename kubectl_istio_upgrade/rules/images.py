"""Which settings say what image a part of Istio runs: with each release of Istio they have to name another tag.

Read in the charts of Istio 1.28 and 1.29 (manifests/charts/*/templates and files) and in istioctl
(operator/pkg/render/manifest.go), and tried with `istioctl manifest generate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..models.installations import Part


class Runs(StrEnum):
    """What runs an image of Istio's."""

    ISTIOD = "istiod"
    CNI = "CNI node agent"
    ZTUNNEL = "ztunnel"
    GATEWAY = "gateway"
    SIDECAR = "sidecars"


@dataclass(frozen=True, slots=True)
class ImageSetting:
    """One row: a path below the values of a release of Helm's, or below `spec.values` of an IstioOperator."""

    path: tuple[str, ...]
    of: frozenset[Runs]
    why: str
    whole: bool = False
    """An image as a whole if there is a slash in it, else a name, which says nothing of a release."""


ALL = frozenset(Runs)
OWN_CHART = frozenset({Runs.ISTIOD, Runs.CNI, Runs.ZTUNNEL})
PROXIES = frozenset({Runs.GATEWAY, Runs.SIDECAR})
ISTIOD, CNI, ZTUNNEL = (frozenset({each}) for each in (Runs.ISTIOD, Runs.CNI, Runs.ZTUNNEL))

IMAGES: tuple[ImageSetting, ...] = (
    ImageSetting(("pilot", "image"), ISTIOD, "istioctl's; in the chart zzy_descope_legacy.yaml heeds it", whole=True),
    ImageSetting(("pilot", "tag"), ISTIOD, "likewise; wins over global.tag"),
    ImageSetting(("cni", "image"), CNI, "istioctl's; in the chart zzy_descope_legacy.yaml heeds it", whole=True),
    ImageSetting(("cni", "tag"), CNI, "likewise; wins over global.tag"),
    ImageSetting(("ztunnel", "image"), ZTUNNEL, "istioctl's: it gives the chart what is below its name", whole=True),
    ImageSetting(("ztunnel", "tag"), ZTUNNEL, "istioctl's: it gives the chart what is below its name"),
    ImageSetting(("image",), OWN_CHART, "the chart's own: templates/deployment.yaml, daemonset.yaml", whole=True),
    ImageSetting(("tag",), OWN_CHART, "the chart's own: wins over global.tag"),
    ImageSetting(("global", "proxy", "image"), PROXIES, "charts gateways/*; pkg/kube/inject, ProxyImage", whole=True),
    ImageSetting(
        ("global", "proxy_init", "image"), frozenset(), "files/injection-template.yaml: istio-init", whole=True
    ),
    ImageSetting(("global", "tag"), ALL, "what every chart falls back to"),
)
"""The first that is set decides; without any, the chart's own release does (values.yaml of each)."""

COMPONENTS: Mapping[str, Runs] = {
    "pilot": Runs.ISTIOD,
    "cni": Runs.CNI,
    "ztunnel": Runs.ZTUNNEL,
    "ingressGateways": Runs.GATEWAY,
    "egressGateways": Runs.GATEWAY,
}
"""Components of an IstioOperator, whose `tag` wins over all values (applyComponentValuesToHelmValues)."""

CONTAINERS: Mapping[Part, tuple[Runs, str]] = {
    Part.CONTROL_PLANE: (Runs.ISTIOD, "discovery"),
    Part.CNI: (Runs.CNI, "install-cni"),
    Part.ZTUNNEL: (Runs.ZTUNNEL, "istio-proxy"),
    Part.GATEWAY: (Runs.GATEWAY, "istio-proxy"),
}
"""The container of each part that runs Istio's own image: others beside it may be anybody's (component.go)."""
