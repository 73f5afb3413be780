"""The Helm releases that a mesh consists of, by what their objects say of themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...models.objects import Body, MeshObject, State
from ...models.releases import Release
from ...models.settings import NO_RECORD, HelmRelease
from ...normalise.inventory import REVISION
from ...normalise.records import read_record
from ...rules.helm import (
    BASE_CHART,
    CHARTS,
    FIELD_MANAGER,
    GATEWAY_CHART,
    ISTIOD_CHART,
    ChartLabel,
    istio_chart_of,
    newest_records_in,
    release_of,
)
from ...rules.helm import Release as Name
from ..retiring import DEFAULT, TAG
from .images import values_for_release

TAGS_OF_REVISION = "revisionTags"
"""The value, of istiod's chart, with the tags that lead to its control plane: each is a webhook of that name."""

_ORDER = [name for name, _ in CHARTS]


@dataclass(frozen=True)
class _Made:
    """An object, and the chart of Istio's that rendered it."""

    obj: MeshObject
    chart: ChartLabel


def releases_of(live: State, revision: str = DEFAULT) -> tuple[HelmRelease, ...]:
    """Releases with Istio's charts in them, in the order of an upgrade.

    Without those that hold other revisions' control planes, and nothing else. One that holds more than a chart of
    Istio's is among them, and says so (`HelmRelease.is_wrapped`).
    """
    made: dict[Name, list[_Made]] = defaultdict(list)
    for obj in live.load(live.versions).values():
        if all(release_of(obj)) and (chart := istio_chart_of(obj)).name:
            made[release_of(obj)].append(_Made(obj, chart))
    records = newest_records_in(live)
    found = [
        _release(release, objects, records.get(release))
        for release, objects in made.items()
        if not _is_of_others(objects, revision)
    ]
    return tuple(sorted(found, key=lambda each: (_ORDER.index(each.chart), each.namespace, each.name)))


def touched(present: Iterable[HelmRelease], revision: str, *, gateways: bool) -> tuple[HelmRelease, ...]:
    """Those among the present that an upgrade is about: all or, with a revision to come beside them, what it needs."""
    charts = {BASE_CHART, ISTIOD_CHART, *([GATEWAY_CHART] if gateways else [])}
    return tuple(each for each in present if not revision or charts & {*each.parts})


def releases_beside(live: State, present: Sequence[HelmRelease], canary: Canary) -> Beside:
    """What a canary takes: the shared definitions, and a release of istiod's chart of its own, with the same values.

    Gateways move to it only if that is asked for.
    """
    istiod, revision = canary.model, canary.revision
    name = istiod.name if canary.own else f"istiod-{revision}"
    there = [each for each in releases_of(live, revision) if (each.namespace, each.name) == (istiod.namespace, name)]
    begun = HelmRelease(name, istiod.namespace, ISTIOD_CHART, "", canary.server_side, parts=(ISTIOD_CHART,))
    release = replace(there[0] if there else begun, new=canary.new)
    base = (each for each in present if each.chart == BASE_CHART)
    moved = (each for each in present if each.chart == GATEWAY_CHART and canary.gateways)
    return Beside((*base, release, *moved), istiod, revision)


@dataclass(frozen=True)
class Canary:
    """A control plane of a revision of its own, as it is asked for."""

    model: HelmRelease
    """Whose values its own istiod gets."""
    revision: str
    gateways: bool
    """Whether they move to it."""
    own: bool
    """Whether the model is the canary's release itself."""
    new: bool
    """Whether the upgrade brings it forth; else it keeps its values and tags."""
    server_side: bool
    """Whether the helm that installs it does so server-side."""


@dataclass(frozen=True)
class Beside:
    """The releases that a canary takes."""

    releases: tuple[HelmRelease, ...]
    model: HelmRelease
    """Whose values the canary's own istiod gets."""
    revision: str

    def values(self, present: Mapping[str, Body]) -> dict[str, Body]:
        """By release, from those of the releases that are there. Tags stay with the control plane that has them."""
        found = {}
        for each in self.releases:
            values = present[(self.model if each.new else each).label]
            values = {name: value for name, value in values.items() if not (each.new and name == TAGS_OF_REVISION)}
            found[each.label] = values if each.chart == BASE_CHART else {**values, "revision": self.revision}
        return found


def values_for(values: Body, before: str, to: str) -> Body:
    """A release's values for another release of Istio: where a tag was set that names the old one, the new one's."""
    return values_for_release(values, _in_tags(before), to)


def _in_tags(version: str) -> str:
    """What of a chart's version tags of another release have otherwise: the whole of a candidate, else the number.

    A tag keeps its variant, be it in the chart's version (`1.28.3-solo`) or not (`1.28.3-distroless`).
    """
    release = Release.parse(version)
    return version if release is None or release.candidate else str(release)


def _release(named: Name, objects: Sequence[_Made], record: MeshObject | None) -> HelmRelease:
    parts = tuple(name for name in _ORDER if any(each.chart.name == name for each in objects))
    versions = [each.chart.version for each in objects if each.chart.name == parts[0] and each.chart.version]
    told = read_record(record) if record else NO_RECORD
    return HelmRelease(
        named.name,
        named.namespace,
        parts[0],
        versions[-1] if versions else told.version,
        told.server_side if told.chart else any(_is_server_side(each.obj) for each in objects),
        parts=parts,
        recorded=told.chart,
    )


def _is_of_others(objects: Sequence[_Made], revision: str) -> bool:
    """Whether all of it is istiod, of other revisions.

    Its accounts and roles do not tell theirs, and tags may lead elsewhere.
    """
    labels = [each.obj.labels for each in objects if each.chart.name == ISTIOD_CHART]
    revisions = {each[REVISION] for each in labels if TAG not in each and REVISION in each} or {DEFAULT}
    return len(labels) == len(objects) and revision not in revisions


def _is_server_side(obj: MeshObject) -> bool:
    entries = obj.server.managed_fields
    return any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries)
