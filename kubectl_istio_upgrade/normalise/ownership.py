"""Who owns which field: `metadata.managedFields`, as it has to be after something was put back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..canonical import json_bytes, same
from ..models.objects import Body, clone

_SET = "."
"""In fieldsV1: the map or item itself, beside its fields. It means nothing when no field is left."""


def with_fields_owned_as(live: Sequence[Body], target: Sequence[Body], paths: Iterable[tuple[str, ...]]) -> list[Body]:
    """The live owners, but each of the fields named is owned by whoever owns it in the target, and by nobody else.

    Owners that are left with nothing go: among them whoever has just written these fields.
    """
    entries: dict[tuple[Any, ...], Body] = {_who(entry): clone(entry) for entry in live}
    named = [[f"f:{step}" for step in path] for path in paths]
    for keys in named:
        for entry in entries.values():
            _disown(entry.get("fieldsV1") or {}, keys)
    for keys in named:
        for entry in target:
            if _owns(entry.get("fieldsV1") or {}, keys):
                mine = entries.setdefault(_who(entry), {**entry, "fieldsV1": {}})
                _own(mine["fieldsV1"], keys, entry["fieldsV1"])
    return [entry for entry in entries.values() if entry.get("fieldsV1")]


def owned_as(live: Sequence[Body], target: Sequence[Body]) -> list[Body]:
    """The target's owners, and of the status the live ones: controllers write it, and it was not put back."""
    return [entry for entry in target if not _is_status(entry)] + [entry for entry in live if _is_status(entry)]


def are_same_owners(some: Sequence[Body], others: Sequence[Body]) -> bool:
    """Whether the same managers own the same fields, whenever they wrote them."""
    return same(_timeless(some), _timeless(others))


def owners_of_field(owners: Sequence[Body], path: Iterable[str]) -> tuple[Body, ...]:
    """Those who own a field, each with this field alone: what it takes to give it back to them."""
    keys = [f"f:{step}" for step in path]
    found = []
    for entry in owners:
        if _owns(fields := entry.get("fieldsV1") or {}, keys):
            alone: Body = {}
            _own(alone, keys, fields)
            found.append({**entry, "fieldsV1": alone})
    return tuple(found)


def sole_writer(owners: Sequence[Body]) -> str:
    """The one manager that has written all of an object but its status, by ordinary writes; "" when there are others.

    Writing under this name leaves the ownership as it was, which saves the request that would put it back.
    """
    writers = [entry for entry in owners if not _is_status(entry)]
    if len(writers) == 1 and writers[0].get("operation") == "Update" and not writers[0].get("subresource"):
        return str(writers[0].get("manager") or "")
    return ""


def _is_status(entry: Body) -> bool:
    return entry.get("subresource") == "status"


def _timeless(owners: Sequence[Body]) -> list[Body]:
    entries = [{name: value for name, value in entry.items() if name != "time"} for entry in owners]
    return sorted(entries, key=lambda entry: json_bytes([*_who(entry)]))


def _who(entry: Body) -> tuple[Any, ...]:
    """What tells two owners apart; a time does not."""
    return tuple(entry.get(name) for name in ("manager", "operation", "apiVersion", "subresource"))


def _owns(fields: Body, keys: Sequence[str]) -> bool:
    for key in keys:
        if key not in fields:
            return False
        fields = fields[key]
    return True


def _own(fields: Body, keys: Sequence[str], like: Body) -> None:
    """Own the field, and the maps on the way to it as far as the other entry does."""
    for key in keys:
        fields, like = fields.setdefault(key, {}), like[key]
        if _SET in like:
            fields[_SET] = {}


def _disown(fields: Body, keys: Sequence[str]) -> None:
    head, rest = keys[0], keys[1:]
    if head not in fields:
        return
    if rest:
        _disown(fields[head], rest)
    if not rest or not fields[head].keys() - {_SET}:
        del fields[head]
