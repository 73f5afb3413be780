"""A pseudo-terminal, with somebody at it who reads and types."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.support import preloaded

from .program import PATIENCE, PROGRAM, Program

COLUMNS = 80
ROWS = 24

CTRL_C = "\x03"

_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
"""As a login does: with the terminal as the controlling one, Ctrl-C becomes a signal."""


_KIND = {"TERM": "xterm-256color"}


class Process(Protocol):
    """What runs at a terminal."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code."""

    def kill(self) -> None:
        """End it."""


@dataclass
class Terminal:
    """What is on the screen, in the order in which it came, escape codes and all."""

    process: Process
    master: int
    seen: str = ""

    @property
    def text(self) -> str:
        """The same without the escape codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen)

    @property
    def prose(self) -> str:
        """The same as one line: where a text is broken depends on how wide the terminal is."""
        return " ".join(self.text.split())

    def wait_for(self, text: str) -> None:
        """Read until this is there."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} did not come:\n{self.seen}"
            assert self._read(0.1), f"it ended without {text!r}:\n{self.seen}"

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(0.1):
            assert time.monotonic() < deadline, f"it does not end:\n{self.seen}"
        return self.process.wait(PATIENCE)

    def _read(self, patience: float) -> bool:
        """Read some; False at the end."""
        if not select.select([self.master], [], [], patience)[0]:
            return True
        try:
            piece = os.read(self.master, 1 << 16)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux: everybody on the other side has gone
                raise
            return False
        self.seen += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)


@contextmanager
def at_terminal(program: Program, *arguments: str, redirect: str = "", columns: int = COLUMNS) -> Iterator[Terminal]:
    """Run a command at a terminal; with `redirect`, its standard output goes into that file."""
    with _opened(columns) as (master, slave):
        out = os.open(redirect, os.O_WRONLY | os.O_CREAT) if redirect else slave
        process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *program.command, *arguments],
            stdin=slave,
            stdout=out,
            stderr=slave,
            env={**program.environment, **_KIND},
            start_new_session=True,
            cwd=program.folder,
        )
        if redirect:
            os.close(out)
        with _attended(process, master, slave) as terminal:
            yield terminal


@contextmanager
def forked_at_terminal(program: Program, *arguments: str, columns: int = COLUMNS) -> Iterator[Terminal]:
    """The same, forked as `preloaded` does it where that makes no difference: for many commands in a row."""
    environment = {**program.environment, **_KIND}
    if program.command != (str(PROGRAM),) or not preloaded.is_for(environment):
        with at_terminal(program, *arguments, columns=columns) as terminal:
            yield terminal
        return
    with _opened(columns) as (master, slave):
        started = preloaded.start(arguments, environment, (slave,) * 3, folder=program.folder)
        with _attended(started, master, slave) as terminal:
            yield terminal


@contextmanager
def _opened(columns: int) -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    try:
        yield master, slave
    finally:
        os.close(master)


@contextmanager
def _attended(process: Process, master: int, slave: int) -> Iterator[Terminal]:
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
