"""Owner references that may be put back: an object whose owners are all gone is deleted by the garbage collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ..diff.states import fields_between
from ..models.changes import FieldChange
from ..models.objects import Body, Key, MeshObject, ResourceType, State
from ..models.plans import PlannedChange

OWNERS_LEFT_OUT = (
    "its owner references to {owners} are left out: no such object is known to be there, and by the UID of one that is "
    "gone the garbage collector would delete this"
)


@dataclass(frozen=True)
class Living:
    """An object as it may be written, and what of its owner references that leaves out."""

    body: Body
    gone: str = ""
    """The note that says so; "" where all owners are there."""
    leaves: tuple[FieldChange, ...] = ()
    """By what the object will still differ from the target."""

    def sent_by(self, change: PlannedChange) -> PlannedChange:
        """The change that sends it, under the version in which it was read, and with the note."""
        notes = (*change.notes, self.gone) if self.gone else change.notes
        type_ = replace(change.type, version=str(self.body["apiVersion"]).rpartition("/")[2])
        return replace(change, body=self.body, type=type_, notes=notes, leaves=self.leaves)


@dataclass(frozen=True)
class Owners:
    """Knows which owners are there: what the live object names already, and what the live state holds."""

    live: State

    @cached_property
    def _types(self) -> Mapping[tuple[str, str], ResourceType]:
        return {(type_.group, type_.kind): type_ for type_ in self.live.types}

    def living(self, target: MeshObject, body: Body, now: MeshObject | None = None) -> Living:
        """What is to be sent for a target, with those owners only that are there, by their present UIDs.

        `now` is the live object, whose own references are taken for good; the body has its UIDs already.
        """
        references = body["metadata"].get("ownerReferences")
        if not references:
            return Living(body)
        named = {_name(each) for each in (now.body["metadata"].get("ownerReferences") or () if now else ())}
        found = [each if _name(each) in named else self._found(each, target.key.namespace) for each in references]
        gone = [_name(each) for each, there in zip(references, found, strict=True) if there is None]
        metadata = {**body["metadata"], "ownerReferences": [each for each in found if each is not None]}
        if not metadata["ownerReferences"]:
            del metadata["ownerReferences"]
        body = {**body, "metadata": metadata}
        if not gone:
            return Living(body)
        owners = ", ".join(" ".join(each) for each in gone)
        sent, wanted = MeshObject(target.key, body), MeshObject(target.key, target.body)
        leaves = fields_between(sent, wanted, autoscaled=False)
        return Living(body, OWNERS_LEFT_OUT.format(owners=owners), leaves)

    def _found(self, reference: Body, namespace: str) -> Body | None:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        type_ = self._types.get((group, str(reference.get("kind"))))
        if type_ is None:
            return None
        key = Key(group, type_.plural, namespace if type_.namespaced else "", str(reference.get("name")))
        version = self.live.versions.get(key)
        return {**reference, "uid": version.uid} if version else None


def _name(reference: Body) -> tuple[str, str]:
    """What tells the owners of one object apart; see `rules.lists`."""
    return str(reference.get("kind")), str(reference.get("name"))
