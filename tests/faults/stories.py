"""What each operation of the matrix is: between which states, by which command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.mesh.comparison import Dump

from .cases import Operation
from .items import Scenario
from .mesh import MESH
from .scenarios import DEFINED, RESTARTED, RESTARTING, SEALED

SNAPSHOT = "a"
MANIFESTS = "MANIFESTS"
"""Stands for the file with those of the scenario."""

_BACK = ("rollback", SNAPSHOT, "--yes")
_ON = ("apply", "--force-conflicts", "--yes", "-f", MANIFESTS)
RESTART = ("restart", "--workloads", "all", "--yes")


@dataclass(frozen=True)
class Story:
    """One row."""

    scenario: Scenario
    arguments: tuple[str, ...]
    goes_on: bool = False
    """It leads on from state B, and not back to A."""


STORIES: Mapping[Operation, Story] = {
    Operation.ROLLBACK: Story(MESH, _BACK),
    Operation.APPLY: Story(MESH, _ON, goes_on=True),
    Operation.UNDEFINE: Story(DEFINED, _BACK),
    Operation.DEFINE: Story(DEFINED, _ON, goes_on=True),
    Operation.UNSEAL: Story(SEALED, _BACK),
    Operation.RESTART: Story(RESTARTING, RESTART, goes_on=True),
    Operation.UNRESTART: Story(RESTARTED, _BACK),
}


@dataclass(frozen=True)
class Stage:
    """A scenario on one control plane."""

    template: Path
    """A store with the snapshot of state A."""
    manifests: Path
    before: Dump
    """State B."""
    beyond: Dump
    """Where an operation leads that goes on from there."""

    def arguments(self, story: Story) -> tuple[str, ...]:
        """The command line of an operation."""
        return tuple(str(self.manifests) if word == MANIFESTS else word for word in story.arguments)
