"""What the proxies are for: an application that answers, and somebody who asks it again and again."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 5.0


class _Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        identity = self.headers.get("X-Forwarded-Client-Cert", "")
        body = f"hello {identity}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Hello)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """As a program that ends: its connections end with it."""
        self.shutdown()
        self.server_close()
        for connection in tuple(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class App:
    """The one application behind all server pods; it says who its client is, by the certificate that the proxy saw."""

    def __init__(self) -> None:
        """Answer at once."""
        self._server: _Server | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        """Answer, again on the same port."""
        self._server = _Server(("127.0.0.1", self.port))
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server:
            self._server.end()
            self._server = None


@dataclass(frozen=True)
class Sent:
    """One request."""

    url: str
    at: float
    failure: str
    body: str = ""


@dataclass
class Stream:
    """A steady stream of requests to each URL, each over a connection of its own, counted from start to end."""

    urls: tuple[str, ...]
    interval: float = 0.1
    sent: list[Sent] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Stream:
        """Begin."""
        for url in self.urls:
            thread = threading.Thread(target=self._run, args=(url,), name=f"stream to {url}")
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        """End, and wait for what is on its way."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> list[Sent]:
        """Those that were not answered with 200."""
        return [each for each in self.sent if each.failure]

    def count(self, url: str) -> int:
        """How many have gone to one URL."""
        return sum(1 for each in self.sent if each.url == url)

    def wait(self, condition: Callable[[], bool], timeout: float = 30.0) -> None:
        """Until the stream has shown something."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{len(self.sent)} sent, failed: {self.failed[-3:]}"
            time.sleep(0.05)

    def _run(self, url: str) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due = max(due, time.monotonic() - self.interval) + self.interval
            self.sent.append(get(url))


def get(url: str) -> Sent:
    """Ask once."""
    parts, at = urlsplit(url), time.monotonic()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", parts.path or "/", headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read().decode()
        return Sent(url, at, "" if answer.status == 200 else f"{answer.status} {body}", body)
    except (OSError, http.client.HTTPException) as error:
        return Sent(url, at, f"{type(error).__name__}: {error}")
    finally:
        connection.close()
