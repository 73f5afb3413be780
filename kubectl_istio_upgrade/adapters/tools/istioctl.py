"""istioctl of one release: implements `ports.Istioctl`."""

from __future__ import annotations

from collections.abc import Callable
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


@dataclass(frozen=True)
class IstioctlProgram:
    """Implements `ports.Istioctl`. Made by `finding`, which has checked that it is of the release it should be."""

    program: Program
    version: str
    root_namespace: str

    @property
    def path(self) -> Path:
        """See `Istioctl`."""
        return self.program.path

    def versions(self) -> MeshVersions:
        """See `Istioctl`."""
        return answers.versions(self._ask("version", "-o", "json"))

    def precheck(self) -> tuple[ToolMessage, ...]:
        """See `Istioctl`."""
        return answers.messages(self._ask("x", "precheck", "-o", "json"))

    def analyze(self) -> tuple[ToolMessage, ...]:
        """See `Istioctl`."""
        return answers.messages(self._ask("analyze", "--all-namespaces", "-o", "json"))

    def proxy_status(self) -> tuple[ProxyStatus, ...]:
        """See `Istioctl`."""
        return answers.proxies(self._ask("proxy-status", "-o", "json"))

    def render(self, settings: Body) -> tuple[Body, ...]:
        """See `Istioctl`."""
        ran = self.program.run("manifest", "generate", "-f", "-", stdin=_text(settings), timeout=QUICK)
        if ran.code:
            raise ToolError(f"istioctl {self.version} refuses these settings: {ran.last_words}")
        return answers.objects(ran)

    def install(self, settings: Body, timeout: float, watch: Callable[[str], None]) -> None:
        """See `Istioctl`."""
        ran = self.program.run(
            "install", "-y", "-f", "-", f"--readiness-timeout={timeout:.0f}s",
            stdin=_text(settings), timeout=timeout + SLACK, watch=watch,
        )  # fmt: skip
        if ran.code:
            raise IncompleteError(f"istioctl install failed: {ran.last_words}")

    def _ask(self, *arguments: str) -> Ran:
        return self.program.run(*arguments, "-i", self.root_namespace, timeout=QUICK)


def _text(settings: Body) -> str:
    return orjson.dumps(settings).decode()  # JSON is YAML
