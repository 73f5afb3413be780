"""Upgrading a mesh that Helm installed: `helm upgrade` of each release, in the order in which Istio upgrades them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...apply.execution import Execution
from ...errors import ConflictError, RefusedError, UsageError
from ...models.objects import Body, State
from ...models.plans import Plan, PlannedChange, Write
from ...models.settings import ChartSource, HelmRelease
from ...plan.manifests import Manifests
from ...ports import Helm, HelmOptions
from ...rules.helm import CHARTS, FIELD_MANAGER, REPOSITORY
from ...rules.owners import RELEASE_NAME, RELEASE_NAMESPACE
from ..running import Run
from ..session import WritingSession
from .recovering import read_rendered
from .ways import as_planned

ISTIOD = "pilot-discovery"
"""istiod's own field manager: it flips the `failurePolicy` of its webhooks, which Helm then takes for a conflict on
every upgrade (istio/istio 59367, 61613), with or without this tool."""

_MANAGER = re.compile(r'conflicts? with "([^"]+)"')
"""In a server-side apply's 409: who owns the field."""


@dataclass(frozen=True)
class ByHelm:
    """Through `helm upgrade`, with the values that each release was installed with."""

    helm: Helm
    to: str
    releases: tuple[HelmRelease, ...]
    values: Mapping[str, Body]
    """By release, as `NAMESPACE/NAME`."""
    charts: Callable[[str], ChartSource]
    """Where the target's chart of a name is."""
    name: str = "helm"
    manager: str = FIELD_MANAGER

    @property
    def settings(self) -> Body:
        """See `Way`: the values of each release."""
        return dict(self.values)

    @property
    def files(self) -> Mapping[str, Body]:
        """See `Way`."""
        return {f"values-{name.replace('/', '-')}": values for name, values in self.values.items()}

    def manifests(self, session: WritingSession, live: State) -> Manifests:  # noqa: ARG002 - see `Way`
        """See `Way`."""
        bodies: list[Body] = []
        for release in self.releases:
            rendered = self.helm.render(release, self.charts(release.chart), self.values[_name(release)])
            bodies += [_owned(body, release) for body in rendered if "helm.sh/hook" not in _annotations(body)]
        return read_rendered(session, bodies, f"Istio {self.to}")

    def check(self, session: WritingSession, plan: Plan) -> None:
        """See `Way`: another field manager may own what Helm sets. istiod's own fields do not count."""
        server_side = [release for release in self.releases if release.server_side]
        changes = [change for change in plan.writes if any(_belongs(change, release) for release in server_side)]
        foreign = [f"  {text}" for text in _conflicts(session, changes) if not _is_istiods(text)]
        if foreign:
            listed = "\n".join(foreign)
            hint = "give the fields back to Helm, or put them into the release's values"
            raise RefusedError(f"helm would refuse to upgrade: others own fields that it sets:\n{listed}", hint=hint)

    def install(self, run: Run, plan: Plan, watch: Callable[[str], None]) -> Execution:
        """See `Way`. Releases that are already as they should be are left alone."""
        for release in self.releases:
            mine = [change for change in plan.writes if _belongs(change, release)]
            if not mine and release.version == self.to:
                continue
            run.check()
            force = release.server_side and bool(_conflicts(run.session, mine))
            if force:
                watch(f"{release.name}: istiod has set fields of its webhooks itself; helm takes them over")
            options = HelmOptions(run.session.timeout, force, watch)
            self.helm.upgrade(release, self.charts(release.chart), self.values[_name(release)], options)
        return as_planned(plan)


def chart_sources(folder: Path | None, repository: str, version: str) -> Callable[[str], ChartSource]:
    """Where to take charts from: a folder of them, or a repository. Raises UsageError for a chart that is not there."""

    def source(chart: str) -> ChartSource:
        if folder is None:
            return ChartSource(chart, repository or REPOSITORY, version)
        names = next(names for name, names in CHARTS if name == chart)
        places = [folder / f"{chart}-{version}.tgz", *(folder / name for name in names)]
        for place in places:
            if place.exists():
                return ChartSource(str(place))
        raise UsageError(f"there is no chart {chart} in {folder}", hint="looked for " + ", ".join(map(str, places)))

    return source


def _conflicts(session: WritingSession, changes: list[PlannedChange]) -> list[str]:
    """What the server says to Helm's writes if nothing is forced: its conflicts, one a line."""
    sender, found = session.sender(), []
    for change in changes:
        try:
            sender.send(replace(change, write=Write.APPLY), dry_run=True)
        except ConflictError as error:
            found.append(error.message)
    return found


def _is_istiods(conflict: str) -> bool:
    """Whether istiod alone is in the way. (Its manager is called after its program, which may have been renamed.)"""
    return all(manager.startswith(ISTIOD) for manager in _MANAGER.findall(conflict))


def _belongs(change: PlannedChange, release: HelmRelease) -> bool:
    annotations = _annotations(change.body or {})
    return (annotations.get(RELEASE_NAMESPACE), annotations.get(RELEASE_NAME)) == (release.namespace, release.name)


def _annotations(body: Body) -> Body:
    return (body.get("metadata") or {}).get("annotations") or {}


def _owned(body: Body, release: HelmRelease) -> Body:
    """With what Helm adds to every object (pkg/action/validate.go, setMetadataVisitor)."""
    metadata = body.get("metadata") or {}
    annotations = {**_annotations(body), RELEASE_NAME: release.name, RELEASE_NAMESPACE: release.namespace}
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
    return {**body, "metadata": {**metadata, "annotations": annotations, "labels": labels}}


def _name(release: HelmRelease) -> str:
    return f"{release.namespace}/{release.name}"
