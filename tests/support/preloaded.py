"""The product in a process of its own, forked from one that has imported it already.

Most of the time of a command is Python reading libraries, and the tests run thousands of commands. What is forked has
imported all of them and done nothing else; from the command line on everything is as in the console script: its own
environment, folder, streams, threads and end. What a start itself does is tested with real ones
(`tests/cli/test_startup.py`), and so is whatever is interrupted, or has a locale or a Python of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

HARMLESS = frozenset({"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"})
"""Variables of Python's that change nothing of what a command does."""


def is_for(environment: Mapping[str, str]) -> bool:
    """Whether a start with this environment would find the same program: UTF-8, git, and no orders for Python."""
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG", "")
    orders = {name for name in environment if name.startswith("PYTHON")} - HARMLESS
    has_git = shutil.which("git", path=environment.get("PATH", "")) is not None
    is_utf8 = not locale or locale.upper().replace("-", "").endswith("UTF8")  # without any Python takes UTF-8
    return is_utf8 and not orders and has_git


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    stdin: str | None = None,
    before: str = "",
    timeout: float,
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error. Raises TimeoutExpired, and leaves nothing running.

    `before` is a module whose `watch` is called in the new process before the command is.
    """
    heard = [_Heard(), _Heard()]
    streams = (_given(stdin), *(each.write_end for each in heard))
    started = start(arguments, environment, streams, folder=folder, before=before)
    for stream in streams:
        os.close(stream)
    code = started.wait(timeout)
    out, err = (each.text() for each in heard)
    return code, out, err


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: Sequence[int],
    *,
    folder: Path | None = None,
    before: str = "",
) -> Started:
    """Start with these three for its input, output and errors; a terminal becomes its own, as a login shell has it."""
    script = str(Path(sys.executable).with_name("kubectl-istio_upgrade"))
    place = str(folder or Path.cwd())
    order = {"arguments": [script, *arguments], "environment": dict(environment), "folder": place, "before": before}
    link = socket.socket(socket.AF_UNIX)
    link.connect(_server())
    socket.send_fds(link, [json.dumps(order).encode() + b"\n"], list(streams))
    return Started(tuple(arguments), link)


class Started:
    """A command that has been forked. Two lines come of it: the process's id, and its exit code."""

    def __init__(self, arguments: tuple[str, ...], link: socket.socket) -> None:
        self._arguments, self._link = arguments, link
        self._answers = link.makefile("r")
        self._pid = int(self._answers.readline())
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal. Raises TimeoutExpired, and then it is no more."""
        if self._code is None:
            self._link.settimeout(timeout)
            try:
                self._code = int(self._answers.readline())
            except TimeoutError:
                os.killpg(self._pid, 9)
                raise subprocess.TimeoutExpired([*self._arguments], timeout or 0) from None
            finally:
                self._answers.close()
                self._link.close()
        return self._code

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, 9)


class _Heard:
    """What comes out of a pipe."""

    def __init__(self) -> None:
        read_end, self.write_end = os.pipe()
        self._content = b""
        self._reader = threading.Thread(target=self._read, args=(os.fdopen(read_end, "rb"),), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            self._content = stream.read()

    def text(self) -> str:
        self._reader.join()
        return self._content.decode()


def _given(stdin: str | None) -> int:
    if stdin is None:
        return os.open(os.devnull, os.O_RDONLY)
    read_end, write_end = os.pipe()
    threading.Thread(target=_write, args=(write_end, stdin.encode()), daemon=True).start()
    return read_end


def _write(end: int, content: bytes) -> None:
    try:
        with os.fdopen(end, "wb") as stream:
            stream.write(content)
    except BrokenPipeError:
        pass  # it did not want to read


def _close(process: subprocess.Popen[bytes], folder: str) -> None:
    process.communicate()
    shutil.rmtree(folder, ignore_errors=True)


@cache
def _server() -> str:
    """Where the process listens that has imported everything; it ends with this one."""
    folder = tempfile.mkdtemp(prefix="preloaded-")
    address = f"{folder}/socket"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.preloading", address],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin
    assert process.stdout
    atexit.register(_close, process, folder)
    if not process.stdout.readline():
        raise AssertionError(f"the process that imports the product ended with {process.wait()}")
    return address
