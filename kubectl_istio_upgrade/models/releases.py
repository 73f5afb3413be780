"""A release of Istio or of Kubernetes, as a number that can be compared."""

from __future__ import annotations

import re
from typing import NamedTuple

_RELEASE = re.compile(r"v?(?P<major>\d+)\.(?P<minor>\d+)(?:\.(?P<patch>\d+))?(?:-(?P<rest>[0-9A-Za-z.-]+))?(?:\+.*)?")
_CANDIDATE = re.compile(r"(?:alpha|beta|rc)[.\d-]*")


class Release(NamedTuple):
    """`1.29.1`. What is not a candidate's name, such as `distroless` of an image's tag, is no part of it."""

    major: int
    minor: int
    patch: int = 0
    candidate: str = ""
    """`rc.0`; "" for a release proper."""

    @classmethod
    def parse(cls, text: str) -> Release | None:
        """Of `1.29.1`, `v1.29.1`, `1.29.1-distroless`, `1.31.0-rc.0`, `1.29`; None for anything else."""
        match = _RELEASE.fullmatch(text.strip())
        if match is None:
            return None
        candidate = _CANDIDATE.match(match["rest"] or "")
        return cls(
            int(match["major"]),
            int(match["minor"]),
            int(match["patch"] or 0),
            candidate[0].rstrip("-.") if candidate else "",
        )

    @classmethod
    def of_image(cls, image: str) -> Release | None:
        """Of an image's tag; None where it has none (a digest alone), or one that is no release."""
        name = image.partition("@")[0].rpartition("/")[2]
        return cls.parse(name.partition(":")[2])

    @property
    def line(self) -> str:
        """The minor release that it belongs to, `1.29`."""
        return f"{self.major}.{self.minor}"

    @property
    def rank(self) -> tuple[int, int, int, bool, str]:
        """For sorting: a candidate comes before its release, which tuples of the fields alone would get wrong."""
        return self.major, self.minor, self.patch, not self.candidate, self.candidate

    def __str__(self) -> str:
        number = f"{self.major}.{self.minor}.{self.patch}"
        return f"{number}-{self.candidate}" if self.candidate else number
