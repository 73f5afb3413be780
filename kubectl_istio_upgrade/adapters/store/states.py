"""A stored snapshot as a state: what it holds is known at once, what is in it only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from ...models.objects import Body, Completeness, Key, MeshObject, NotCaptured, ResourceType, ScaleTarget, Version
from ...models.snapshots import Purpose, SnapshotInfo
from ..yamlio import load
from . import layout
from .codec import read_managers, read_versions, server_of
from .files import SnapshotFiles

T = TypeVar("T")


class StoredState:
    """Implements `models.objects.State` on the files of one snapshot."""

    def __init__(self, info: SnapshotInfo, files: SnapshotFiles) -> None:
        self._info = info
        self._files = files
        self._loaded: dict[Key, MeshObject] = {}

    @property
    def label(self) -> str:
        """See `State`."""
        return f"snapshot {self._info.short}"

    @property
    def completeness(self) -> Completeness:
        """See `State`: an import holds what somebody backed up, and no more."""
        return Completeness.OBJECTS if self._info.meta.purpose is Purpose.IMPORT else Completeness.COMPLETE

    @property
    def types(self) -> tuple[ResourceType, ...]:
        """See `State`."""
        return self._info.meta.types

    @property
    def not_captured(self) -> tuple[NotCaptured, ...]:
        """See `State`."""
        return self._info.meta.not_captured

    @property
    def autoscaled(self) -> frozenset[ScaleTarget]:
        """See `State`: a snapshot does not hold them; they are the cluster's as it is now."""
        return frozenset()

    @cached_property
    def versions(self) -> Mapping[Key, Version | None]:
        """See `State`; read from the `managers` files alone."""
        paths = list(self._files.paths(self._info.commit, layout.MANAGERS))
        found: dict[Key, Version | None] = {}
        for path, versions in zip(paths, self._read_all(paths, read_versions), strict=True):
            group = layout.group_at(path)
            found |= {Key(*group, name): version for name, version in versions.items()}
        return found

    def load(self, keys: Iterable[Key]) -> dict[Key, MeshObject]:
        """See `State`. Read once: a rollback looks at them when it plans and again when it proves."""
        keys = tuple(keys)
        self._read_objects([key for key in dict.fromkeys(keys) if key not in self._loaded])
        return {key: self._loaded[key] for key in keys}

    def _read_objects(self, wanted: Sequence[Key]) -> None:
        for key in wanted:
            if key not in self.versions:
                raise KeyError(key)
        groups = list(dict.fromkeys(map(layout.group_of, wanted)))
        servers = dict(zip(groups, self._read_all(map(layout.managers_path, groups), read_managers), strict=True))
        bodies = self._read_all(map(layout.object_path, wanted), _read_body)
        for key, body in zip(wanted, bodies, strict=True):
            self._loaded[key] = MeshObject(key, body, server_of(servers[layout.group_of(key)][key.name]))

    def _read_all(self, paths: Iterable[str], parse: Callable[[bytes], T]) -> Iterator[T]:
        return self._files.read_all(self._info.commit, list(paths), parse)


def _read_body(text: bytes) -> Body:
    body = load(text)
    if not isinstance(body, dict):
        raise TypeError("not a mapping")
    return body
