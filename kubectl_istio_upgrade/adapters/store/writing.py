"""A snapshot on its way into git: the stream for `git fast-import`, with only what differs from the snapshot before."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC
from itertools import groupby

from ...canonical import to_yaml
from ...errors import StoreError
from ...models.objects import Body, Key, MeshObject, ResourceType, Version
from ...models.snapshots import SnapshotDraft, SnapshotMeta
from . import layout
from .codec import header_of, managers_bytes, read_managers, read_versions, types_of, workloads_of
from .files import SnapshotFiles
from .layout import Group
from .sealed import GroupSealer
from .sealing import Sealer

_IDENTITY = "kubectl-istio-upgrade <kubectl-istio-upgrade@localhost>"
_SCRATCH = "refs/istio-upgrade/incoming"
"""fast-import commits on a ref; this one is given up again in the same stream, before it is ever written."""

_GIVE_UP_SCRATCH = f"get-mark :1\nreset {_SCRATCH}\nfrom {'0' * 40}\n\ndone\n".encode()

_CRDS = Group("apiextensions.k8s.io", "customresourcedefinitions", "")


def merge_stream(first: str, second: str, when: int) -> Iterator[bytes]:
    """The stream of a merge: all of it follows from the two commits, so that everybody makes the same one."""
    message = b"merge\n\nPurpose: merge\n"
    yield f"feature done\ncommit {_SCRATCH}\nmark :1\ncommitter {_IDENTITY} {when} +0000\n".encode()
    yield b"data %d\n%b\n" % (len(message), message)
    yield f"from {first}\nmerge {second}\n\n".encode()
    yield _GIVE_UP_SCRATCH


def settled(draft: SnapshotDraft) -> SnapshotDraft:
    """The draft as it will be read back: objects counted, types in their order, the time in UTC and whole seconds."""
    counts = Counter(key.resource for key in draft.objects)
    meta = replace(
        draft.meta,
        counts=dict(sorted(counts.items())),
        types=tuple(sorted(draft.meta.types, key=lambda type_: (type_.group, type_.plural))),
        created=draft.meta.created.astimezone(UTC).replace(microsecond=0),
    )
    return replace(draft, meta=meta)


class Parent:
    """The snapshot before, or a merge, as far as writing the next one needs it."""

    def __init__(self, commit: str, files: SnapshotFiles) -> None:
        """Raises StoreError when any file is missing or damaged: the next snapshot would take it over."""
        self.commit = commit
        self.paths = files.check(commit)
        self.header = files.header(commit)
        self.types = files.types(commit)
        self._files = files
        indexes = [path for path in self.paths if path.startswith(layout.MANAGERS)]
        self._versions = dict(zip(indexes, files.read_all(commit, indexes, read_versions), strict=True))

    def refuse_other_cluster(self, draft: SnapshotDraft) -> None:
        """Raises StoreError for a snapshot of another cluster: a branch has one, and rolling back relies on it."""
        if self.header["cluster"]["uid"] != draft.meta.cluster.uid:
            raise StoreError(f"the snapshot before, {self.commit[:7]}, is of another cluster")

    def versions(self, group: Group) -> Mapping[str, Version | None]:
        """The versions of a group's objects, by name."""
        return self._versions.get(layout.managers_path(group), {})

    def sealed(self, group: Group) -> dict[str, Body]:
        """The index of a group's sealed values, as far as their files are there."""
        path = layout.sealed_index(group)
        entries = self._files.read(self.commit, path, read_managers) if path in self.paths else {}
        return {name: entry for name, entry in entries.items() if layout.sealed_path(Key(*group, name)) in self.paths}


class SnapshotStream:
    """The stream of one draft. `changed` counts its objects as they go by; ask for it afterwards."""

    def __init__(self, draft: SnapshotDraft, parent: Parent | None, sealer: Sealer | None = None) -> None:
        self.changed = 0
        self._sealer = sealer
        self._draft = draft
        self._parent = parent
        self._header = header_of(draft.meta)
        self._gone = dict(parent.paths) if parent else {}
        """What of the parent has not come up again."""
        self._trust = Trust(draft, self._header, parent) if parent else None

    def __iter__(self) -> Iterator[bytes]:
        message = _message(self._draft.meta).encode()
        when = int(self._draft.meta.created.timestamp())
        yield f"feature done\ncommit {_SCRATCH}\nmark :1\ncommitter {_IDENTITY} {when} +0000\n".encode()
        yield b"data %d\n%b\n" % (len(message), message)
        if self._parent:
            yield f"from {self._parent.commit}\n".encode()
        yield from self._descriptions()
        objects = self._draft.objects
        for group, keys in groupby(sorted(objects), layout.group_of):
            yield from self._group(group, [objects[key] for key in keys])
        for path in self._gone:
            self.changed += path.startswith(layout.OBJECTS)
            yield f"D {path}\n".encode()
        yield _GIVE_UP_SCRATCH

    def _descriptions(self) -> Iterator[bytes]:
        meta = self._draft.meta
        yield from self._put(layout.SNAPSHOT, to_yaml(self._header).encode())
        yield from self._put(layout.TYPES, to_yaml(types_of(meta.types)).encode())
        yield from self._put(layout.WORKLOADS, to_yaml(workloads_of(self._draft.workloads)).encode())
        if meta.operation is not None:
            yield from self._put(layout.OPERATION, to_yaml(meta.operation).encode())

    def _group(self, group: Group, objects: list[MeshObject]) -> Iterator[bytes]:
        known = self._known(group)
        folder = layout.object_folder(group)
        changed = len(known) != len(objects)
        for obj in objects:
            path = folder + layout.object_file(obj.key.name)
            version = obj.server.version
            if version and known.get(obj.key.name) == version and path in self._gone:
                del self._gone[path]
            else:
                changed = True
                yield from self._put(path, to_yaml(obj.body).encode())
        index = layout.managers_path(group)
        if changed or index not in self._gone:
            yield from self._put(index, managers_bytes({obj.key.name: obj.server for obj in objects}))
        else:  # no object of the group has another version, so none has other owners
            del self._gone[index]
        yield from self._sealed(group, objects)

    def _sealed(self, group: Group, objects: list[MeshObject]) -> Iterator[bytes]:
        """The values of the group's objects, encrypted."""
        withheld = [obj for obj in objects if obj.withheld]
        if self._sealer is None or not withheld:
            return
        before = self._parent.sealed(group) if self._parent and self._same_recipients(self._parent) else {}
        sealer = GroupSealer(self._sealer, group, before)
        for obj in withheld:
            path, content = sealer.seal(obj)
            if content is None:
                del self._gone[path]
            else:
                yield from self._put(path, content)
        if index := sealer.index():
            yield from self._put(*index)

    def _same_recipients(self, parent: Parent) -> bool:
        return bool(parent.header.get("recipients") == self._header["recipients"])

    def _known(self, group: Group) -> Mapping[str, Version | None]:
        """The parent's versions of the group's objects, as far as they can be trusted."""
        if self._parent is None or self._trust is None or not self._trust.covers(group):
            return {}
        return self._parent.versions(group)

    def _put(self, path: str, content: bytes) -> Iterator[bytes]:
        """A file, unless the parent has the very same."""
        before = self._gone.pop(path, None)
        if before is None or before != _blob_id(content):
            self.changed += path.startswith(layout.OBJECTS)
            yield f"M 100644 inline {path}\ndata {len(content)}\n".encode()
            yield content
            yield b"\n"


class Trust:
    """Which objects of the parent need not be compared: invariant 7 of `snapshots/README.md`.

    An equal version says that the stored object is the same, not that the API server answers the same: a CRD that
    was changed in between prunes or defaults other fields. Only what was seen through the same eyes is trusted.
    """

    def __init__(self, draft: SnapshotDraft, header: Body, parent: Parent) -> None:
        self._same_eyes = _eyes(header) == _eyes(parent.header)
        self._types_before = _api_versions(parent.types)
        self._types = _api_versions(draft.meta.types)
        self._crds_before = parent.versions(_CRDS)
        self._crds = {
            key.name: obj.server.version for key, obj in draft.objects.items() if layout.group_of(key) == _CRDS
        }

    def covers(self, group: Group) -> bool:
        """Whether an equal version settles it for the objects of this group."""
        if not self._same_eyes:
            return False
        resource = Key(*group, "").resource
        if resource not in self._types or self._types[resource] != self._types_before.get(resource):
            return False
        if resource in self._crds or resource in self._crds_before:
            crd = self._crds.get(resource)
            return crd is not None and crd == self._crds_before.get(resource)
        return _built_in(group.group)


def _eyes(header: Body) -> tuple[object, ...]:
    return header["program"], header["cluster"]["serverVersion"], header["secretKeyId"]


def _api_versions(types: Iterable[ResourceType]) -> dict[str, str]:
    return {type_.resource: type_.version for type_ in types}


def _built_in(group: str) -> bool:
    """Whether the API server defines the group itself (or claims to: CRDs of *.k8s.io are in every snapshot)."""
    return "." not in group or group.endswith(".k8s.io")


def _blob_id(content: bytes) -> str:
    """What git will call this content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _message(meta: SnapshotMeta) -> str:
    """The commit's message: what the user said, else what it is, and the facts one may search a log for."""
    total = sum(meta.counts.values())
    istio = ", ".join(meta.istio_versions) or "unknown"
    said = meta.message.strip() or f"{meta.purpose}: {total} objects, Istio {istio}"
    facts = {
        "Purpose": str(meta.purpose),
        "Cluster": f"{meta.cluster.context} {meta.cluster.uid}",
        "Istio": istio,
        "Objects": str(total),
        "Resource-Version": meta.resource_version or "none",
    }
    return f"{said}\n\n" + "".join(f"{name}: {value}\n" for name, value in facts.items())
