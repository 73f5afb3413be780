"""The Helm releases that a mesh consists of, by what their objects say of themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...models.objects import Body, Json, MeshObject, State
from ...models.settings import HelmRelease
from ...normalise.inventory import REVISION
from ...rules.helm import CHART_LABEL, CHARTS, FIELD_MANAGER, ISTIOD_CHART, Release, chart_label_of, release_of
from ..retiring import DEFAULT, TAG
from .merging import with_value

TAGS: tuple[tuple[str, ...], ...] = (("global", "tag"), ("tag",), ("pilot", "tag"), ("cni", "tag"))
"""Values that name images' tags. Without them a chart takes its own release's (values.yaml of each)."""

TAGS_OF_REVISION = "revisionTags"
"""The value, of istiod's chart, with the tags that lead to its control plane: each is a webhook of that name."""

_ORDER = [name for name, _ in CHARTS]


def releases_of(live: State, revision: str = "default") -> tuple[HelmRelease, ...]:
    """Istio's releases in the order in which they are upgraded, without those of other revisions' control planes."""
    objects = [
        obj for obj in live.load(live.versions).values() if chart_label_of(obj) in _ORDER and all(release_of(obj))
    ]
    revisions = _revisions(objects)
    found: dict[Release, HelmRelease] = {}
    for obj in objects:
        chart, _, version = obj.labels[CHART_LABEL].rpartition("-")
        release = release_of(obj)
        if chart == ISTIOD_CHART and revision not in revisions[release]:
            continue
        server_side = _is_server_side(obj.server.managed_fields) or (release in found and found[release].server_side)
        found[release] = HelmRelease(release.name, release.namespace, chart, version, server_side)
    return tuple(sorted(found.values(), key=lambda each: (_ORDER.index(each.chart), each.namespace, each.name)))


def releases_beside(
    live: State,
    present: Sequence[HelmRelease],
    revision: str,
    *,
    gateways: bool,
    own: bool,
    new: bool,
) -> Beside:
    """What a canary takes: the shared definitions, and a release of istiod's chart of its own, with the same values.

    Gateways move to it only if that is asked for. Without one of istiod's chart there is nothing to do as it does.
    With `own`, the one among `present` is the canary's; without `new`, it keeps its values and tags.
    """
    istiod = next(each for each in present if each.chart == "istiod")
    name = istiod.name if own else f"istiod-{revision}"
    there = [each for each in releases_of(live, revision) if (each.namespace, each.name) == (istiod.namespace, name)]
    canary = replace(there[0] if there else replace(istiod, name=name, version="", server_side=True), new=new)
    base = (each for each in present if each.chart == "base")
    moved = (each for each in present if each.chart == "gateway" and gateways)
    return Beside((*base, canary, *moved), istiod, revision)


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
            found[each.label] = values if each.chart == "base" else {**values, "revision": self.revision}
        return found


def values_for(values: Body, before: str, to: str) -> Body:
    """A release's values for another release of Istio: where a tag was set that names the old one, the new one's."""
    for path in TAGS:
        node: Json = values
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, str) and before in node:
            values = with_value(values, path, node.replace(before, to))
    return values


def _revisions(objects: Iterable[MeshObject]) -> dict[Release, set[str]]:
    """Those of each release's istiod. Its accounts and roles do not tell theirs, and tags may lead elsewhere."""
    told: dict[Release, set[str]] = defaultdict(set)
    for obj in objects:
        if chart_label_of(obj) == ISTIOD_CHART and TAG not in obj.labels and REVISION in obj.labels:
            told[release_of(obj)].add(obj.labels[REVISION])
    return defaultdict(lambda: {DEFAULT}, told)


def _is_server_side(entries: Iterable[dict[str, object]]) -> bool:
    return any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries)
