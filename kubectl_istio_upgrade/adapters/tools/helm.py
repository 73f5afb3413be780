"""Helm: implements `ports.Helm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from ...errors import IncompleteError, ToolError
from ...models.objects import Body
from ...models.settings import ChartSource, HelmRelease, ReleaseRecord
from ...ports import HelmOptions
from ...rules.helm import SERVER_SIDE
from . import answers
from .process import Program, Ran

QUICK = 120.0
"""Seconds for a question; a chart may have to be fetched for it."""

SLACK = 60.0
"""Seconds that an upgrade has beyond its own time-out."""


@dataclass(frozen=True)
class HelmProgram:
    """Implements `ports.Helm`."""

    program: Program
    version: str

    def values(self, release: str, namespace: str) -> Body:
        """See `Helm`."""
        values: Body = self._told("values", release, namespace) or {}
        return values

    def record(self, release: str, namespace: str) -> ReleaseRecord:
        """See `Helm`."""
        told = self._told("metadata", release, namespace)
        return ReleaseRecord(told["chart"], told["version"], told.get("applyMethod") == SERVER_SIDE)

    def render(self, release: HelmRelease, chart: ChartSource, values: Body) -> tuple[Body, ...]:
        """See `Helm`."""
        flags = ["--dry-run=server", *([] if release.new else ["--is-upgrade"])]
        ran = self._with(chart, "template", release, values, *flags, timeout=QUICK)
        if ran.code:
            hint = "--charts takes charts from a folder, or from another repository" if chart.version else None
            message = f"helm cannot render {release.chart} for release {release.name}: {ran.last_words}"
            raise ToolError(message, hint=hint)
        return answers.objects(ran)

    def upgrade(self, release: HelmRelease, chart: ChartSource, values: Body, options: HelmOptions) -> None:
        """See `Helm`."""
        flags = [
            "--wait",
            *(["--install"] if release.new else []),
            f"--timeout={options.timeout:.0f}s",
            *(["--force-conflicts"] if options.force_conflicts else []),
        ]
        ran = self._with(
            chart, "upgrade", release, values, *flags, timeout=options.timeout + SLACK, watch=options.watch
        )
        if ran.code:
            raise IncompleteError(f"helm upgrade of release {release.name} failed: {ran.complaint}")

    def _told(self, what: str, release: str, namespace: str) -> Any:
        ran = self.program.run("get", what, release, "-n", namespace, "-o", "json", timeout=QUICK)
        if ran.code:
            raise ToolError(f"the {what} of Helm release {namespace}/{release} cannot be read: {ran.last_words}")
        return orjson.loads(ran.out)

    def _with(
        self, chart: ChartSource, verb: str, release: HelmRelease, values: Body, *flags: str, **settings: object
    ) -> Ran:
        source = [f"--repo={chart.repository}"] if chart.repository else []
        source += [f"--version={chart.version}"] if chart.version else []
        return self.program.run(
            verb, release.name, chart.reference, *source, "-n", release.namespace, "-f", "-", *flags,
            stdin=orjson.dumps(values).decode(), **settings,  # type: ignore[arg-type]
        )  # fmt: skip
