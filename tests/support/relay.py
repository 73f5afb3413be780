"""What stands between the product and the API server, so that a test can watch, hold or spoil the requests."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.controlplane.access import Access

PATIENCE = 60.0
"""Seconds after which the API server counts as hanging."""

_OF_ONE_HOP = ("transfer-encoding", "content-length", "connection")


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answered:
    """An answer, the API server's or somebody else's."""

    status: int
    payload: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Exchange(ABC):
    """One request on its way, and what can be done with it."""

    asked: Asked

    @abstractmethod
    def forward(self, target: str = "") -> Answered:
        """Let the API server act on it, or on the same request of another target."""

    @abstractmethod
    def reply(self, answered: Answered, *, cut: int | None = None) -> None:
        """Answer the product: whole, or so many bytes of what is announced."""

    @abstractmethod
    def reset(self) -> None:
        """Break the connection off without an answer."""


class Relay(ABC):
    """Speaks HTTP to the product and HTTPS to the API server. Each connection has a thread."""

    def __init__(self, plane: Access) -> None:
        self.plane = plane
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.relay = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @abstractmethod
    def handle(self, exchange: Exchange) -> None:
        """See to one request; called by many threads."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def kubeconfig(self, path: Path) -> Path:
        """The administrator's kubeconfig, leading through here."""
        return self.leading_here(self.plane.kubeconfig, path)

    def leading_here(self, kubeconfig: Path, path: Path) -> Path:
        """A copy of a kubeconfig that leads through here."""
        text = kubeconfig.read_text("utf-8")
        lines = [line for line in text.splitlines() if "certificate-authority-data" not in line]
        path.write_text("\n".join(lines).replace(self.plane.server, self.url), "utf-8")
        return path

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    relay: Relay

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what the tests are about."""


class _Handler(BaseHTTPRequestHandler, Exchange):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        plane = self.server.relay.plane
        context = ssl.create_default_context(cafile=str(plane.authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._upstream = http.client.HTTPSConnection("127.0.0.1", plane.state.port, timeout=PATIENCE, context=context)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        self.server.relay.handle(self)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def forward(self, target: str = "") -> Answered:
        asked = self.asked
        self._upstream.request(asked.method, target or asked.target, asked.body or None, asked.headers)
        answer = self._upstream.getresponse()
        headers = ((name, value) for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP)
        return Answered(answer.status, answer.read(), tuple(headers))

    def reply(self, answered: Answered, *, cut: int | None = None) -> None:
        self.send_response(answered.status)
        for name, value in answered.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answered.payload)))
        self.end_headers()
        self.wfile.write(answered.payload[:cut])
        if cut is not None:
            self.close_connection = True

    def reset(self) -> None:
        """By RST, as a load balancer does that loses its backend."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Quiet."""
