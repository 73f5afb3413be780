"""Helm releases whose control plane is retired: their records go with it, as with `helm uninstall`, or it is told why.

A release is gone once none of its objects is left. Where it is more than that control plane, or its records cannot be
read, they stay, and the plan has what to run instead. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..models.objects import Key, MemoryState, MeshObject
from ..models.plans import FollowUp
from ..normalise.records import read_record
from ..rules.helm import (
    ISTIOD_CHART,
    NO_RELEASE,
    Release,
    records_in,
    release_of,
    release_of_record,
    revision_of_record,
)
from ..rules.scope import SECRET
from .helm import forget

STILL_LISTED = "else Helm goes on listing release {name}"
IN_USE = "{listed}: {objects} of it stay, and `helm uninstall` would delete them; this removes its records alone"
MORE = "{listed} with istiod in it, and its next upgrade brings that back: CHART is its chart {chart}, without istiod"
UNREAD = "{listed}: its records were not read; if it is of istiod's chart alone, `helm uninstall` ends it"


@dataclass(frozen=True)
class Uninstalled:
    """What becomes of the records."""

    records: frozenset[Key]
    """Those that go."""
    follow_ups: tuple[FollowUp, ...]
    """Commands for the releases whose records stay."""


def uninstalled(live: MemoryState, gone: Collection[Key]) -> Uninstalled:
    """Of every release that loses something to these deletions."""
    releases = sorted({release_of(live.objects[key]) for key in gone} - {NO_RELEASE})
    unread = any(each.resource == SECRET for each in live.not_captured)
    records: set[Key] = set()
    follow_ups: list[FollowUp] = []
    for release in releases:
        mine = [record for record in records_in(live).values() if release_of_record(record) == release]
        if not mine and not unread:
            continue
        left = [obj for key, obj in live.objects.items() if key not in gone and release_of(obj) == release]
        if why_not := _left_to_people(release, mine, left):
            follow_ups.append(why_not)
        else:
            records |= {record.key for record in mine}
    return Uninstalled(frozenset(records), tuple(follow_ups))


def _left_to_people(release: Release, records: Collection[MeshObject], left: Collection[MeshObject]) -> FollowUp | None:
    """Why a release's records stay, with what to run; None where they go."""
    listed = STILL_LISTED.format(name=release.name)
    chart = read_record(max(records, key=revision_of_record)).chart if records else ""
    where = f"{release.name} -n {release.namespace}"
    if not chart:
        return FollowUp(f"helm status {where}", UNREAD.format(listed=listed))
    if chart != ISTIOD_CHART:
        return FollowUp(
            f"helm upgrade {release.name} CHART -n {release.namespace}", MORE.format(listed=listed, chart=chart)
        )
    if left:
        return FollowUp(forget(release), IN_USE.format(listed=listed, objects=_named(left)))
    return None


def _named(objects: Iterable[MeshObject]) -> str:
    return ", ".join(sorted(f"{obj.kind} {obj.key.name}" for obj in objects))
