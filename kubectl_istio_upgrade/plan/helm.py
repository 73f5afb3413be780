"""Helm's release records after a rollback: what they will say, and what to run where that is wrong.

Records are Secrets. Where the snapshot holds their values they go back like anything else, and nothing is to be said.
Else they stay as they are while the release's objects go back, and Helm would take a revision for deployed that is not.
Its own `helm rollback` puts that right: it finds all objects as they should be, and only writes a record (measured).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..models.changes import Comparison, ObjectDiff
from ..models.objects import Completeness, Key, MeshObject, State
from ..models.plans import FollowUp, PlannedChange
from ..rules.helm import (
    DEPLOYED,
    NO_RELEASE,
    RECORD_PREFIX,
    STATUS_LABEL,
    Release,
    is_record,
    records_in,
    release_of,
    release_of_record,
    revision_of_record,
)
from ..rules.scope import SECRET

FORCED = " --force-conflicts"
"""Helm applies server-side from release 4 on: then istiod's own write of `failurePolicy` is a conflict (measured)."""

KEPT = "its records are Secrets, and cannot be put back without their values"


def record_follow_ups(
    live: State, target: State, changes: Iterable[PlannedChange], comparison: Comparison
) -> tuple[FollowUp, ...]:
    """One command for each release whose records will not say what the plan makes of its objects.

    Nothing is said of a release of which some differences stay outside the plan: it is not rolled back as a whole.
    """
    unseen = {item.resource for state in (live, target) for item in state.not_captured}
    if target.completeness is not Completeness.COMPLETE or SECRET in unseen:
        return ()
    changes = tuple(changes)
    planned = {change.key: change for change in changes}
    partial = {_release(diff) for diff in comparison.diffs if diff.key not in planned}
    before, wanted = records_in(live), records_in(target)
    after = _after(before, wanted, planned)
    releases = sorted({release_of_record(record) for record in (*after.values(), *wanted.values())} - partial)
    found = [
        _follow_up(release, _deployed(release, after), _deployed(release, wanted), after, changes)
        for release in releases
    ]
    return tuple(follow_up for follow_up in found if follow_up)


def forget(release: Release) -> str:
    """The command that removes a release's records, and nothing else of it."""
    return f"kubectl delete secret -n {release.namespace} -l owner=helm,name={release.name}"


def _after(
    before: Mapping[Key, MeshObject], wanted: Mapping[Key, MeshObject], planned: Mapping[Key, PlannedChange]
) -> dict[Key, MeshObject]:
    """The records as the plan leaves them."""
    restored = {key: obj for key, obj in wanted.items() if key in planned and planned[key].is_write}
    kept = {key: obj for key, obj in before.items() if key not in planned or not planned[key].is_write}
    return {**kept, **restored}


def _release(diff: ObjectDiff) -> Release:
    """The release that a differing object belongs to, whichever side tells."""
    for obj in (diff.before, diff.after):
        if obj is not None and is_record(obj):
            return release_of_record(obj)
        if obj is not None and release_of(obj) != NO_RELEASE:
            return release_of(obj)
    return NO_RELEASE


def _deployed(release: Release, records: Mapping[Key, MeshObject]) -> str:
    """The newest revision that counts as deployed; "" for none."""
    revisions = [
        revision_of_record(record)
        for record in records.values()
        if release_of_record(record) == release and record.labels.get(STATUS_LABEL) == DEPLOYED
    ]
    return str(max(revisions, default=""))


def _follow_up(
    release: Release, says: str, wanted: str, after: Mapping[Key, MeshObject], changes: Iterable[PlannedChange]
) -> FollowUp | None:
    if says == wanted:
        return None
    where, name = release.namespace, release.name
    wrong = f"else Helm takes revision {says} for deployed" if says else "else Helm takes no revision for deployed"
    if not wanted:
        return FollowUp(forget(release), f"{wrong}; {KEPT}")
    if Key("", SECRET, where, f"{RECORD_PREFIX}{name}.v{wanted}") in after:
        force = FORCED if any(_applies_server_side(change, release) for change in changes) else ""
        return FollowUp(f"helm rollback {name} {wanted} -n {where}{force}", f"{wrong}; {KEPT}")
    command = f"helm upgrade --install {name} CHART -n {where}"
    return FollowUp(command, f"{wrong}; {KEPT}; CHART and values are those of revision {wanted}, whose record is gone")


def _applies_server_side(change: PlannedChange, release: Release) -> bool:
    objects = [obj for obj in (change.live, change.target) if obj is not None]
    owned = (obj for obj in objects if release_of(obj).name == release.name)
    return any(_is_applied_by_helm(obj) for obj in owned)


def _is_applied_by_helm(obj: MeshObject) -> bool:
    entries = obj.server.managed_fields
    return any(entry.get("manager") == "helm" and entry.get("operation") == "Apply" for entry in entries)
