"""Where istioctl and helm are: every place is looked into, and every candidate is asked what it is.

The wrong release of istioctl would install the wrong release of Istio, so its own word is what counts, not its name.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from ...errors import ToolError
from ...models.releases import Release
from .reach import led

PATIENCE = 20.0
"""Seconds that a program has to say what it is."""

OLDEST_HELM = Release(3, 13)
"""The first that renders a chart by what the cluster is capable of (`helm template --dry-run=server`)."""

ISTIOCTL_VARIABLE, HELM_VARIABLE = "ISTIOCTL", "HELM"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that might be the one."""

    path: Path
    origin: str
    """Who names it: `--istioctl`, `$ISTIOCTL`, `PATH`, `cache`."""
    release: Release | None = None
    """None where it does not tell."""
    problem: str = ""
    """Why it does not."""

    def __str__(self) -> str:
        return f"{self.path} ({self.origin}) {self.problem or f'is of {self.release}'}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look for one program."""

    name: str
    """`istioctl` or `helm`."""
    given: Path | None = None
    """The option of this name."""
    variable: str = ""
    """The environment variable that names it."""
    cache: Path | None = None
    before: Path | None = None
    """Where it was when the operation began that goes on."""

    def candidates(self, release: Release | None = None) -> Iterator[tuple[Path, str]]:
        """Every place that holds a file, in the order of preference, each file once.

        The one that the operation began with is told of also where it is gone.
        """
        seen: set[Path] = set()
        if self.before:
            seen.add(self.before.resolve())
            yield self.before, "as this operation began"
        for path, origin in self._all(release):
            if path.is_file() and (real := path.resolve()) not in seen:
                seen.add(real)
                yield path, origin

    def _all(self, release: Release | None) -> Iterator[tuple[Path, str]]:
        if named := os.environ.get(self.variable):
            yield Path(named).expanduser(), f"${self.variable}"
        names = [self.name] if release is None else [self.name, f"{self.name}-{release}"]
        for folder in os.get_exec_path():
            for name in names:
                if found := shutil.which(name, path=folder):
                    yield Path(found), "PATH"
        if self.cache and release:
            yield cached(self.cache, self.name, release), "cache"


def cached(folder: Path, name: str, release: Release) -> Path:
    """Where the cache has a program of one release."""
    return folder / f"{name}-{release}"


Ask = Callable[[Path, str], Candidate]
"""Asks a program what it is."""


def ask_istioctl(path: Path, origin: str) -> Candidate:
    """`version --remote=false`: of itself alone."""

    def release(out: str) -> Release | None:
        return Release.parse(str(orjson.loads(out)["clientVersion"]["version"]))

    return _asked(path, origin, ("version", "--remote=false", "-o", "json"), release)


def ask_helm(path: Path, origin: str) -> Candidate:
    """`version`, by a template that Helm 3 and 4 know."""
    return _asked(path, origin, ("version", "--template", "{{.Version}}"), Release.parse)


def _asked(path: Path, origin: str, question: tuple[str, ...], parse: Callable[[str], Release | None]) -> Candidate:
    try:
        ran = led(path, {}).run(*question, timeout=PATIENCE)
        release = None if ran.code else parse(ran.out.strip())
    except ToolError as error:
        return Candidate(path, origin, problem=f"cannot be asked: {error.message}")
    except (ValueError, KeyError, TypeError):
        release = None
    problem = "" if release else "does not say of which release it is"
    return Candidate(path, origin, release, problem)


def find_istioctl(places: Places, release: Release | None, *, hint: str) -> Candidate:
    """The istioctl of this release or, with None, the first that works. Raises ToolError naming what was seen.

    The one that `--istioctl` names must be it: another in its place would not be what was asked for.
    """
    wanted = f"istioctl {release}" if release else "istioctl"

    def fits(candidate: Candidate) -> bool:
        return candidate.release is not None and release in (None, candidate.release)

    return _found(places, release, ask_istioctl, fits, wanted, hint)


def find_helm(places: Places, *, hint: str) -> Candidate:
    """The first helm that is new enough. Raises ToolError naming what was seen."""

    def fits(candidate: Candidate) -> bool:
        return candidate.release is not None and candidate.release.rank >= OLDEST_HELM.rank

    wanted = f"helm {re.sub(r'[.]0$', '', str(OLDEST_HELM))} or newer"
    return _found(places, None, ask_helm, fits, wanted, hint)


def _found(
    places: Places, release: Release | None, ask: Ask, fits: Callable[[Candidate], bool], wanted: str, hint: str
) -> Candidate:
    if places.given is not None:
        given = ask(places.given, f"--{places.name}")
        if not fits(given):
            raise ToolError(f"{given}, and what is needed is {wanted}", hint=hint)
        return given
    seen: list[Candidate] = []
    for path, origin in places.candidates(release):
        candidate = ask(path, origin)
        if fits(candidate):
            return candidate
        seen.append(candidate)
    listed = "".join(f"\n  {candidate}" for candidate in seen)
    raise ToolError(f"there is no {wanted} here{'; seen:' if seen else ''}{listed}", hint=hint)
