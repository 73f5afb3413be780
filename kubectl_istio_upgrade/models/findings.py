"""What an assessment finds, as values of a closed vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from .objects import MeshObject


class Severity(StrEnum):
    """What follows from a finding."""

    BLOCKER = "blocker"
    """The upgrade must not begin, unless the finding is ignored by name."""
    WARNING = "warning"
    """Somebody should know before it begins."""
    INFO = "info"
    """Good to know, nothing to do."""


class About(NamedTuple):
    """The object of a finding, in the words that kubectl takes."""

    kind: str
    namespace: str
    """"" for objects without one."""
    name: str

    @classmethod
    def of(cls, obj: MeshObject) -> About:
        """A captured object."""
        return cls(obj.kind, obj.key.namespace, obj.key.name)

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}".strip()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, by whichever check."""

    code: str
    """Of `rules.findings`, of a row of `rules.upgrade_notes`, or of istioctl (`IST0101`)."""
    severity: Severity
    what: str
    """What is the matter, in this mesh."""
    do: str = ""
    """What to do about it; "" where there is nothing to do."""
    objects: tuple[About, ...] = ()
    source: str = ""
    """Whose word it is: a page or a file of Istio's; "" for what was seen in the cluster itself."""
    ignored: bool = False
    """Named with `--ignore`: it is shown, and stops nothing."""

    @property
    def blocks(self) -> bool:
        """Whether the upgrade must not begin."""
        return self.severity is Severity.BLOCKER and not self.ignored


@dataclass(frozen=True, slots=True)
class Skipped:
    """A check that could not be made."""

    check: str
    """What would have been looked at."""
    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """In the place of something that could not be had, with the reason."""

    why: str
