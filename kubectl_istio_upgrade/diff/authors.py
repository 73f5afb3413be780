"""Who wrote a difference: the field managers that own the changed fields, as the API server recorded them.

Ownership is recorded per field (`fieldsV1`, KEP-555). Fields below an atomic list or map belong to whoever owns the
whole of it, so the owner of the longest recorded prefix is the author.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from ..models.changes import Authorship, FieldChange, ItemKey, Path
from ..models.objects import Body, Json, MeshObject
from .paths import dotted


def authors_of(obj: MeshObject, changes: Iterable[FieldChange]) -> tuple[Authorship, ...]:
    """Who wrote these fields of the object, latest first. Removed fields have no owner any more."""
    entries = obj.server.managed_fields
    owned: dict[int, list[str]] = {}
    for change in changes:
        for index in _owners(entries, change.path):
            owned.setdefault(index, []).append(dotted(change.path))
    found = [_authorship(entries[index], tuple(paths)) for index, paths in owned.items()]
    return tuple(sorted(found, key=lambda author: author.time, reverse=True))


def creators_of(obj: MeshObject) -> tuple[Authorship, ...]:
    """All who wrote an object that was added as a whole, latest first; status writers left out."""
    entries = (entry for entry in obj.server.managed_fields if not entry.get("subresource"))
    return tuple(sorted((_authorship(entry, ()) for entry in entries), key=lambda author: author.time, reverse=True))


def _authorship(entry: Body, paths: tuple[str, ...]) -> Authorship:
    return Authorship(
        manager=str(entry.get("manager", "unknown")),
        operation=str(entry.get("operation", "")),
        time=str(entry.get("time", "")),
        subresource=str(entry.get("subresource", "")),
        paths=paths,
    )


def _owners(entries: Sequence[Body], path: Path) -> list[int]:
    depths = [_depth(entry.get("fieldsV1") or {}, path) for entry in entries]
    deepest = max(depths, default=0)
    return [index for index, depth in enumerate(depths) if depth == deepest] if deepest else []


def _depth(fields: Json, path: Path) -> int:
    """How many steps of the path the entry's field set follows, counting only what it owns."""
    depth = 0
    for number, step in enumerate(path, start=1):
        child = _child(fields, step)
        if child is None:
            break
        fields = child
        # An empty set is a leaf: this manager owns the field and all below. `.` marks the field itself.
        if not child or "." in child or number == len(path):
            depth = number
        if not child:
            break
    return depth


def _child(fields: Json, step: object) -> Json:
    if isinstance(step, str):
        return fields.get(f"f:{step}")
    if isinstance(step, ItemKey):
        wanted = dict(zip(step.names, step.values, strict=True))
        return next((child for name, child in fields.items() if _is_item(name, wanted)), None)
    return fields.get(f"i:{step}")


def _is_item(name: str, wanted: dict[str, Json]) -> bool:
    if not name.startswith("k:"):
        return False
    keys = json.loads(name[2:])
    return bool(keys) and all(wanted.get(key) == value for key, value in keys.items() if key in wanted)
