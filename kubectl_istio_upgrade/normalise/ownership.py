"""Who owns which field: `metadata.managedFields`, for objects of which only some fields are put back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..models.objects import Body, clone

_SET = "."
"""In fieldsV1: the map or item itself, beside its fields. It means nothing when no field is left."""


def with_fields_owned_as(live: Sequence[Body], target: Sequence[Body], paths: Iterable[tuple[str, ...]]) -> list[Body]:
    """The live owners, but each of the fields named is owned by whoever owns it in the target, and by nobody else.

    Owners that are left with nothing go: among them whoever has just written these fields.
    """
    entries: dict[tuple[Any, ...], Body] = {_who(entry): clone(entry) for entry in live}
    for path in paths:
        keys = [f"f:{step}" for step in path]
        for entry in entries.values():
            _disown(entry.get("fieldsV1") or {}, keys)
        for entry in target:
            if _owns(entry.get("fieldsV1") or {}, keys):
                mine = entries.setdefault(_who(entry), {**entry, "fieldsV1": {}})
                _own(mine["fieldsV1"], keys)
    return [entry for entry in entries.values() if entry.get("fieldsV1")]


def _who(entry: Body) -> tuple[Any, ...]:
    """What tells two owners apart; a time does not."""
    return tuple(entry.get(name) for name in ("manager", "operation", "apiVersion", "subresource"))


def _owns(fields: Body, keys: Sequence[str]) -> bool:
    for key in keys:
        if key not in fields:
            return False
        fields = fields[key]
    return True


def _own(fields: Body, keys: Sequence[str]) -> None:
    for key in keys:
        fields = fields.setdefault(key, {})


def _disown(fields: Body, keys: Sequence[str]) -> None:
    head, rest = keys[0], keys[1:]
    if head not in fields:
        return
    if rest:
        _disown(fields[head], rest)
    if not rest or not fields[head].keys() - {_SET}:
        del fields[head]
