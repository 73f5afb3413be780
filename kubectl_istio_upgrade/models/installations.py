"""How a mesh was installed, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .objects import MeshObject
from .releases import Release
from .settings import HelmRelease


class Method(StrEnum):
    """By what a part was installed, as its own labels, annotations and owners tell."""

    ISTIOCTL = "istioctl"
    HELM = "Helm"
    SAIL = "Sail operator"
    OPERATOR = "in-cluster operator"
    MANIFESTS = "manifests"
    """`kubectl apply` of rendered manifests, or somebody who leaves no trace."""


RECOVERED = frozenset({Method.ISTIOCTL, Method.MANIFESTS})
"""Nobody keeps the settings of these: they are recovered from what was installed."""


class Part(StrEnum):
    """The parts that an upgrade has to replace, in the order of an upgrade."""

    BASE = "base"
    CONTROL_PLANE = "control plane"
    CNI = "cni"
    ZTUNNEL = "ztunnel"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Component:
    """One workload of the installation: an istiod, a gateway, the CNI node agent, ztunnel."""

    part: Part
    obj: MeshObject
    method: Method
    revision: str = ""
    """Of the control plane that it is, or is for; "" where nothing tells."""
    version: Release | None = None
    """From the image's tag or, where a gateway has the image `auto`, from its pods."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that is installed."""

    components: tuple[Component, ...] = ()
    releases: tuple[HelmRelease, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    """Revision tags, and the revision that each leads to."""
    base: Method | None = None
    """How the definitions came here."""

    def of(self, *parts: Part) -> tuple[Component, ...]:
        """The components of these parts."""
        return tuple(component for component in self.components if component.part in parts)

    @property
    def methods(self) -> tuple[Method, ...]:
        """All that were used, in the order of `Method`."""
        used = {component.method for component in self.components}
        return tuple(method for method in Method if method in used)

    @property
    def is_ambient(self) -> bool:
        """Whether there is a ztunnel."""
        return bool(self.of(Part.ZTUNNEL))

    def origin(self, revision: str) -> Component | None:
        """The control plane whose settings an upgrade to this revision goes on with.

        The one of that revision where it is there already; else, for a new one, that which it will stand beside.
        """
        exists = any(plane.revision == revision for plane in self.of(Part.CONTROL_PLANE))
        return self.current(revision if exists else "")

    def origins(self, revision: str, *, gateways: bool) -> tuple[Component, ...]:
        """The same, and then those whose gateways move, too, to the control plane of this revision that is there.

        Without a revision the mesh as a whole is meant: then those whose node agents go with it, too.
        """
        plane = self.origin(revision)
        if plane is None:
            return ()
        if not revision:
            return (plane, *self.agents_elsewhere(plane))
        if not gateways or plane.revision != revision:
            return (plane,)
        led = {gateway.revision for gateway in self.of(Part.GATEWAY) if gateway.method in RECOVERED}
        others = [each for each in self.of(Part.CONTROL_PLANE) if each.revision in led - {revision}]
        return (plane, *others)

    def agents_elsewhere(self, plane: Component) -> tuple[Component, ...]:
        """With what the node agents were installed that do not belong to this control plane, by their own marks.

        The control plane of their revision or, where that is gone, one of them. Helm knows its own.
        """
        agents = [each for each in self.of(Part.CNI, Part.ZTUNNEL) if each.method in RECOVERED and each.revision]
        others = {each.revision: each for each in agents if each.revision != plane.revision}
        planes = {each.revision: each for each in self.of(Part.CONTROL_PLANE)}
        return tuple(planes.get(revision, agent) for revision, agent in others.items())

    def current(self, revision: str = "") -> Component | None:
        """The control plane that an upgrade in place replaces: of the revision, else the default one.

        The default is what the tag `default` leads to, else the revision called `default`, else the newest.
        """
        planes = {component.revision: component for component in self.of(Part.CONTROL_PLANE)}
        for wanted in (revision, self.tags.get("default", ""), "default"):
            if wanted and wanted in planes:
                return planes[wanted]
        ranked = sorted(planes.values(), key=lambda plane: plane.version.rank if plane.version else ())
        return ranked[-1] if ranked and not revision else None
