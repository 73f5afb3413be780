"""Fields of a custom resource that its definition hides: etcd has them, or had them, and no read shows them.

A definition that goes back to an older schema hides what it does not know; the next write of the object, by whomever,
drops it for good (measured). The one trace that such a field leaves is its owner's record in managedFields. It ends at
lists: Istio's are atomic, so whoever owns one owns it as a whole, and what is hidden inside shows nowhere.
"""

from __future__ import annotations

from ..models.objects import Body, Json, MeshObject
from ..rules.scope import CUSTOM_RESOURCES

_NOT_CONTENT = ("apiVersion", "kind", "metadata", "status")


def hidden_fields(obj: MeshObject) -> tuple[str, ...]:
    """Paths that somebody owns and that the object does not show, sorted; only of custom resources of the mesh."""
    if obj.key.resource not in CUSTOM_RESOURCES:
        return ()
    found: set[str] = set()
    for entry in obj.server.managed_fields:
        if not entry.get("subresource"):
            owned = entry.get("fieldsV1") or {}
            content = {step: below for step, below in owned.items() if step[2:] not in _NOT_CONTENT}
            _add_missing(content, obj.body, "", found)
    return tuple(sorted(found))


def _add_missing(owned: Body, value: Json, path: str, found: set[str]) -> None:
    """Steps to a field begin with `f:`; others lead into lists, or mean the value itself."""
    if not isinstance(value, dict):
        return
    for step, below in owned.items():
        if step[:2] == "f:":
            name = step[2:]
            if name not in value:
                found.add(path + name)
            elif below:
                _add_missing(below, value[name], f"{path}{name}.", found)
