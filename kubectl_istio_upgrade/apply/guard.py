"""A writer that asks, before every real write, whether it may still be made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..models.objects import Body, Key, ResourceType
from ..ports import ClusterWriter


@dataclass(frozen=True)
class GuardedWriter:
    """Implements `ClusterWriter` on another one. `check` raises when the cluster's lock is lost; see `lease`."""

    writer: ClusterWriter
    check: Callable[[], None]

    def create(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """See `ClusterWriter`."""
        self._check(dry_run)
        return self.writer.create(type_, key, body, dry_run=dry_run, manager=manager)

    def replace(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """See `ClusterWriter`."""
        self._check(dry_run)
        return self.writer.replace(type_, key, body, dry_run=dry_run, manager=manager)

    def server_side_apply(
        self, type_: ResourceType, key: Key, body: Body, *, force: bool, dry_run: bool, manager: str = ""
    ) -> Body:
        """See `ClusterWriter`."""
        self._check(dry_run)
        return self.writer.server_side_apply(type_, key, body, force=force, dry_run=dry_run, manager=manager)

    def merge_patch(self, type_: ResourceType, key: Key, patch: Body, *, dry_run: bool) -> Body:
        """See `ClusterWriter`."""
        self._check(dry_run)
        return self.writer.merge_patch(type_, key, patch, dry_run=dry_run)

    def restore_ownership(
        self, type_: ResourceType, key: Key, managed_fields: Sequence[Body], resource_version: str
    ) -> Body:
        """See `ClusterWriter`."""
        self.check()
        return self.writer.restore_ownership(type_, key, managed_fields, resource_version)

    def delete(self, type_: ResourceType, key: Key, *, uid: str, resource_version: str, dry_run: bool) -> None:
        """See `ClusterWriter`."""
        self._check(dry_run)
        self.writer.delete(type_, key, uid=uid, resource_version=resource_version, dry_run=dry_run)

    def _check(self, dry_run: bool) -> None:
        if not dry_run:
            self.check()
