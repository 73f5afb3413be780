"""One file of a snapshot, looked at alone: its shape, its spelling, and whether it is of the object in its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ....canonical import to_yaml
from ....errors import StoreError
from ....models.objects import Body, Json, Key
from ....normalise.secrets import digests_in, is_digest
from ....rules.scope import SECRET
from ...yamlio import load
from .. import layout, shapes
from ..codec import lines_bytes, read_header, read_managers


class Known(NamedTuple):
    """What is wrong with a file ("" if nothing is), and what it says that other files are held against."""

    fault: str
    value: Any = None


class Described(NamedTuple):
    """What others are held against of an object's file."""

    kind: str
    digests: frozenset[str]


def inspect(path: str, content: bytes) -> Known:
    """Look at the content of a file at this path."""
    try:
        return Known("", _inspection(path)(path, content))
    except StoreError as error:
        return Known(error.message)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Known(str(error) or type(error).__name__)


_Inspection = Callable[[str, bytes], Any]


def _inspection(path: str) -> _Inspection:
    if path in _ALONE:
        return _ALONE[path]
    for folder, ending, inspection in _IN_FOLDERS:
        if path.startswith(folder) and path.endswith(ending):
            return inspection
    raise StoreError("it is not a file of a snapshot")


def _yaml(kind: str, content: bytes) -> Json:
    value = load(content)
    if fault := shapes.fault(kind, value):
        raise ValueError(fault)
    if to_yaml(value).encode() != content:
        raise ValueError("it is not in canonical form")
    return value


def _lines(kind: str, content: bytes) -> dict[str, Body]:
    entries = read_managers(content)
    if fault := shapes.fault(kind, entries):
        raise ValueError(fault)
    if lines_bytes(entries) != content:
        raise ValueError("it is not in canonical form")
    return entries


def _header(_: str, content: bytes) -> Body:
    read_header(content, "it")
    header: Body = _yaml("snapshot", content)
    return header


def _types(_: str, content: bytes) -> Mapping[str, str]:
    """The kind of every type."""
    types = _yaml("types", content)["types"]
    keys = [(type_["group"], type_["plural"]) for type_ in types]
    if keys != sorted(set(keys)):
        raise ValueError("its types are not sorted, or one is there twice")
    return {Key(*key, "", "").resource: type_["kind"] for key, type_ in zip(keys, types, strict=True)}


def _workloads(_: str, content: bytes) -> None:
    _yaml("workloads", content)


def _operation(_: str, content: bytes) -> None:
    _yaml("operation", content)


def _object(path: str, content: bytes) -> Described:
    key = layout.key_at(path)
    body = _yaml("object", content)
    if body["metadata"]["name"] != key.name or (key.namespace and body["metadata"].get("namespace") != key.namespace):
        raise ValueError("it is another object than its path says")
    if body["apiVersion"].rpartition("/")[0] != key.group:
        raise ValueError(f"its apiVersion is not one of group {key.group!r}")
    if key.resource == SECRET:
        _check_secret(body)
    return Described(body["kind"], digests_in(body))


def _check_secret(body: Body) -> None:
    """Whatever went wrong when it was written: a value in the clear is found."""
    if "stringData" in body or not all(map(is_digest, (body.get("data") or {}).values())):
        raise ValueError("it holds a value in the clear")


def _managers(path: str, content: bytes) -> Mapping[str, str]:
    """The UID of every object, by name."""
    layout.group_at(path)
    return {name: entry.get("uid", "") for name, entry in _lines("managers", content).items()}


def _sealed_index(path: str, content: bytes) -> dict[str, Body]:
    layout.group_at(path)
    return _lines("sealed", content)


def _sealed(path: str, _: bytes) -> None:
    layout.key_at(path)


_ALONE: Mapping[str, _Inspection] = {
    layout.SNAPSHOT: _header,
    layout.TYPES: _types,
    layout.WORKLOADS: _workloads,
    layout.OPERATION: _operation,
}
REQUIRED = (layout.SNAPSHOT, layout.TYPES, layout.WORKLOADS)

_IN_FOLDERS: tuple[tuple[str, str, _Inspection], ...] = (
    (layout.OBJECTS, ".yaml", _object),
    (layout.MANAGERS, ".json", _managers),
    (layout.SEALED, ".json", _sealed_index),
    (layout.SEALED, ".age", _sealed),
)
