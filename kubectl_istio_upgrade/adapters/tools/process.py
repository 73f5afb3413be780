"""Running a program of somebody else's, and ending it with us.

Its environment is ours but for what would change the language or the form of what it prints, and what whoever starts it
does not pass on. It never reads our terminal. What it prints goes line by line to whoever wants to watch, and whole to
the caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...errors import ToolError, ToolTimeoutError

_PLAIN: Mapping[str, str] = {"NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

GRACE = 10.0
"""Seconds that a program has to end itself after SIGTERM, before it is killed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """What it complained of last: a line, or "" when it was silent."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return lines[-1].removeprefix("Error: ").removeprefix("error: ").removeprefix("* ") if lines else ""

    @property
    def complaint(self) -> str:
        """All that it said from its error on, on one line. istioctl begins it in the middle of one."""
        _, found, words = self.err.rpartition("Error: ")
        lines = (line.strip().removeprefix("* ") for line in words.splitlines())
        return "; ".join(line.rstrip(":") for line in lines if line) if found else self.last_words


@dataclass(frozen=True)
class Program:
    """One executable file, and the environment that leads it to the right cluster."""

    path: Path
    environment: Mapping[str, str]
    passed_on: Callable[[str], bool] = lambda _: True
    """Whether it gets this variable of ours."""

    def run(
        self, *arguments: str, stdin: str = "", timeout: float, watch: Callable[[str], None] = lambda _: None
    ) -> Ran:
        """Run to its end, which may be a failure; `watch` sees each line of its stderr as it comes.

        Raises ToolError when it cannot be started, ToolTimeoutError after `timeout` seconds. On Ctrl-C it is asked to
        end, and waited for: nothing of it goes on behind our back.
        """
        try:
            process = self._start(arguments)
        except OSError as error:
            raise ToolError(f"{self.path} cannot be run: {(error.strerror or 'error').lower()}") from error
        heard: list[str] = []
        said: list[str] = []
        readers = [
            threading.Thread(target=_listen, args=(process.stdout, heard, lambda _: None), daemon=True),
            threading.Thread(target=_listen, args=(process.stderr, said, watch), daemon=True),
            threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            shown = " ".join((self.path.name, *arguments[:1]))
            raise ToolTimeoutError(f"{shown} did not end within {timeout:.0f} s") from None
        finally:
            _end(process)
        for reader in readers:
            reader.join(GRACE)
        return Ran(code, "".join(heard), "".join(said))

    @property
    def _inherited(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if self.passed_on(name)}

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        # A session of its own: the terminal's Ctrl-C reaches us alone, and we decide what becomes of it.
        return subprocess.Popen(  # noqa: S603 - a list, no shell; the path is the user's choice
            [str(self.path.absolute()), *arguments],  # a mere name would be looked for on the PATH
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._inherited, **_PLAIN, **self.environment},
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            preexec_fn=_die_with_us if _LIBC is not None else None,  # Windows refuses any
        )


def _die_with_us() -> None:
    """In the child: be killed when we are, so that nothing goes on writing while somebody resumes or takes back.

    Linux has this; elsewhere what was started ends by itself, and `resume` and `abort` had better wait for that.
    """
    if sys.platform == "linux" and _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(stream: IO[str] | None, lines: list[str], watch: Callable[[str], None]) -> None:
    if stream is not None:
        with stream:
            for line in stream:
                lines.append(line)
                watch(line.rstrip())


def _feed(stream: IO[str] | None, text: str) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError), stream:  # it did not want to read; it says why
            stream.write(text)


def _end(process: subprocess.Popen[str]) -> None:
    """The program and whatever it has started: its session is a process group as well, where there are such groups."""
    if process.poll() is None:
        _stop(process, kill=False)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            _stop(process, kill=True)
            process.wait()


def _stop(process: subprocess.Popen[str], *, kill: bool) -> None:
    if sys.platform == "win32":
        process.kill()  # there both are one
    else:
        os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
