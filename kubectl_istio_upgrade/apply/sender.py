"""One write: the only calls of a cluster's write methods in this program.

Each write carries the precondition it was planned with. An object that moved is read and planned again, and written
only if the same change still follows. An answer that got lost is no failure: the object tells whether the write
happened, and the precondition makes it safe to send it once more if not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import (
    ApiError,
    ClusterError,
    ConflictError,
    IncompleteError,
    IstioUpgradeError,
    NotFoundError,
    RefusedError,
    WrittenError,
)
from ..models.objects import Body, MeshObject
from ..models.plans import PlannedChange, Write
from ..normalise.objects import held_by, is_being_deleted, split
from ..normalise.ownership import sole_writer
from ..normalise.secrets import Redaction, digests_in
from ..normalise.view import for_creation
from ..plan.revise import against_live, has_moved
from ..ports import ClusterReader, ClusterWriter
from ..rules.keeping import MADE_WITH_NAMESPACE
from .doubt import WEBHOOK_DOWN, is_as_sent, may_have_happened
from .ownership import OwnershipRestorer

CONFLICT_ATTEMPTS = 5
"""How often one object is read again when it keeps moving (its status, mostly) between reading and writing."""

WEBHOOK_PATIENCE = 60.0
"""Seconds for which a write is repeated while an admission webhook does not answer: its server may just be starting.
The API server refuses such a write before it stores anything, so repeating it is safe."""

_FIELD_CONFLICT = ("conflict with", "FieldManagerConflict")
"""In a server-side apply's 409: another manager owns a field. Every other 409 means that the object moved. The second
is what is left of the message when the object is a Secret."""

_DOUBT_PAUSES = (0.25, 1.0, 2.0)
"""Seconds before an object is looked at, and the write perhaps sent again, after an answer that got lost."""

_OF_NEW_OBJECTS = (Write.POST, Write.RECREATE)

_POLL = 0.5


def is_field_conflict(error: ConflictError) -> bool:
    """Whether it is about who owns a field."""
    return any(words in error.message for words in _FIELD_CONFLICT)


@dataclass(frozen=True)
class Sender:
    """Sends planned changes to one cluster, for real or as a dry run."""

    reader: ClusterReader
    writer: ClusterWriter
    note: Callable[[str], None] = lambda _: None
    """Told what a person should know and need not act on."""
    secrets: Redaction = field(default_factory=Redaction)
    """Puts values into what is sent, and takes them out of what is answered: a plan has neither."""
    patience: float = 60.0
    """Seconds to wait until an object that is made anew is gone."""

    def send(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        """Write one change; the answer is the object as the server has it now, None after a deletion.

        Values take the place of their digests in the request alone; the answer has digests again.

        Raises RefusedError for a Secret whose values are not known, IncompleteError when somebody else changed the
        object after the plan was made or it never holds still, and whatever the server answers. An error of which
        `may_have_happened` is true leaves it open whether the object was written: so does a WrittenError, for
        everything that comes after the object itself.
        """
        send = self._until_it_holds_still if dry_run else self._until_it_is_known
        answer = send(change, dry_run=dry_run)
        if answer is not None and not dry_run and change.write not in (Write.APPLY, Write.FORCE):
            self._give_back(change, answer)
        return None if answer is None else self.secrets.withheld(MeshObject(change.key, answer)).body

    def _give_back(self, change: PlannedChange, written: Body) -> None:
        """Put the owners of its fields back. Whatever stops that, the object itself is written."""
        try:
            why = OwnershipRestorer(self.reader, self.writer).restore(change, written)
        except IstioUpgradeError as error:
            message = f"{change.key} is written, but the ownership of its fields is not restored: {error.message}"
            raise WrittenError(message, hint=error.hint) from error
        if why:
            self.note(f"{change.key}: the ownership of its fields could not be restored: {why}")

    def _until_it_is_known(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        pauses, doubt = iter(_DOUBT_PAUSES), None
        while True:
            try:
                return self._until_it_holds_still(change, dry_run=dry_run)
            except (ClusterError, IncompleteError) as error:
                open_ended = may_have_happened(error)
                doubt = error if open_ended else doubt
                if doubt is None:
                    raise
                pause = next(pauses, None) if open_ended else None
                time.sleep(pause or 0)
                found = self._looked_up(change, doubt)
                if found is not None and is_as_sent(change, found):
                    return found
                if pause is None:  # also when the last answer was a refusal: the first try may have happened
                    raise doubt from error

    def _looked_up(self, change: PlannedChange, doubt: IstioUpgradeError) -> Body | None:
        """The object as it is now. Where it cannot be read the doubt stays, whatever the reason."""
        try:
            return self.reader.get(change.type, change.key)
        except ClusterError as error:
            raise doubt from error

    def _until_it_holds_still(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        for _ in range(CONFLICT_ATTEMPTS):
            try:
                return self._patiently(change, dry_run=dry_run)
            except ConflictError as error:
                if change.write is Write.POST or is_field_conflict(error):
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
        now = self.secrets.withheld(split(body, change.type))
        if has_moved(change, then, now):
            message = f"{change.key} was changed by somebody else after the plan was made"
            raise IncompleteError(message, hint="run the command again to plan from the state as it is now") from error
        return now

    def _patiently(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        deadline = time.monotonic() + (0 if dry_run else WEBHOOK_PATIENCE)
        while True:
            try:
                return self._once(change, dry_run=dry_run)
            except ApiError as error:
                if WEBHOOK_DOWN not in error.message or time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL)

    def _once(self, change: PlannedChange, *, dry_run: bool) -> Body | None:
        # A new object cannot be tried while the old one is there: of a recreation only the deletion is.
        if change.write is Write.DELETE or (change.write is Write.RECREATE and dry_run):
            self._delete(change, dry_run=dry_run)
            return None
        type_, key, body = change.type, change.key, self._content(change)
        match change.write:
            case Write.PUT:
                return self.writer.replace(type_, key, body, dry_run=dry_run, manager=_writer_before(change))
            case Write.PATCH:
                return self.writer.merge_patch(type_, key, body, dry_run=dry_run)
            case Write.APPLY | Write.FORCE:
                force = change.write is Write.FORCE
                if change.live is None and not dry_run:
                    self._still_absent(change)
                return self.writer.server_side_apply(
                    type_, key, body, force=force, dry_run=dry_run, manager=change.manager
                )
            case _:
                if change.write is Write.RECREATE:
                    self._remove(change)
                return self._create(change, body, dry_run=dry_run)

    def _content(self, change: PlannedChange) -> Body:
        if change.body is None:
            raise TypeError(f"{change.key}: a {change.write} without a body")
        body = self.secrets.revealed(change.body)
        if digests_in(change.body) - self.secrets.values.digests:
            message = f"{change.key}: its values are not known; refusing to write their digests"
            raise RefusedError(message)
        return for_creation(body, change.key.resource) if change.write in _OF_NEW_OBJECTS else body

    def _delete(self, change: PlannedChange, *, dry_run: bool) -> None:
        if change.live is not None and is_being_deleted(change.live):
            return  # it goes, and its version moves with each finalizer that does
        try:
            version = change.resource_version
            self.writer.delete(change.type, change.key, uid=change.uid, resource_version=version, dry_run=dry_run)
        except NotFoundError:
            if dry_run:  # it was there when the plan was made
                raise

    def _create(self, change: PlannedChange, body: Body, *, dry_run: bool) -> Body:
        try:
            return self.writer.create(change.type, change.key, body, dry_run=dry_run, manager=_writer_before(change))
        except ConflictError:
            found = self.reader.get(change.type, change.key)
            if found is None or (change.key.resource, change.key.name) not in MADE_WITH_NAMESPACE:
                raise
            metadata = {**body["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}
            return self.writer.replace(change.type, change.key, {**body, "metadata": metadata}, dry_run=dry_run)

    def _still_absent(self, change: PlannedChange) -> None:
        """Server-side apply has no precondition for "there is none": it would merge into whatever has appeared."""
        if self.reader.get(change.type, change.key) is not None:
            message = f"{change.key} was created by somebody else after the plan was made"
            raise IncompleteError(message, hint="run the command again to plan from the state as it is now")

    def _remove(self, change: PlannedChange) -> None:
        self._delete(change, dry_run=False)
        deadline = time.monotonic() + self.patience
        while (found := self.reader.get(change.type, change.key)) is not None:
            if time.monotonic() >= deadline:
                raise IncompleteError(f"{change.key} is still there after {self.patience:.0f} s{held_by(found)}")
            time.sleep(_POLL)


def _writer_before(change: PlannedChange) -> str:
    """Under whose name to write, so that ownership stays what it was; see `normalise.ownership.sole_writer`."""
    return sole_writer(change.target.server.managed_fields) if change.target else ""
