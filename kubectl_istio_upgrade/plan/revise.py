"""A planned change, revised: against an object that has moved a little, or as the recreation it turns out to be."""

from __future__ import annotations

from dataclasses import replace

from ..canonical import same
from ..diff.states import fields_between
from ..models.objects import Body, Json, MeshObject, ResourceType
from ..models.plans import Action, PlannedChange, Write
from ..normalise.objects import is_being_deleted
from ..normalise.view import Surroundings, keep_live
from ..rules.order import stage_of
from .restarts import with_restarted_at

_PRECONDITIONS = ("uid", "resourceVersion")
"""Of an update; a new object has neither."""

_FAMILIES = "ipFamilies"


def deletion_of(obj: MeshObject, type_: ResourceType, why: str) -> PlannedChange:
    """The deletion of the very object that was read."""
    return PlannedChange(
        key=obj.key,
        type=type_,
        action=Action.DELETE,
        write=Write.DELETE,
        stage=stage_of(obj.key),
        uid=obj.server.uid,
        resource_version=obj.server.resource_version,
        notes=(why,),
        live=obj,
    )


def has_moved(change: PlannedChange, then: MeshObject, now: MeshObject) -> bool:
    """Whether somebody else has changed more than noise of an object, so that this change need not follow any more.

    For a restart that is the template and nothing else: replicas may come and go.
    """
    if now.server.uid != then.server.uid:
        return True
    if is_being_deleted(now) and change.write is not Write.DELETE:
        return True
    if change.action is Action.RESTART:
        return not same(_template(then), _template(now))
    return bool(fields_between(then, now, autoscaled=change.autoscaled))


def _template(obj: MeshObject) -> Json:
    return (obj.body.get("spec") or {}).get("template")


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
        if change.restart:
            body = with_restarted_at(body, change.restart.after)
    metadata = {**body["metadata"], "uid": change.uid, "resourceVersion": version}
    return replace(change, body={**body, "metadata": metadata})


def as_written(change: PlannedChange) -> PlannedChange:
    """A server-side apply that has been made, to be asked about again: its own write has moved the object since."""
    body = change.body or {}
    metadata = {name: value for name, value in body["metadata"].items() if name != "resourceVersion"}
    return replace(change, body={**body, "metadata": metadata}, resource_version="")


def as_kept(change: PlannedChange, why: str) -> PlannedChange:
    """The change as one that is not made."""
    return replace(change, action=Action.KEEP, write=Write.NONE, body=None, reason=why)


def as_recreation(change: PlannedChange, why: str) -> PlannedChange:
    """The update as delete-and-create, with the same content: the server says that a field it changes is immutable."""
    if change.body is None or change.target is None:
        return change
    metadata = {name: value for name, value in change.body["metadata"].items() if name not in _PRECONDITIONS}
    body = _with_families({**change.body, "metadata": metadata}, change.target.body)
    return replace(change, action=Action.RECREATE, write=Write.RECREATE, body=body, reason=why)


def _with_families(body: Body, target: Body) -> Body:
    """A new Service with the address families that it is to have: an update has those of the live one.

    Addresses of other families do not fit then, unless they are the target's own: the API server gives it new ones.
    """
    spec, wanted = body.get("spec") or {}, target.get("spec") or {}
    families = wanted.get(_FAMILIES)
    if not families or spec.get(_FAMILIES) == families:
        return body
    unfit = () if spec.get("clusterIPs") == wanted.get("clusterIPs") else ("clusterIP", "clusterIPs")
    spec = {name: value for name, value in spec.items() if name not in unfit}
    return {**body, "spec": {**spec, _FAMILIES: families}}
