"""How a change of a release shows in a mesh that it concerns: what the rows of `upgrade_notes` are written in."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.findings import Severity
from ..models.installations import Method, Part
from ..models.objects import Json
from .matching import Types, types

ANY = "*"
"""In a path: every item of a list, or every value of a map."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A place in a document, and what must be there. A missing value counts as None."""

    path: Path
    values: tuple[Json, ...] = ()
    """Any of these."""
    like: tuple[str, ...] = ()
    """A text that matches any of these patterns."""
    unlike: tuple[str, ...] = ()
    """A text that matches none of these patterns."""
    having: tuple[tuple[Path, tuple[Json, ...]], ...] = ()
    """A map with any of the values at each of these places in it."""
    lacking: tuple[Path, ...] = ()
    """A map with nothing at any of these places in it."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of these types and names that look like this in any of the places; in the mesh's scope."""

    types: Types
    looks: tuple[Look, ...] = ()
    """Empty: they only have to exist."""
    names: tuple[str, ...] = ("*",)
    but: tuple[str, ...] = ()
    """Names that do not count."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Objects of several namespaces that have the same value in this place."""

    types: Types
    path: Path


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods with a proxy that look like this."""

    look: Look


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """The mesh configuration of the control plane (config map `istio`)."""

    look: Look


@dataclass(frozen=True, slots=True)
class Recorded:
    """The settings that whoever installed the control plane gave (config map `values`, since 1.26)."""

    look: Look


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of istiod."""

    names: tuple[str, ...]
    values: tuple[str, ...] = ()
    """Any of these; empty for any value."""


@dataclass(frozen=True, slots=True)
class Image:
    """Parts of the installation whose image comes from here."""

    like: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Installed:
    """Parts of the installation."""

    part: Part
    method: Method | None = None


Trace = Objects | Repeated | Pods | MeshConfig | Recorded | Variable | Image | Installed


@dataclass(frozen=True, slots=True)
class UpgradeNote:
    """One row."""

    code: str
    minor: int
    """Of the release that changed it, 1.x: who comes from before it meets the change."""
    severity: Severity
    what: str
    """What it means for the objects that it finds."""
    do: str
    source: str
    found: tuple[Trace, ...] = ()
    """Any of these: what they find are the objects concerned."""
    also: tuple[Trace, ...] = ()
    """Each of these must find something, too."""
    unless: tuple[Trace, ...] = ()
    """If any of these finds something, it does not concern this mesh."""
    unseen: str = ""
    """The change in a line, where nothing that is read could show it."""


def unseen(code: str, minor: int, change: str, source: str) -> UpgradeNote:
    """A row for a change that leaves no trace in what is read."""
    return UpgradeNote(code, minor, Severity.INFO, "", "", source, unseen=change)


def page(minor: int) -> str:
    """The upgrade notes of a release."""
    return f"istio.io/news/releases/1.{minor}.x/announcing-1.{minor}/upgrade-notes"


def changes(minor: int) -> str:
    """The change notes of a release."""
    return f"istio.io/news/releases/1.{minor}.x/announcing-1.{minor}/change-notes"


def policies(*rest: str) -> tuple[Path, ...]:
    """Every place of a DestinationRule's traffic policy where a setting may be."""
    policy, ports, subsets = ("spec", "trafficPolicy"), ("portLevelSettings", ANY), ("spec", "subsets", ANY)
    places = (policy, (*policy, *ports), (*subsets, "trafficPolicy"), (*subsets, "trafficPolicy", *ports))
    return tuple((*place, *rest) for place in places)


def config_data(name: str, *values: str) -> Look:
    """An entry of a config map."""
    return Look(("data", name), values=values)


BLOCKER, WARNING, INFO = Severity.BLOCKER, Severity.WARNING, Severity.INFO

SERVICE_ENTRIES = types("serviceentries.networking.istio.io")
DESTINATION_RULES = types("destinationrules.networking.istio.io")
CONFIG_MAPS = types("configmaps")
CNI_CONFIG = ("istio-cni-config",)

AMBIENT = Installed(Part.ZTUNNEL)
HELM_BASE = Installed(Part.BASE, Method.HELM)
