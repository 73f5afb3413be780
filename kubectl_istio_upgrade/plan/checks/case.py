"""What every check is given, and how it says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ...models.evidence import Evidence
from ...models.findings import About, Finding, Severity, Skipped
from ...models.installations import Component, Installation
from ...models.objects import MeshObject
from ...models.releases import Release
from ...rules.findings import CODES
from ...rules.matching import Types


@dataclass(frozen=True)
class Case:
    """A mesh, and what is to become of it."""

    evidence: Evidence
    installation: Installation
    target: Release | None = None
    """None: is the mesh in order as it is?"""
    revision: str = ""
    """Of the new control plane; "" in place."""

    @property
    def plane(self) -> Component | None:
        """The control plane that the upgrade replaces."""
        return self.installation.origin(self.revision)

    @property
    def current(self) -> Release | None:
        """Its release."""
        return self.plane.version if self.plane else None

    @property
    def in_place(self) -> bool:
        """Whether the control plane that is there is replaced, under the same revision."""
        return not self.revision or (self.plane is not None and self.plane.revision == self.revision)

    def objects(self, types: Types) -> tuple[MeshObject, ...]:
        """The captured objects of these types, sorted."""
        state = self.evidence.state
        keys = sorted(key for key in state.versions if key.resource in types)
        return tuple(state.load(keys).values())


Check = Callable[[Case], Iterator[Finding | Skipped]]


def found(
    code: str,
    what: str,
    do: str = "",
    objects: Iterable[MeshObject | About] = (),
    *,
    severity: Severity | None = None,
    source: str = "",
) -> Finding:
    """A finding of the table's severity, unless the case is a milder one."""
    about = tuple(each if isinstance(each, About) else About.of(each) for each in objects)
    return Finding(code, severity or CODES[code].severity, what, do, about, source)
