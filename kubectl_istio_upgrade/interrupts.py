"""Ctrl-C and SIGTERM: when they stop what is going on, when they wait a moment, and when they come too late.

Signals are of the process, and so is what is kept here. Where nobody listens (a program that uses this package), Ctrl-C
is Python's own and everything here lets it pass.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial


@dataclass
class _Process:
    holding: int = 0
    """Blocks that are not to be interrupted."""
    waiting: bool = False
    """Whether one has arrived in such a block."""
    late: bool = False
    once: bool = False
    """Whether one more is let through, though it is late."""
    unfinished: str = ""


_process = _Process()

_WAKING = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds between the times that the main thread is woken."""


def listen() -> None:
    """Take SIGTERM and Ctrl-C from now on: ended from outside is the same as interrupted, the way back on record."""
    signal.signal(signal.SIGTERM, _arrive)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else nohup or the like keeps it from us
        signal.signal(signal.SIGINT, _arrive)
    _keep_awake()


def _keep_awake() -> None:
    """See to it that what arrives is noticed by a main thread that waits for a server which may never answer.

    Python only notes a signal down, for the main thread to act on between two of its own instructions. One that arrives
    just before that thread begins to wait, or is delivered to another thread, ends no waiting: seen in one of two
    hundred runs on a busy machine. SIGURG does, and means nothing to anybody, so Go's runtime has chosen it, too.
    """
    if sys.platform != "win32":  # where no thread can be sent a signal
        arrived, noted = os.pipe()
        os.set_blocking(noted, False)
        signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
        signal.signal(signal.SIGURG, lambda _signal, _frame: None)
        wake = partial(signal.pthread_kill, threading.get_ident(), signal.SIGURG)
        threading.Thread(target=_go_on_waking, args=(arrived, int(signal.SIGURG), wake), daemon=True).start()


def _go_on_waking(arrived: int, own: int, wake: Callable[[], None]) -> None:
    """Wake for each signal that arrives, but for those that wake."""
    while number := os.read(arrived, 1):
        if number[0] != own:
            for pause in _WAKING:
                time.sleep(pause)
                wake()


def _arrive(_signal: int, _frame: object) -> None:
    if _process.once:
        _process.once = False
    elif _process.late:
        return
    elif _process.holding:
        _process.waiting = True
        return
    raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """What arrives in this block comes as KeyboardInterrupt at its end. For what takes a moment, and no network.

    What is given tells whether one has arrived. An error of the block goes before it.
    """
    _process.holding += 1
    try:
        yield lambda: _process.waiting
    finally:
        _process.holding -= 1
        if not _process.holding:
            waiting, _process.waiting = _process.waiting, False
    if not _process.holding and waiting and not _process.late:
        raise KeyboardInterrupt


@contextmanager
def cut_short() -> Iterator[None]:
    """Let one through, even a late one: for what may take long at the end, and can be done without."""
    _process.once = True
    try:
        yield
    finally:
        _process.once = False


def begin(unfinished: str) -> None:
    """From now on something may change. `unfinished`: what comes next if it does not come to its end."""
    _process.unfinished = unfinished


def end() -> None:
    """It has ended, on record, and how: nothing that arrives from now on can change that, or hides it."""
    _process.late, _process.unfinished = True, ""


def admit() -> None:
    """Something begins that may be interrupted."""
    _process.late = False


def unfinished() -> str:
    """What comes next for what has begun and has not ended; "" when there is no such thing."""
    return _process.unfinished
