"""A planned change, revised: against an object that has moved a little, or as the recreation it turns out to be."""

from __future__ import annotations

from dataclasses import replace

from ..models.objects import MeshObject
from ..models.plans import Action, PlannedChange, Write
from ..normalise.view import Surroundings, keep_live


def against_live(change: PlannedChange, live: MeshObject) -> PlannedChange:
    """The same change, with the preconditions and the kept fields of the object as it is now.

    The caller has made sure that the object still differs from the target in the same way.
    """
    version = live.server.resource_version
    change = replace(change, live=live, uid=live.server.uid, resource_version=version)
    if change.body is None or change.write is Write.RECREATE:
        return change
    body = change.body
    if change.write is Write.PUT and change.target is not None:
        around = Surroundings.of(live, autoscaled=change.autoscaled)
        body = keep_live(replace(change.target, body=change.body), live, around)
    metadata = {**body["metadata"], "uid": change.uid, "resourceVersion": version}
    return replace(change, body={**body, "metadata": metadata})


def as_kept(change: PlannedChange, why: str) -> PlannedChange:
    """The change as one that is not made."""
    return replace(change, action=Action.KEEP, write=Write.NONE, body=None, reason=why)


def as_recreation(change: PlannedChange, why: str) -> PlannedChange:
    """The update as delete-and-create: the server says that a field it changes is immutable."""
    if change.target is None:
        return change
    return replace(change, action=Action.RECREATE, write=Write.RECREATE, body=change.target.body, reason=why)
