"""A tiny API server on a loopback port that answers what a test tells it to, faults included."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubectl_istio_upgrade.adapters.kube.connection import ConnectionOptions, connect
from kubectl_istio_upgrade.adapters.kube.retry import RetryPolicy
from kubectl_istio_upgrade.adapters.kube.transport import Transport

FAST = RetryPolicy(max_wait=0.5, first_delay=0.001, longest_delay=0.002)


@dataclass(frozen=True)
class Reply:
    """One answer, and what goes wrong with it."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    """Announce the whole body, send this many bytes of it, and close."""
    reset: bool = False
    """Close the connection with RST instead of answering."""
    trickle: float = 0.0
    """Seconds between single bytes."""

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    peer: str = ""
    """The name in the client's certificate."""

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Script = Callable[[Seen], Reply]


class FakeServer:
    """Answers by script, and remembers what it was asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.script: Script = lambda _: Reply()
        self._server = _Server(self)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, *replies: Reply) -> None:
        """These in turn, the last one for ever."""
        remaining = iter(replies)
        last = replies[-1]
        lock = threading.Lock()

        def script(_: Seen) -> Reply:
            with lock:
                return next(remaining, last)

        self.script = script

    def route(self, routes: Mapping[str, Reply]) -> None:
        """By path, without the query; 404 for others."""
        self.script = lambda seen: routes.get(seen.target.partition("?")[0], status(404, "NotFound", "not found"))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def status(code: int, reason: str, message: str, **details: Any) -> Reply:
    """A failure as the API server words it."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return Reply(code, {**body, "message": message, "details": details})


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    server = FakeServer(tls)
    try:
        yield server
    finally:
        server.close()


def write_kubeconfig(path: Path, server: str, user: Mapping[str, Any] | None = None, **cluster: Any) -> Path:
    """A kubeconfig with one context `test`."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "test", "user": dict(user or {})}],
    }
    path.write_text(json.dumps(content))
    return path


def transport_to(path: Path, policy: RetryPolicy = FAST, **options: Any) -> Transport:
    """Connected as a command would be, only less patient."""
    transport = connect(ConnectionOptions(kubeconfig=str(path), **options))
    transport._policy = policy
    return transport


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: FakeServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what some tests are about."""


def _peer(connection: socket.socket) -> str:
    certificate: Any = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    return "".join(value for ((name, value),) in (certificate or {}).get("subject", ()) if name == "commonName")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = Seen(self.command, self.path, list(self.headers.items()), body, _peer(self.connection))
        self.server.owner.seen.append(seen)
        self._reply(self.server.owner.script(seen))

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def _reply(self, reply: Reply) -> None:
        time.sleep(reply.delay)
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        payload = reply.payload
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.headers.get("Content-Encoding") == "gzip":
            payload = gzip.compress(payload)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self._send(payload if reply.cut is None else payload[: reply.cut], reply.trickle)
        self.close_connection = reply.cut is not None

    def _send(self, payload: bytes, trickle: float) -> None:
        if not trickle:
            self.wfile.write(payload)
            return
        for byte in payload:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(trickle)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""
