"""What an Istio was installed with, found again: the input of the next installation, in its tool's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class HelmRelease:
    """One release of Istio's charts, as Helm has it on record."""

    name: str
    namespace: str
    chart: str
    """`base`, `istiod`, `cni`, `ztunnel`, `gateway`."""
    version: str
    """Of the chart, which is Istio's."""
    revision: int
    values: Body = field(default_factory=dict)
    """What its users set: `helm get values`."""
    server_side: bool = False
    """Whether Helm applies it server-side (Helm 4's way for releases that began so)."""


@dataclass(frozen=True)
class HelmSettings:
    """The releases of a mesh in the order in which Istio upgrades them, each with its values."""

    releases: tuple[HelmRelease, ...]
    charts: Mapping[str, str] = field(default_factory=dict)
    """By chart: the folder, archive or reference that the target's is taken from."""
