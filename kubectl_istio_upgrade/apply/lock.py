"""The lock of a cluster: a Lease that whoever changes the mesh holds, renews, and looks at before every write.

It keeps two stores, on two machines, from changing one mesh at the same time. Its term is short, so a holder that died
is in nobody's way for long; while it lives it renews, from a thread of its own. What a clock says of another's lease is
not believed alone: a lease that looks expired is watched until it is sure that nobody renews it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from .. import interrupts
from ..errors import ClusterError, ConflictError, LockedError, LostLockError, NotFoundError, UnreachableError
from ..models.objects import Body, Key
from ..models.operations import Holder
from ..ports import ClusterReader, ClusterWriter
from ..rules.permissions import LEASE_FALLBACK_NAMESPACE
from .lease import LEASE, LeaseHolder, elapsed, holder_in, key_in, lease_of

_RELEASE_ATTEMPTS = 3
_RELEASE_PAUSE = 0.5

_STAYS = "the lock of the cluster stays until it expires"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things last, in seconds."""

    term: float = 20.0
    """A lease that was not renewed for so long may be taken over."""
    renewal: float = 5.0
    margin: float = 5.0
    """No write is started so shortly before the own term ends."""
    watch: float = 7.0
    """How long a lease that looks expired is watched: more than a renewal, should the clocks differ."""


@dataclass
class ClusterLock:
    """Takes, keeps and gives back the lease of one cluster, for one run of an operation."""

    reader: ClusterReader
    writer: ClusterWriter
    namespace: str
    holder: Holder
    operation: str
    """In words, for those who meet the lock."""
    store: str
    """The store whose own lock this process holds: a holder that used it, too, is known to have ended."""
    note: Callable[[str], None] = lambda _: None
    terms: Terms = field(default_factory=Terms)
    _lease: Body = field(default_factory=dict)
    _valid_until: float = 0.0
    _lost_to: str = ""
    _done: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Hold the lease; what is given raises LostLockError once it is not ours any more.

        Raises LockedError naming the holder when somebody else has it.
        """
        renewer = threading.Thread(target=self._keep_renewing, daemon=True)
        try:
            self._acquire()
            renewer.start()
            yield self.check
        finally:
            self._done.set()
            try:
                self._give_back(renewer)
            except KeyboardInterrupt:
                self.note(f"{_STAYS}: interrupted")
                raise

    def _give_back(self, renewer: threading.Thread) -> None:
        if renewer.is_alive():
            renewer.join(self.terms.renewal)
        if self._lease:
            self._release()

    def check(self) -> None:
        """Raises LostLockError unless the lease is ours, and will be for the time that a write takes."""
        if self._lost_to:
            raise LostLockError(f"the lock of the cluster was taken over by {self._lost_to}")
        if elapsed() >= self._valid_until - self.terms.margin:
            raise LostLockError(f"the lock of the cluster could not be renewed for {self.terms.term:.0f} s")

    def _acquire(self) -> None:
        root = self.namespace
        for self.namespace in (root, LEASE_FALLBACK_NAMESPACE):
            found = self.reader.get(LEASE, self._key)
            try:
                if found is not None:
                    self._answered(partial(self._put, self._free(found)))
                else:
                    self._answered(self._post)
            except ConflictError:
                raise self._refusal() from None
            except NotFoundError:
                continue
            self._refuse_another(root if self.namespace != root else LEASE_FALLBACK_NAMESPACE)
            return
        raise LockedError("the cluster cannot be locked: it has no namespace for the lease")

    def _refuse_another(self, namespace: str) -> None:
        """Raises LockedError where somebody holds the lease of the other namespace: the root one came or went since.

        Both look after they have taken theirs, so that not both can miss the other.
        """
        if namespace == self.namespace:
            return
        found = self.reader.get(LEASE, key_in(namespace))
        holder = holder_in(found) if found is not None else None
        if holder and holder.identity and holder.store != self.store and not holder.has_expired(datetime.now(UTC)):
            raise _locked(holder)

    @property
    def _key(self) -> Key:
        return key_in(self.namespace)

    def _free(self, found: Body) -> Body:
        """The lease, if it may be taken. Raises LockedError."""
        holder = holder_in(found)
        if not holder.identity or holder.store == self.store:
            return found
        if not holder.has_expired(datetime.now(UTC)):
            raise _locked(holder)
        time.sleep(self.terms.watch)
        now = self.reader.get(LEASE, self._key)
        if now is None or now["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            raise self._refusal()
        self.note(f"took the lock of the cluster over from {holder}, who did not end it; look at their store, too")
        return found

    def _answered(self, ask: Callable[[], None]) -> None:
        """Ask in a thread of its own: after Ctrl-C the answer is still waited for, so that what it gave is given back.

        Whoever breaks a request off does not know whether it has happened.
        """
        failed: list[Exception] = []
        # Not the thread's join: Python 3.11 takes a thread for ended once that is interrupted.
        answered = threading.Event()

        def asking() -> None:
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                failed.append(error)
            finally:
                answered.set()

        try:
            with interrupts.held_back():
                threading.Thread(target=asking, daemon=True).start()
            answered.wait()
        except KeyboardInterrupt:
            if not answered.wait(self.terms.renewal):
                self.note("the server has not said whether the cluster is locked; if it is, that expires")
            raise
        for error in failed:
            raise error

    def _post(self) -> None:
        self._send(lambda: self.writer.create(LEASE, self._key, self._body({}), dry_run=False))

    def _put(self, found: Body) -> None:
        self._send(lambda: self.writer.replace(LEASE, self._key, self._body(found), dry_run=False))

    def _refusal(self) -> LockedError:
        body = self.reader.get(LEASE, self._key)
        return _locked(holder_in(body)) if body else LockedError("the lock of the cluster has just moved; try again")

    def _send(self, request: Callable[[], Body]) -> None:
        """Write the lease. The term counts from before the request: the server may have had it at once.

        Where the connection broke before the answer, a lease in our name is ours.
        """
        asked = elapsed()
        try:
            self._lease = request()
        except UnreachableError:
            found = self.reader.get(LEASE, self._key)
            if found is None or holder_in(found).identity != self.holder.identity:
                raise
            self._lease = found
        self._valid_until = asked + self.terms.term

    def _keep_renewing(self) -> None:
        while not self._done.wait(self.terms.renewal):
            try:
                self._put(self._lease)
            except (ConflictError, NotFoundError):
                self._look_again()
            except ClusterError:
                continue  # out of reach: the term runs on, and `check` sees its end

    def _look_again(self) -> None:
        """After a conflict: either somebody took the lease, or an answer of ours was lost on its way."""
        try:
            now = self.reader.get(LEASE, self._key)
        except ClusterError:
            return
        holder = holder_in(now) if now else None
        if now and holder and holder.identity == self.holder.identity:
            self._lease = now
        else:
            self._lost_to = str(holder) if holder else "somebody who deleted it"

    def _release(self) -> None:
        """Delete it, so that nothing of ours stays. What cannot be deleted expires."""
        why = ""
        for _ in range(_RELEASE_ATTEMPTS):
            metadata = self._lease["metadata"]
            versions = {"uid": metadata["uid"], "resource_version": metadata["resourceVersion"]}
            try:
                self.writer.delete(LEASE, self._key, **versions, dry_run=False)
            except NotFoundError:
                return
            except ConflictError as error:
                why = error.message
                self._look_again()  # a last renewal of ours may have come in between
                if self._lost_to:
                    return
            except ClusterError as error:
                why = error.message
                time.sleep(_RELEASE_PAUSE)
            else:
                return
        self.note(f"{_STAYS}: {why}")

    def _body(self, found: Body) -> Body:
        return lease_of(found, self.namespace, self.holder.identity, self.operation, self.store, self.terms.term)


def _locked(holder: LeaseHolder) -> LockedError:
    hint = f"wait for it to end; if that process is dead, the lock can be taken {holder.term:.0f} s after it"
    return LockedError(f"the mesh is being changed by {holder}", hint=hint)
