"""What an Istio was installed with, found again: the input of the next installation, in its tool's own words."""

from __future__ import annotations

from dataclasses import dataclass

from .changes import ObjectDiff
from .objects import Body


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of the settings was found."""

    path: str
    """Dotted, of the IstioOperator or values: `spec.meshConfig`, `spec.components.pilot.k8s.resources`."""
    where: str
    """Such as `ConfigMap istio-system/values`."""


@dataclass(frozen=True)
class OperatorSettings:
    """An IstioOperator, and how well it is known to be what the mesh was installed with."""

    body: Body
    sources: tuple[Source, ...] = ()
    proved_with: str = ""
    """The release whose istioctl would change nothing if it installed with these settings again; "" if none was asked.

    "Nothing" but what `lost` says.
    """
    lost: tuple[ObjectDiff, ...] = ()
    """What installing with these settings would change, and no setting is known for: it will not survive."""
    proved: Body | None = None
    """The same as the release that runs takes it; None if nothing is proved."""
    at_risk: tuple[ObjectDiff, ...] = ()
    """Where nothing is proved: what installing the target would change, of all that a setting can say."""


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """One release of a chart of Istio's, as the objects that it installed tell of it."""

    name: str
    namespace: str
    chart: str
    """`base`, `istiod`, `cni`, `ztunnel`, `gateway`: see `rules.helm.CHARTS`."""
    version: str
    """Of the chart, which is Istio's."""
    server_side: bool = False
    """Whether Helm applies it server-side: Helm 4's way for releases that began so."""
    new: bool = False
    """Whether the upgrade brings it forth: then it is installed where it is not there yet."""

    @property
    def label(self) -> str:
        """`NAMESPACE/NAME`, which no two have in common."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where a chart is taken from: a folder or archive, or a repository and a version."""

    reference: str
    """A path, or the chart's name in the repository."""
    repository: str = ""
    version: str = ""
