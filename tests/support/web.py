"""A small web server on the loopback interface whose answers a test decides."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

Answer = Callable[[socket.socket], None]


def says(text: str) -> Answer:
    """Send this, and hang up."""
    return lambda connection: connection.sendall(text.encode())


def status(code: int, body: str = "hello") -> Answer:
    """A whole answer."""
    return says(f"HTTP/1.1 {code} Whatever\r\nContent-Length: {len(body)}\r\nLocation: /elsewhere\r\n\r\n{body}")


def drips(connection: socket.socket) -> None:
    """An answer whose bytes come one by one, each in time, and never end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b".")
        time.sleep(0.05)


class Web:
    """Answers every request in the same way, until told another."""

    def __init__(self, answer: Answer | None = None) -> None:
        """Listen at once; without an answer, let requests hang."""
        self.answer = answer
        self.requests: list[str] = []
        self._listener: socket.socket | None = None
        self._ended = threading.Event()
        self.port = 0
        self.open()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def open(self) -> None:
        """Listen, again on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections."""
        if self._listener:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in accept
            self._listener.close()
            self._listener = None

    def __enter__(self) -> Web:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        self._ended.set()
        self.close()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._reply, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self.requests.append(connection.recv(65536).decode(errors="replace"))
            if self.answer is None:
                self._ended.wait()
            else:
                self.answer(connection)
