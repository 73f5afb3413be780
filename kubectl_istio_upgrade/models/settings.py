"""What an Istio was installed with, found again: the input of the next installation, in its tool's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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


class ReleaseRecord(NamedTuple):
    """What Helm itself has on record of the newest revision of a release."""

    chart: str
    version: str
    """Of that chart."""
    server_side: bool
    """Whether Helm applied it server-side, and so will apply the next one."""


NO_RECORD = ReleaseRecord("", "", False)
"""Of a release whose record cannot be read."""


@dataclass(frozen=True, slots=True)
class HelmRelease:
    """One release with a chart of Istio's in it, as the objects that it installed tell of it."""

    name: str
    namespace: str
    chart: str
    """`base`, `istiod`, `cni`, `ztunnel`, `gateway`: see `rules.helm.CHARTS`. Of several, the first."""
    version: str
    """Of the chart, which is Istio's."""
    server_side: bool = False
    """Whether Helm applies it server-side: Helm 4's way for releases that began so."""
    new: bool = False
    """Whether the upgrade brings it forth: then it is installed where it is not there yet."""
    parts: tuple[str, ...] = ()
    """Every chart of Istio's that its objects are of."""
    recorded: str = ""
    """The chart that the release itself is of, by Helm's newest record; "" where that was not read."""

    @property
    def label(self) -> str:
        """`NAMESPACE/NAME`, which no two have in common."""
        return f"{self.namespace}/{self.name}"

    @property
    def is_wrapped(self) -> bool:
        """Whether Istio's charts are only parts of what it is of: as one of them alone it would lose the rest."""
        return len(self.parts) > 1 or self.recorded not in ("", self.chart)

    @property
    def shown(self) -> str:
        """What it is of, for people: `istiod 1.28.3`, or `platform with base and istiod 1.28.3`."""
        return f"{self.recorded or 'a chart'} with {self.shown_parts}" if self.is_wrapped else self.shown_parts

    @property
    def shown_parts(self) -> str:
        """Istio's charts in it, and their version."""
        return f"{' and '.join(self.parts) or self.chart} {self.version}".rstrip()


@dataclass(frozen=True, slots=True)
class ChartSource:
    """Where a chart is taken from: a folder or archive, or a repository and a version."""

    reference: str
    """A path, or the chart's name in the repository."""
    repository: str = ""
    version: str = ""
