"""A stored snapshot as a state: what it holds is known at once, what is in it only when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial

from ...models.objects import Body, Completeness, Key, MeshObject, NotCaptured, ResourceType, Version
from ...models.snapshots import Purpose, SnapshotInfo
from ..yamlio import load
from . import layout
from .codec import read_managers, server_of, version_of
from .files import SnapshotFiles


class StoredState:
    """Implements `models.objects.State` on the files of one snapshot."""

    def __init__(self, info: SnapshotInfo, files: SnapshotFiles) -> None:
        self._info = info
        self._files = files

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

    @cached_property
    def versions(self) -> Mapping[Key, Version | None]:
        """See `State`; read from the `managers` files alone."""
        found: dict[Key, Version | None] = {}
        for path in self._files.paths(self._info.commit, layout.MANAGERS):
            found |= self._files.read(self._info.commit, path, partial(_read_versions, path))
        return found

    def load(self, keys: Iterable[Key]) -> dict[Key, MeshObject]:
        """See `State`."""
        servers: dict[layout.Group, dict[str, Body]] = {}
        found = {}
        for key in keys:
            if key not in self.versions:
                raise KeyError(key)
            group = layout.group_of(key)
            if group not in servers:
                servers[group] = self._files.read(self._info.commit, layout.managers_path(group), read_managers)
            body = self._files.read(self._info.commit, layout.object_path(key), _read_body)
            found[key] = MeshObject(key, body, server_of(servers[group][key.name]))
        return found


def _read_versions(path: str, content: bytes) -> dict[Key, Version | None]:
    group = layout.group_at(path)
    return {Key(*group, name): version_of(entry) for name, entry in read_managers(content).items()}


def _read_body(text: bytes) -> Body:
    body = load(text)
    if not isinstance(body, dict):
        raise TypeError("not a mapping")
    return body
