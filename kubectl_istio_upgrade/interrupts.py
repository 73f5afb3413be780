"""Ctrl-C and SIGTERM: when they stop what is going on, when they wait a moment, and when they come too late.

Signals are of the process, and so is what is kept here. Where nobody listens (a program that uses this package), Ctrl-C
is Python's own and everything here lets it pass.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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


def listen() -> None:
    """Take SIGTERM and Ctrl-C from now on: ended from outside is the same as interrupted, the way back on record."""
    signal.signal(signal.SIGTERM, _arrive)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else nohup or the like keeps it from us
        signal.signal(signal.SIGINT, _arrive)


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
