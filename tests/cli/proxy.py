"""A proxy in front of the API server that remembers what it was asked, and holds a request for as long as a test wants.

It makes moments in the life of a command that can be enumerated instead of slept for.
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.controlplane.access import Access
from tests.controlplane.credentials import ADMIN

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


@dataclass
class Proxy:
    """Speaks HTTP to the product and HTTPS to the API server."""

    plane: Access
    seen: list[Seen] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    fail: Test | None = None
    """Answer these requests with a failure."""
    _released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _hold: Test | None = None
    _skip: int = 0

    def __post_init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kubeconfig(self, path: Path, user: str = ADMIN) -> Path:
        """A user's kubeconfig, leading through this proxy."""
        text = self.plane.kubeconfig_for(user).read_text("utf-8")
        lines = [line for line in text.splitlines() if "certificate-authority-data" not in line]
        path.write_text("\n".join(lines).replace(self.plane.server, self.url), "utf-8")
        return path

    def hold(self, test: Test, *, after: int = 0) -> None:
        """Hold the first request that passes the test, or the one after so many others of them; once."""
        self._hold, self._skip = test, after

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
        self._server.shutdown()
        self._server.server_close()

    def arrive(self, seen: Seen) -> None:
        """Remember a request, and hold it if it is the one."""
        with self._lock:
            self.seen.append(seen)
            matches = self._hold is not None and self._hold(seen)
            if matches and self._skip:
                self._skip -= 1
                matches = False
            if matches:
                self._hold = None
        if matches:
            self.held.set()
            self._released.wait(PATIENCE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was interrupted is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        plane = self.server.proxy.plane
        context = ssl.create_default_context(cafile=str(plane.authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._upstream = http.client.HTTPSConnection("127.0.0.1", plane.state.port, timeout=PATIENCE, context=context)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, body)
        self.server.proxy.arrive(seen)
        fail = self.server.proxy.fail
        if fail is not None and fail(seen):
            self.send_response(500)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._upstream.request(self.command, self.path, body or None, dict(self.headers.items()))
        answer = self._upstream.getresponse()
        payload = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""
