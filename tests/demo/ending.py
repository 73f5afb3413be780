"""Ending early without leaving anything behind: Ctrl-C, SIGTERM and a closed terminal are one exception."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 5.0


def interruptible() -> None:
    """Let the first signal raise KeyboardInterrupt. Whatever comes after it does not disturb the clean-up."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def uninterruptible() -> None:
    """Ignore the signals from now on: the clean-up has begun."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    uninterruptible()
    raise KeyboardInterrupt


@contextlib.contextmanager
def ended_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process that leads its own session, and all that it has started, if the block is left early."""
    try:
        yield
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            return
