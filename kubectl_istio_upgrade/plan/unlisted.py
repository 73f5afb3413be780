"""Objects that the mesh seems to lack and that are there all the same: no state of it any more, or going. Pure.

A capture leaves out what has lost Istio's label, what a controller has taken over, and what is being deleted. Whoever
created such an object would be told that it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ..diff.states import of_pair
from ..errors import RefusedError
from ..models.changes import Change, Comparison, ObjectDiff
from ..models.objects import Key, MeshObject, ResourceType
from ..models.plans import Action, PlannedChange, Write
from ..normalise.objects import held_by, is_being_deleted
from ..normalise.view import Surroundings
from ..rules.derived import derived_by
from ..rules.scope import is_namespace

TAKEN_OVER = "it is there, and no state of the mesh any more: {why}"
GOING = "its deletion was asked for, which cannot be taken back: it is waited for{held}, then this is made anew"
NOT_TRIED = "not tried on the server: there can be no other while it is there"

UNHELD = "it is there without any label of Istio's, by which a snapshot would hold it"
IN_THE_WAY = "its deletion was asked for{held}"
NO_WAY_BACK = "{key} will not be taken back: {why}"

UnlistedOf = Callable[[Mapping[Key, ResourceType]], Mapping[Key, MeshObject]]
"""Looks up objects that the live state does not hold: those of them that are there."""


def none_unlisted(_: Mapping[Key, ResourceType]) -> Mapping[Key, MeshObject]:
    """Where the live state holds all there is."""
    return {}


def look_up(
    diffs: Iterable[ObjectDiff], types: Mapping[str, ResourceType], unlisted: UnlistedOf
) -> Mapping[Key, MeshObject]:
    """Those of the missing objects that are there. Namespaces are always in a state."""
    missing = (diff.key for diff in diffs if diff.change is Change.ADDED and not is_namespace(diff.key))
    wanted = {key: types[key.resource] for key in missing}
    return unlisted(wanted) if wanted else {}


def found_again(comparison: Comparison, there: Mapping[Key, MeshObject], around: Surroundings) -> Comparison:
    """The comparison, with what can be changed in place as that, and not as missing."""
    diffs = tuple(diff for each in comparison.diffs if (diff := _found(each, there.get(each.key), around)))
    return replace(comparison, diffs=diffs, same=comparison.same + len(comparison.diffs) - len(diffs))


def _found(diff: ObjectDiff, there: MeshObject | None, around: Surroundings) -> ObjectDiff | None:
    if there is None or diff.after is None or is_being_deleted(there) or derived_by(there):
        return diff
    return of_pair(there, diff.after, around)


def taken_over(there: MeshObject | None) -> str:
    """Why an object that is there stays as it is; "" where it does not."""
    derived = derived_by(there) if there else None
    return TAKEN_OVER.format(why=derived.why) if derived else ""


def made_anew(change: PlannedChange) -> PlannedChange:
    """A creation, once the object that is being deleted is gone."""
    if change.live is None or not change.is_write:
        return change
    reason = GOING.format(held=held_by(change.live.body))
    notes = (*change.notes, NOT_TRIED)
    return replace(change, action=Action.RECREATE, write=Write.RECREATE, reason=reason, notes=notes)


def refuse(there: Mapping[Key, MeshObject]) -> None:
    """Refuse to write what no snapshot holds although it is there. Raises RefusedError."""
    if not there:
        return
    listed = "\n".join(f"  {key}: {_why(obj)}" for key, obj in sorted(there.items()))
    message = f"these objects are there, and no snapshot would hold them; nothing was changed:\n{listed}"
    hint = "wait for what is being deleted; the label app.kubernetes.io/part-of=istio lets a snapshot hold the others"
    raise RefusedError(message, hint=hint)


def no_way_back(there: Mapping[Key, MeshObject]) -> tuple[str, ...]:
    """Warnings about what an installer writes over."""
    return tuple(NO_WAY_BACK.format(key=key, why=_why(obj)) for key, obj in sorted(there.items()))


def _why(obj: MeshObject) -> str:
    return IN_THE_WAY.format(held=held_by(obj.body)) if is_being_deleted(obj) else taken_over(obj) or UNHELD
