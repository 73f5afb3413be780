"""istioctl of one release: implements `ports.Istioctl`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import orjson

from ...errors import IncompleteError, ToolError
from ...models.objects import Body
from ...models.tools import MeshVersions, ProxyStatus, ToolMessage
from . import answers
from .process import Program, Ran

QUICK = 60.0
"""Seconds for a question that needs the cluster."""

SLACK = 30.0
"""Seconds that `install` has beyond its own readiness time-out."""

ALL_TYPES = ("-v", "1")
"""Makes `proxy-status` tell how each type of configuration stands, from 1.27 on; before, it always did."""

FIRST_WITH_VERBOSITY = (1, 27)


@dataclass(frozen=True)
class IstioctlProgram:
    """Implements `ports.Istioctl`. Made by `finding`, which has checked that it is of the release it should be."""

    program: Program
    version: str
    root_namespace: str
    identity: tuple[str, ...] = ()
    """Flags that say whom to impersonate."""

    @property
    def path(self) -> Path:
        """See `Istioctl`."""
        return self.program.path

    def versions(self, revisions: Collection[str] = ()) -> MeshVersions:
        """See `Istioctl`.

        Without a revision istioctl looks for the default one, and for ever where it may not list webhooks (1.28).
        """
        found = [answers.versions(self._ask("version", "-o", "json", *flag)) for flag in _each(revisions)]
        planes = tuple(dict.fromkeys(plane for each in found for plane in each.control_plane))
        proxies = {proxy: version for each in found for proxy, version in each.proxies.items()}
        unreached = [each.unreached for each in found]
        return MeshVersions(found[0].client, planes, proxies, "; ".join(dict.fromkeys(filter(None, unreached))))

    def precheck(self) -> tuple[ToolMessage, ...]:
        """See `Istioctl`."""
        return answers.messages(self._ask("x", "precheck", "-o", "json"))

    def analyze(self, revision: str = "") -> tuple[ToolMessage, ...]:
        """See `Istioctl`."""
        (flag,) = _each((revision,))
        return answers.messages(self._ask("analyze", "--all-namespaces", "-o", "json", *flag))

    def proxy_status(self, revisions: Collection[str] = ()) -> tuple[ProxyStatus, ...]:
        """See `Istioctl`."""
        number = tuple(int(part) for part in self.version.split(".")[:2])
        verbosity = ALL_TYPES if number >= FIRST_WITH_VERBOSITY else ()
        rans = [self._ask("proxy-status", *verbosity, *flag) for flag in _each(revisions)]
        return tuple(dict.fromkeys(proxy for ran in rans for proxy in answers.proxies(ran)))

    def render(self, settings: Body) -> tuple[Body, ...]:
        """See `Istioctl`."""
        ran = self.program.run("manifest", "generate", "-f", "-", stdin=_text(settings), timeout=QUICK)
        if ran.code:
            raise ToolError(f"istioctl {self.version} refuses these settings: {ran.last_words}")
        return answers.objects(ran)

    def install(self, settings: Body, timeout: float, watch: Callable[[str], None]) -> None:
        """See `Istioctl`."""

        def told(line: str) -> None:
            if text := answers.step_of_install(line):
                watch(text)

        ran = self.program.run(
            "install", "-y", "-f", "-", f"--readiness-timeout={timeout:.0f}s", *self.identity,
            stdin=_text(settings), timeout=timeout + SLACK, watch=told,
        )  # fmt: skip
        if ran.code:
            raise IncompleteError(f"istioctl install failed: {ran.complaint}")

    def _ask(self, *arguments: str) -> Ran:
        return self.program.run(*arguments, "-i", self.root_namespace, *self.identity, timeout=QUICK)


def _each(revisions: Collection[str]) -> list[tuple[str, ...]]:
    return [("--revision", revision) if revision else () for revision in revisions or ("",)]


def _text(settings: Body) -> str:
    return orjson.dumps(settings).decode()  # JSON is YAML
