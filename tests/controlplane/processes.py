"""Child processes that never outlive us, and waiting for them to be ready."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
TAIL_LINES = 25
STOP_SECONDS = 10.0


class TestbedError(Exception):
    """The test bed could not do what was asked; the message says what to look at."""

    __test__ = False


class Process:
    """One program under the supervisor script, with its output in a log file.

    The program and its supervisor are a process group of their own, so that Ctrl-C in a terminal reaches only us and we
    end the programs in order, and so that `kill` hits both and nothing else.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Start the program at once."""
        self.name = name
        self.log = log
        self._command = [sys.executable, "-I", "-S", str(SUPERVISOR), *map(str, command)]
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._restarting = False
        self._popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )

    def restart(self, *flags: str) -> None:
        """End the program and start it again, with another process id; these flags replace the same ones of before."""
        changed = {flag.partition("=")[0]: flag for flag in flags}
        self._command = [changed.get(each.partition("=")[0], each) for each in self._command]
        self._restarting = True
        self.kill()
        self._popen = self._start()
        self._restarting = False

    def running(self) -> bool:
        """Whether the program has not ended yet; one that is being restarted has not."""
        return self._restarting or self._popen.poll() is None

    def stop(self) -> None:
        """End the program politely, and by force if it takes too long."""
        if self._popen.stdin:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the program as a crash would: no clean-up, no released leases."""
        if self.running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(STOP_SECONDS)
        if self._popen.stdin:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def failure(self, what: str) -> TestbedError:
        """An error that names the log and shows its end."""
        return TestbedError(f"{self.name}: {what}; see {self.log}\n{tail(self.log)}")


def wait_until(ready: Callable[[], bool], process: Process, timeout: float = 60.0, interval: float = 0.1) -> None:
    """Wait until `ready`, and fail at once if the process ends meanwhile."""
    deadline = time.monotonic() + timeout
    while not ready():
        if not process.running():
            raise process.failure("ended while starting")
        if time.monotonic() > deadline:
            raise process.failure(f"not ready after {timeout:.0f} s")
        time.sleep(interval)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The end of a log file, indented for an error message."""
    try:
        text = log.read_text(errors="replace")
    except OSError as error:
        return f"  (no log: {error})"
    return "\n".join(f"  {line[:300]}" for line in text.splitlines()[-lines:])


def free_ports(count: int) -> list[int]:
    """Distinct free TCP ports on the loopback interface; all are held until the last is found."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def accepts_connections(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def is_running(pid: int) -> bool:
    """Whether there is such a process, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
