"""Version skew: what runs, against the istiod that configures it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..models.releases import Release
from ..rules.validation import POLICY


@dataclass(frozen=True, slots=True)
class Member:
    """Something of the data plane, or beside istiod, that has a release."""

    name: str
    """Such as `Deployment shop/web`."""
    release: Release | None
    revision: str = ""
    """Of the istiod that configures it; "" where it is not known."""


@dataclass(frozen=True, slots=True)
class Skew:
    """One member that is of another release than its istiod."""

    member: Member
    istiod: Release

    @property
    def allowed(self) -> bool:
        """Whether Istio supports it for a while: not ahead, and not more than one minor release behind."""
        theirs, ours = self.member.release, self.istiod
        if theirs is None or theirs.major != ours.major:
            return False
        return theirs.rank <= ours.rank and ours.minor - theirs.minor <= 1

    @property
    def lags(self) -> bool:
        """Whether it is older than its istiod, by however much."""
        return self.member.release is not None and self.member.release.rank < self.istiod.rank

    def __str__(self) -> str:
        how = "" if self.allowed else f", which Istio does not support: {POLICY}"
        return f"{self.member.name} is of {self.member.release}, its istiod of {self.istiod}{how}"


def skews(control_planes: Mapping[str, Release], members: Iterable[Member]) -> tuple[Skew, ...]:
    """Members of another release than their istiod; where that is not known, than every istiod.

    Members whose image tells no release are passed over.
    """
    found = []
    for member in members:
        if member.release is None:
            continue
        own = control_planes.get(member.revision)
        planes = [own] if own else list(control_planes.values())
        if planes and member.release not in planes:
            found.append(Skew(member, max(planes, key=lambda release: release.rank)))
    return tuple(found)
