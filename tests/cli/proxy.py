"""A proxy in front of the API server that remembers what it was asked, and holds a request for as long as a test wants.

It makes moments in the life of a command that can be enumerated instead of slept for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane.access import Access
from tests.controlplane.credentials import ADMIN
from tests.support.relay import Answered, Exchange, Relay

from .program import PATIENCE, wait_for

_NO_WRITES = ("dryRun=", "/leases", "/selfsubjectaccessreviews")


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    target: str
    body: bytes = b""

    @property
    def writes(self) -> bool:
        """Whether it changes the mesh; the lock on the cluster, a Lease, is no part of it, nor is a question."""
        return self.method != "GET" and not any(word in self.target for word in _NO_WRITES)

    @property
    def tries(self) -> bool:
        """Whether it is a dry run."""
        return "dryRun=" in self.target


Test = Callable[[Seen], bool]


class Proxy(Relay):
    """Holds the requests that a test names, or lets them fail."""

    def __init__(self, plane: Access) -> None:
        self.seen: list[Seen] = []
        self.held = threading.Event()
        self.fail: Test | None = None
        """Answer these requests with a failure, of this status."""
        self.status = 500
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._hold: Test | None = None
        self._skip = 0
        self._every = False
        super().__init__(plane)

    def hold(self, test: Test, *, after: int = 0, every: bool = False) -> None:
        """Hold the first request that passes the test, or the one after so many others; once, or all from then on."""
        self.held.clear()
        self._released.clear()
        self._hold, self._skip, self._every = test, after, every

    def kubeconfig(self, path: Path, user: str = ADMIN) -> Path:
        """A user's kubeconfig, leading through this proxy."""
        return self.leading_here(self.plane.kubeconfig_for(user), path)

    def wait_for(self, test: Test) -> None:
        """Return when such a request has arrived after this call."""
        known = len(self.seen)
        wait_for(lambda: any(map(test, self.seen[known:])), "no such request arrived")

    def wait_held(self) -> None:
        """Return when a request is held."""
        wait_for(self.held.is_set, "no request was held")

    def release(self) -> None:
        """Let it go on."""
        self._released.set()

    @property
    def writes(self) -> list[Seen]:
        """The requests that changed the cluster."""
        return [seen for seen in self.seen if seen.writes]

    def close(self) -> None:
        self.release()
        super().close()

    def handle(self, exchange: Exchange) -> None:
        """Remember a request, hold it if it is the one, and pass it on or let it fail."""
        seen = Seen(exchange.asked.method, exchange.asked.target, exchange.asked.body)
        self._arrive(seen)
        failed = self.fail is not None and self.fail(seen)
        exchange.reply(Answered(self.status) if failed else exchange.forward())

    def _arrive(self, seen: Seen) -> None:
        with self._lock:
            self.seen.append(seen)
            matches = self._hold is not None and self._hold(seen)
            if matches and self._skip:
                self._skip -= 1
                matches = False
            if matches and not self._every:
                self._hold = None
        if matches:
            self.held.set()
            self._released.wait(PATIENCE)
