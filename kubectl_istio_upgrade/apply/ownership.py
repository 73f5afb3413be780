"""Field ownership, put back after the content: so that the next `istioctl` or `helm upgrade` meets no stranger.

It takes a request of its own: a PUT that carries managedFields attributes what it changes to the writer (measured). And
it is worth less than the content: where it is refused, that is noted and does not stop a run. Where only the connection
or the server failed it is tried again, and then stops the run, which can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import ClusterError, ConflictError
from ..models.objects import Body, MeshObject
from ..models.plans import Action, PlannedChange, Write
from ..normalise.objects import split
from ..normalise.ownership import are_same_owners, owned_as, with_fields_owned_as
from ..plan.revise import has_moved
from ..ports import ClusterReader, ClusterWriter
from ..rules.restarts import RESTARTED_AT_PATH
from .doubt import may_have_happened

ATTEMPTS = 8
"""A Deployment's status moves several times while it rolls out, and each time the version with it."""

_PAUSE = 0.1


@dataclass(frozen=True)
class OwnershipRestorer:
    """Puts the target's managedFields back on objects that were just written.

    A backup that was imported has none: then those of the moment before stay, rather than this tool among them.
    """

    reader: ClusterReader
    writer: ClusterWriter

    def restore(self, change: PlannedChange, written: Body) -> str:
        """Return "" when it is done, or why it is not. Raises ClusterError when the server stays out of order."""
        if not _gives_back(change):
            return ""
        content = split(written, change.type)
        for attempt in range(ATTEMPTS):
            owners = _owners(change, content)
            if are_same_owners(owners, content.server.managed_fields):
                return ""
            try:
                self.writer.restore_ownership(change.type, change.key, owners, content.server.resource_version)
            except ClusterError as error:
                if may_have_happened(error) and attempt == ATTEMPTS - 1:
                    raise
                if not (isinstance(error, ConflictError) or may_have_happened(error)):
                    return error.message
                time.sleep(_PAUSE * attempt)
                now = self._unchanged(content, change)
                if now is None:
                    return "somebody else has changed the object since"
                content = now
            else:
                return ""
        return "the object keeps changing"

    def complete(self, changes: Iterable[PlannedChange], note: Callable[[str], None]) -> None:
        """Put back what an interrupted run left: the owners of objects whose content it has written."""
        for change in changes:
            body = self.reader.get(change.type, change.key)
            if body is not None and (why := self.restore(change, body)):
                note(f"{change.key}: the ownership of its fields could not be restored: {why}")

    def _unchanged(self, then: MeshObject, change: PlannedChange) -> MeshObject | None:
        body = self.reader.get(change.type, change.key)
        now = split(body, change.type) if body is not None else None
        return None if now is None or has_moved(change, then, now) else now


def _gives_back(change: PlannedChange) -> bool:
    """Whether anybody owned what was written. A restart as such belongs to whoever asks for it: to us."""
    if change.action is Action.RESTART:
        return change.restart is not None and bool(change.restart.owners_after)
    return change.target is not None and bool(_owners_before(change))


def _owners(change: PlannedChange, written: MeshObject) -> Sequence[Body]:
    """Of a whole object the owners that the target has; of a few patched fields, those fields' alone."""
    if change.action is Action.RESTART and change.restart:
        return with_fields_owned_as(written.server.managed_fields, change.restart.owners_after, [RESTARTED_AT_PATH])
    target = _owners_before(change)
    if change.write is not Write.PATCH:
        return owned_as(written.server.managed_fields, target)
    metadata = (change.body or {})["metadata"]
    patched = [("metadata", part, name) for part in ("labels", "annotations") for name in metadata.get(part, ())]
    return with_fields_owned_as(written.server.managed_fields, target, patched)


def _owners_before(change: PlannedChange) -> Sequence[Body]:
    sides = (side for side in (change.target, change.live) if side is not None)
    return next((side.server.managed_fields for side in sides if side.server.managed_fields), ())
