"""Comparing with a manifest: what the manifest does not mention is not its business."""

from __future__ import annotations

from collections.abc import Mapping

from ..canonical import json_bytes
from ..models.objects import Json


def restricted(value: Json, mentioned: Json, keyed: Mapping[str, tuple[str, ...]], at: str = "") -> Json:
    """The value reduced to the fields that `mentioned` has.

    Maps lose the keys that are not mentioned (defaults of the server, fields of other managers). Items of keyed lists
    are matched by key and lose what is not mentioned; lists without a key keep their length, item by item.
    """
    if isinstance(value, dict) and isinstance(mentioned, dict):
        return {
            name: restricted(item, mentioned[name], keyed, f"{at}.{name}" if at else name)
            for name, item in value.items()
            if name in mentioned
        }
    if isinstance(value, list) and isinstance(mentioned, list):
        return _restricted_list(value, mentioned, keyed, at)
    return value


def _restricted_list(
    value: list[Json], mentioned: list[Json], keyed: Mapping[str, tuple[str, ...]], at: str
) -> list[Json]:
    names = keyed.get(at)
    if not names:
        pairs = zip(value, mentioned, strict=False)
        return [restricted(item, other, keyed, f"{at}.*") for item, other in pairs] + value[len(mentioned) :]
    # The first name identifies: the others (a port's protocol) may be defaults that the manifest leaves out.
    others = {json_bytes(other.get(names[0])): other for other in mentioned if isinstance(other, dict)}
    return [
        restricted(item, others[key], keyed, f"{at}.*")
        for item in value
        if isinstance(item, dict) and (key := json_bytes(item.get(names[0]))) in others
    ]
