"""Upgrading a mesh that Helm installed: `helm upgrade` of each release, in the order in which Istio upgrades them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...apply.execution import Execution
from ...errors import ConflictError, RefusedError, UsageError
from ...models.objects import Body, State
from ...models.plans import Plan, PlannedChange, Write
from ...models.settings import ChartSource, HelmRelease
from ...plan.manifests import Manifests
from ...plan.rollback import plan_hash
from ...ports import Helm, HelmOptions
from ...rules.helm import CHARTS, FIELD_MANAGER, REPOSITORY, applies_server_side
from ...rules.owners import RELEASE_NAME, RELEASE_NAMESPACE
from ..run import Run
from ..session import WritingSession
from .recovering import read_rendered
from .ways import as_planned

REGISTRY = "oci://"
"""How the address of charts in a registry of images begins. To helm it is a part of the chart's name, no `--repo`."""

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
    first: tuple[PlannedChange, ...] = ()
    """Records that this operation's helm left pending when it was killed: helm goes on only without them."""
    behind: Collection[str] = ()
    """Releases, as `NAMESPACE/NAME`, that no record tells to be upgraded yet."""
    idle: tuple[str, ...] = ()
    """What the user set without any effect on what a chart renders, in words."""
    late: tuple[str, ...] = ()
    """Releases, as `NAMESPACE/NAME`, that came after the operation had begun: they are no part of it."""
    stuck: Mapping[str, str] = field(default_factory=dict)
    """Releases that somebody else's helm has left pending, and their status."""

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
            rendered = self.helm.render(release, self.charts(release.chart), self.values[release.label])
            bodies += [_owned(body, release) for body in rendered if "helm.sh/hook" not in _annotations(body)]
        return read_rendered(session, bodies, f"Istio {self.to}")

    def check(self, session: WritingSession, plan: Plan) -> None:
        """See `Way`: another field manager may own what Helm sets. istiod's own fields do not count."""
        self._refuse_stuck(plan)
        self._refuse_helm_3(plan)
        server_side = [release for release in self.releases if release.server_side]
        changes = [change for change in plan.writes if any(_belongs(change, release) for release in server_side)]
        foreign = [f"  {text}" for text in _conflicts(session, changes) if not _is_istiods(text)]
        if foreign:
            listed = "\n".join(foreign)
            hint = "give the fields back to Helm, or put them into the release's values"
            raise RefusedError(f"helm would refuse to upgrade: others own fields that it sets:\n{listed}", hint=hint)

    def install(self, run: Run, plan: Plan, watch: Callable[[str], None]) -> Execution:
        """See `Way`. Releases that are already as they should be are left alone."""
        for change in self.first:
            watch(f"{change.key.name}: left pending by the helm that was cut short; removed, so that helm can go on")
        if self.first:
            run.write(replace(plan, changes=self.first, hash=plan_hash(self.first)), alone=False)
        plan = replace(plan, changes=tuple(change for change in plan.changes if change not in self.first))
        for release in self._due(plan):
            mine = [change for change in plan.writes if _belongs(change, release)]
            run.check()
            # Where a killed helm got to, nothing differs, and who else has set a field does not show.
            force = release.server_side and (release.label in self.behind or bool(_conflicts(run.session, mine)))
            if force:
                watch(f"{release.name}: istiod has set fields of its webhooks itself; helm takes them over")
            options = HelmOptions(run.session.timeout, force, watch)
            self.helm.upgrade(release, self.charts(release.chart), self.values[release.label], options)
        return as_planned(plan)

    def _refuse_stuck(self, plan: Plan) -> None:
        for release in self._due(plan):
            if status := self.stuck.get(release.label):
                name = f"{release.name} -n {release.namespace}"
                hint = (
                    f"another helm is at work on it, or was cut short. Then end that: `helm rollback {name}`,\n"
                    f"or `helm uninstall {name}` if it was its first installation"
                )
                raise RefusedError(f"helm would refuse to upgrade: release {release.label} is {status}", hint=hint)

    def _refuse_helm_3(self, plan: Plan) -> None:
        """It knows nothing of server-side apply, nor of the conflicts that istiod's own writes are then."""
        names = [release.label for release in self._due(plan) if release.server_side]
        if names and not applies_server_side(self.helm.version):
            hint = "pass --helm PATH of a Helm 4 (https://helm.sh/docs/intro/install)"
            message = (
                f"helm {self.helm.version} cannot go on with what Helm 4 has applied server-side: {', '.join(names)}"
            )
            raise RefusedError(message, hint=hint)

    def _due(self, plan: Plan) -> list[HelmRelease]:
        """The releases that helm has to run for."""
        return [
            release
            for release in self.releases
            if release.version != self.to
            or release.label in self.behind
            or any(_belongs(change, release) for change in plan.writes)
        ]


def chart_sources(folder: Path | None, repository: str, version: str) -> Callable[[str], ChartSource]:
    """Where to take charts from: a folder of them, or a repository. Raises UsageError for a chart that is not there."""

    def source(chart: str) -> ChartSource:
        if repository.startswith(REGISTRY):
            return ChartSource(f"{repository.rstrip('/')}/{chart}", version=version)
        if folder is None:
            return ChartSource(chart, repository or REPOSITORY, version)
        names = next(names for name, names in CHARTS if name == chart)
        places = [folder / f"{chart}-{version}.tgz", *(folder / name for name in names)]
        for place in places:
            if place.exists():
                return ChartSource(str(place))
        hint = f"looked for {', '.join(map(str, places))}; --charts names another place"
        raise UsageError(f"there is no chart {chart} in {folder}", hint=hint)

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
