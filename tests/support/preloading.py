"""`python -m tests.support.preloading SOCKET`: import the product, and become it for all who ask. See `preloaded`."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import random
import selectors
import signal
import socket
import sys
import termios
import threading
import traceback
from io import TextIOWrapper
from typing import Any

import kubectl_istio_upgrade

LIBRARIES = ("git", "kubernetes.config", "rich.console", "rich.progress", "rich.table", "rich.text", "yaml")
"""What its modules import only when they need it, and most commands do."""


def main(address: str) -> None:
    """Serve until whoever started this has gone. In a child this returns to become the command."""
    for module in pkgutil.walk_packages(kubectl_istio_upgrade.__path__, "kubectl_istio_upgrade."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    order = _serve(address)
    if order is not None:
        _become(order)


def _serve(address: str) -> dict[str, Any] | None:
    """The order, in a child; None at the end."""
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for source in (listener, woken, 0):
            selector.register(source, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:
                    return None
                if key.fd == woken:
                    os.read(woken, 4096)
                    _tell_ends(running)
                elif (order := _fork(listener.accept()[0], running)) is not None:
                    return order


def _fork(link: socket.socket, running: dict[int, socket.socket]) -> dict[str, Any] | None:
    content, streams, _, _ = socket.recv_fds(link, 1 << 20, 3)
    while not content.endswith(b"\n"):
        content += link.recv(1 << 20)
    pid = os.fork()
    if pid:
        for stream in streams:
            os.close(stream)
        running[pid] = link
        _tell(link, pid)
        return None
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    for other in (link, *running.values()):
        other.close()
    order: dict[str, Any] = json.loads(content)
    return order


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """To whoever waits, as `subprocess` says it: negative for a signal."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as link:
            _tell(link, os.waitstatus_to_exitcode(status))


def _tell(link: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # whoever asked has given up; others have not
        link.sendall(f"{number}\n".encode())


def _become(order: dict[str, Any]) -> None:
    """The console script, from here on."""
    os.setsid()
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # with the terminal as the controlling one, Ctrl-C becomes a signal
    random.seed()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = order["arguments"]
    sys.stdin = TextIOWrapper(os.fdopen(0, "rb", closefd=False), "utf-8")
    sys.stdout = TextIOWrapper(os.fdopen(1, "wb", closefd=False), "utf-8")
    sys.stderr = TextIOWrapper(os.fdopen(2, "wb", closefd=False), "utf-8", "backslashreplace", write_through=True)
    if order["before"]:
        importlib.import_module(order["before"]).watch()
    _leave(_code())


def _code() -> int:
    from kubectl_istio_upgrade.cli.main import run

    try:
        run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the end of the program
        traceback.print_exc()
        return 1
    return 0


def _leave(code: int) -> None:
    """As Python ends, but for taking every module apart, which takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
