"""Where things are in a snapshot's tree: keys to paths and back. `snapshots/README.md` is the specification."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from ...errors import StoreError

if TYPE_CHECKING:
    from ...models.objects import Key

SNAPSHOT = "snapshot.yaml"
TYPES = "types.yaml"
WORKLOADS = "inventory/workloads.yaml"
OPERATION = "operation.yaml"
OBJECTS = "objects/"
MANAGERS = "managers/"
SEALED = "sealed/"

_CORE = "core"
CLUSTER = "_cluster"
_segment = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?").fullmatch
_safe_name = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?").fullmatch
_unsafe = re.compile(rb"[^A-Za-z0-9._-]|^\.|\.$").sub


class Group(NamedTuple):
    """The objects of one type in one namespace: one folder of bodies, one file of server fields."""

    group: str
    plural: str
    namespace: str


def group_of(key: Key) -> Group:
    """The group that an object belongs to."""
    return Group(key.group, key.plural, key.namespace)


def managers_path(group: Group) -> str:
    """`managers/GROUP/PLURAL/NAMESPACE.json`. Raises StoreError for what no API server would answer."""
    return f"{MANAGERS}{_folder(group)}.json"


def object_folder(group: Group) -> str:
    """`objects/GROUP/PLURAL/NAMESPACE/`. Raises StoreError for what no API server would answer."""
    return f"{OBJECTS}{_folder(group)}/"


def object_file(name: str) -> str:
    """`NAME.yaml`, with `%XX` for every byte that a file name had better not have."""
    if _safe_name(name):
        return f"{name}.yaml"
    if not name:
        raise StoreError("an object without a name cannot be stored")
    return _unsafe(lambda match: b"%%%02X" % ord(match[0]), name.encode()).decode() + ".yaml"


def object_path(key: Key) -> str:
    """`objects/GROUP/PLURAL/NAMESPACE/NAME.yaml`."""
    return object_folder(group_of(key)) + object_file(key.name)


def key_at(path: str) -> Key:
    """The inverse of `object_path` and of `sealed_path`. Raises StoreError for any other path."""
    from ...models.objects import Key  # not above: completion reads this module, and has no time for more

    folder, _, file = path.rpartition("/")
    name = file.rpartition(".")[0]
    parts = folder.split("/")
    try:
        key = Key(*_group(*parts[1:]), unquote(name, errors="strict"))
        if path in (object_path(key), sealed_path(key)):
            return key
    except (TypeError, UnicodeDecodeError, StoreError):
        pass
    raise StoreError(f"{path} is not a file of a snapshot")


def sealed_index(group: Group) -> str:
    """`sealed/GROUP/PLURAL/NAMESPACE.json`."""
    return f"{SEALED}{_folder(group)}.json"


def sealed_path(key: Key) -> str:
    """`sealed/GROUP/PLURAL/NAMESPACE/NAME.age`."""
    return f"{SEALED}{_folder(group_of(key))}/{object_file(key.name).removesuffix('.yaml')}.age"


def group_at(path: str) -> Group:
    """The inverse of `managers_path` and of `sealed_index`. Raises StoreError for any other path."""
    parts = path.removesuffix(".json").split("/")
    if len(parts) != 4 or not path.startswith((MANAGERS, SEALED)) or not path.endswith(".json"):
        raise StoreError(f"{path} is not a file of a snapshot")
    return _group(*parts[1:])


def group_of_folder(path: str) -> Group:
    """The group that GROUP/PLURAL/NAMESPACE names. Raises TypeError for another number of names."""
    return _group(*path.split("/"))


def _group(group: str, plural: str, namespace: str) -> Group:
    return Group("" if group == _CORE else group, plural, "" if namespace == CLUSTER else namespace)


def _folder(group: Group) -> str:
    parts = (group.group or _CORE, group.plural, group.namespace)
    for part in parts:
        if part and not _segment(part):
            raise StoreError(f"{group.plural} of group {group.group!r}, namespace {group.namespace!r} cannot be stored")
    return f"{parts[0]}/{parts[1]}/{parts[2] or CLUSTER}"
