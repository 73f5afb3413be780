"""Sealed values in a snapshot: one age file for each object with withheld values, and an index of them by folder.

`snapshots/README.md` specifies both. What is inside an age file says whose values they are, so files that were moved
around are found out; the index says what they are the values of without opening them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from ...canonical import json_bytes
from ...errors import StoreError
from ...models.objects import Body, Key, MeshObject
from ...models.secrets import NO_VALUES, Values
from . import layout
from .codec import lines_bytes, read_managers
from .files import SnapshotFiles
from .layout import Group
from .sealing import Opener, Sealer

SEAL_FORMAT = 1
_KIND = "kubectl-istio-upgrade sealed values"
_header = re.compile(
    rb"age-encryption\.org/v1\n((?:-> [!-~ ]+\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+)--- "
).match
_stanza = re.compile(rb"^-> (?:X25519|ssh-ed25519|ssh-rsa) ", re.MULTILINE).findall
"""One for each recipient; age adds others at random, so that readers learn to pass over what they do not know."""


def sealed_document(obj: MeshObject) -> bytes:
    """What is encrypted: the values of one object, and whose they are."""
    document = {
        "format": SEAL_FORMAT,
        "kind": _KIND,
        "object": obj.key._asdict(),
        "uid": obj.server.uid,
        "values": dict(obj.withheld.items()),
    }
    return json_bytes(document)


def index_entry(obj: MeshObject) -> Body:
    """What the index says of an object's values before they are encrypted: equal entries have equal values."""
    return {"digests": digest_of(obj.withheld.digests), "uid": obj.server.uid}


def digest_of(digests: Iterable[str]) -> str:
    """What the index says of a set of digests."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


def sealed_entry(obj: MeshObject, sealed: bytes) -> Body:
    """The whole entry."""
    return {**index_entry(obj), "sha256": hashlib.sha256(sealed).hexdigest()}


class GroupSealer:
    """Seals the objects of one folder, taking over from the snapshot before what has not changed.

    age files of the same text differ, so an unchanged Secret must not be encrypted again: the store would grow with
    every snapshot.
    """

    def __init__(self, sealer: Sealer, group: Group, before: Mapping[str, Body]) -> None:
        self._sealer = sealer
        self._group = group
        self._before = before
        self._entries: dict[str, Body] = {}

    def seal(self, obj: MeshObject) -> tuple[str, bytes | None]:
        """The path, and the new content or None for that of the snapshot before."""
        path, name = layout.sealed_path(obj.key), obj.key.name
        before = self._before.get(name, {})
        if {**before, **index_entry(obj)} == before:
            self._entries[name] = before
            return path, None
        sealed = self._sealer.seal(sealed_document(obj))
        self._entries[name] = sealed_entry(obj, sealed)
        return path, sealed

    def index(self) -> tuple[str, bytes] | None:
        """The index, if there is anything in it."""
        return (layout.sealed_index(self._group), lines_bytes(self._entries)) if self._entries else None


class SealedSnapshot:
    """Implements `ports.SealedValues` on the files of one snapshot."""

    def __init__(self, commit: str, files: SnapshotFiles, opener: Opener) -> None:
        self._commit = commit
        self._files = files
        self._opener = opener

    def __contains__(self, key: object) -> bool:
        return key in self._index

    def open(self, key: Key) -> Values:
        """See `ports.SealedValues`."""
        if key not in self._index:
            return NO_VALUES
        entry, path = self._index[key], layout.sealed_path(key)
        uid = self._files.read(self._commit, layout.managers_path(layout.group_of(key)), read_managers)[key.name]
        sealed = self._files.read(self._commit, path, bytes)
        if hashlib.sha256(sealed).hexdigest() != entry.get("sha256"):
            raise self._damaged(path, "it is not the file that its index names")
        try:
            plain = self._opener.open(sealed)
            return NO_VALUES if plain is None else read_document(plain, key, str(uid.get("uid", "")), entry)
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged(path, str(error)) from None  # the cause might quote a value

    @cached_property
    def _index(self) -> dict[Key, Body]:
        paths = [path for path in self._files.paths(self._commit, layout.SEALED) if path.endswith(".json")]
        indexes = self._files.read_all(self._commit, paths, read_managers)
        groups = [(layout.group_at(path), index) for path, index in zip(paths, indexes, strict=True)]
        return {Key(*group, name): entry for group, index in groups for name, entry in index.items()}

    def _damaged(self, path: str, why: str) -> StoreError:
        return StoreError(f"snapshot {self._commit[:7]}: {path} is damaged: {why}")


def read_document(plain: bytes, key: Key, uid: str, entry: Body) -> Values:
    """The values of a document that is truly this object's. Raises ValueError, KeyError or TypeError without them."""
    try:
        document = json.loads(plain)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if document["kind"] != _KIND or document["format"] != SEAL_FORMAT:
        raise ValueError(f"it has format {document['format']}, this program reads {SEAL_FORMAT}")
    if document["object"] != key._asdict() or document["uid"] != uid or entry["uid"] != uid:
        raise ValueError("it is sealed for another object")
    return Values(document["values"])


def check_sealed(
    paths: Iterable[str], recipients: Sequence[str], read: Callable[[str], bytes]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the sealed files of a snapshot, as far as can be told without an identity: path and fault.

    `paths` are all files of the snapshot, `recipients` those of its `snapshot.yaml`. Looked at: every file is an age
    file for as many recipients, is in its index with its hash, belongs to an object of the snapshot and to its UID.
    """
    files = set(paths)
    sealed = {path for path in files if path.startswith(layout.SEALED) and path.endswith(".age")}
    indexed: set[str] = set()
    for path in sorted(path for path in files if path.startswith(layout.SEALED) and path not in sealed):
        try:
            group = layout.group_at(path)
            entries, servers = read_managers(read(path)), read_managers(read(layout.managers_path(group)))
        except (KeyError, ValueError, StoreError) as error:
            yield path, f"it is no index of sealed values: {error}"
            continue
        for name, entry in entries.items():
            key = Key(*group, name)
            file = layout.sealed_path(key)
            indexed.add(file)
            if name not in servers or layout.object_path(key) not in files:
                yield path, f"it names {key}, which is not in the snapshot"
            elif servers[name].get("uid", "") != entry.get("uid"):
                yield path, f"it has another UID for {key} than the snapshot"
            if file not in sealed:
                yield file, "it is missing"
            elif why := _wrong(read(file), entry, recipients):
                yield file, why
    for file in sorted(sealed - indexed):
        yield file, "no index names it"


def _wrong(content: bytes, entry: Body, recipients: Sequence[str]) -> str:
    if hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        return "it is not the file that its index names"
    header = _header(content)
    if header is None:
        return "it is not an age file"
    stanzas = len(_stanza(header[1]))
    return "" if stanzas == len(recipients) else f"it is encrypted to {stanzas} recipients, not to {len(recipients)}"
