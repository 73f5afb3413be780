"""One write: the only calls of a cluster's write methods in this program.

Each write carries the precondition it was planned with. An object that moved is read and planned again, and written
only if the same change still follows.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from ..diff.states import fields_between
from ..errors import ApiError, ConflictError, IncompleteError, NotFoundError, RefusedError
from ..models.objects import Body, MeshObject
from ..models.plans import PlannedChange, Write
from ..normalise.objects import split
from ..normalise.secrets import has_withheld_values
from ..plan.revise import against_live
from ..ports import ClusterReader, ClusterWriter

CONFLICT_ATTEMPTS = 5
"""How often one object is read again when it keeps moving (its status, mostly) between reading and writing."""

WEBHOOK_PATIENCE = 60.0
"""Seconds for which a write is repeated while an admission webhook does not answer: its server may just be starting.
The API server refuses such a write before it stores anything, so repeating it is safe."""

FIELD_CONFLICT = "conflict with"
"""In a server-side apply's 409: another manager owns a field. Every other 409 means that the object moved."""

_DELETION_PATIENCE = 60.0
_POLL = 0.5


@dataclass(frozen=True)
class Sender:
    """Sends planned changes to one cluster, for real or as a dry run."""

    reader: ClusterReader
    writer: ClusterWriter

    def send(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        """Write one change; the answer is the object as the server has it now, None after a deletion.

        Raises RefusedError for a Secret whose values are not known, IncompleteError when somebody else changed the
        object after the plan was made or it never holds still, and whatever the server answers.
        """
        answer = self._until_it_holds_still(change, dry_run=dry_run)
        if answer is None or dry_run or change.write not in (Write.PUT, Write.POST, Write.RECREATE):
            return answer
        return self._owned(change, answer)

    def _until_it_holds_still(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        for _ in range(CONFLICT_ATTEMPTS):
            try:
                return self._patiently(change, dry_run=dry_run)
            except ConflictError as error:
                if change.write in (Write.POST, Write.RECREATE, Write.DELETE) or FIELD_CONFLICT in error.message:
                    raise
                change = self._replanned(change, error)
        message = f"{change.key} keeps changing; gave up after {CONFLICT_ATTEMPTS} attempts"
        raise IncompleteError(message)

    def _replanned(self, change: PlannedChange, error: ConflictError) -> PlannedChange:
        if change.live is None:
            raise error
        return against_live(change, self._unchanged_since(change.live, change, error))

    def _unchanged_since(self, then: MeshObject, change: PlannedChange, error: ConflictError) -> MeshObject:
        """The object as it is now, if only noise (its status, say) moved it since `then`."""
        body = self.reader.get(change.type, change.key)
        if body is None:
            raise error
        now = split(body, change.type)
        if now.server.uid != then.server.uid or fields_between(then, now, autoscaled=change.autoscaled):
            message = f"{change.key} was changed by somebody else after the plan was made"
            raise IncompleteError(message, hint="run the command again to plan from the state as it is now") from error
        return now

    def _patiently(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        deadline = time.monotonic() + (0 if dry_run else WEBHOOK_PATIENCE)
        while True:
            try:
                return self._once(change, dry_run=dry_run)
            except ApiError as error:
                if "failed calling webhook" not in error.message or time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL)

    def _once(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        type_, key, body = change.type, change.key, change.body
        if body is None:
            self.writer.delete(type_, key, uid=change.uid, dry_run=dry_run)
            return None
        if has_withheld_values(body):
            message = f"{key}: its values are not known; refusing to write their digests"
            raise RefusedError(message)
        match change.write:
            case Write.PATCH:
                return self.writer.merge_patch(type_, key, body, dry_run=dry_run)
            case Write.APPLY | Write.FORCE:
                force = change.write is Write.FORCE
                if change.live is None and not dry_run:
                    self._still_absent(change)
                return self.writer.server_side_apply(type_, key, body, force=force, dry_run=dry_run)
            case Write.PUT:
                return self.writer.replace(type_, key, body, dry_run=dry_run)
            case Write.RECREATE if dry_run:  # the new one cannot be tried while the old one is there
                self.writer.delete(type_, key, uid=change.uid, dry_run=True)
                return None
            case _:
                if change.write is Write.RECREATE:
                    self._remove(change)
                return self.writer.create(type_, key, body, dry_run=dry_run)

    def _still_absent(self, change: PlannedChange) -> None:
        """Server-side apply has no precondition for "there is none": it would merge into whatever has appeared."""
        if self.reader.get(change.type, change.key) is not None:
            message = f"{change.key} was created by somebody else after the plan was made"
            raise IncompleteError(message, hint="run the command again to plan from the state as it is now")

    def _remove(self, change: PlannedChange) -> None:
        with contextlib.suppress(NotFoundError):
            self.writer.delete(change.type, change.key, uid=change.uid, dry_run=False)
        deadline = time.monotonic() + _DELETION_PATIENCE
        while self.reader.get(change.type, change.key) is not None:
            if time.monotonic() >= deadline:
                message = f"{change.key} is still there {_DELETION_PATIENCE:.0f} s after its deletion (a finalizer?)"
                raise IncompleteError(message)
            time.sleep(_POLL)

    def _owned(self, change: PlannedChange, written: Body) -> Body:
        """Put the target's field ownership back, so the next `istioctl` or `helm upgrade` meets no stranger."""
        if change.target is None or not change.target.server.managed_fields:
            return written
        managers, content = change.target.server.managed_fields, split(written, change.type)
        version = content.server.resource_version
        for _ in range(CONFLICT_ATTEMPTS):
            try:
                return self.writer.restore_ownership(change.type, change.key, managers, version)
            except ConflictError as error:
                now = self._unchanged_since(content, change, error)
                version = now.server.resource_version
        message = f"{change.key} keeps changing; its content is restored, the ownership of its fields is not"
        raise IncompleteError(message)
