"""Run one function over many arguments in a few threads; results as they arrive, never many in memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

A = TypeVar("A")
R = TypeVar("R")


class _Raised(NamedTuple):
    exception: BaseException


def as_they_arrive(
    function: Callable[[A], R], arguments: Iterable[A], workers: int, cancelled: threading.Event
) -> Iterator[tuple[A, R]]:
    """Yield (argument, result) in the order in which results arrive.

    At most twice as many results as workers exist at once, so a slow consumer does not fill the memory. The first
    exception is raised here. It, or the end of the iteration for any other reason, sets `cancelled`: nothing more is
    started, and a call in progress may look at the event. Threads are daemons, unlike those of `concurrent.futures`:
    a server that never answers must not keep Ctrl-C from ending the program.
    """
    todo: queue.SimpleQueue[A] = queue.SimpleQueue()
    for argument in arguments:
        todo.put(argument)
    expected = todo.qsize()
    done: queue.Queue[tuple[A, R | _Raised]] = queue.Queue(maxsize=workers)
    for number in range(min(workers, expected)):
        name = f"parallel-{number}"
        threading.Thread(target=_work, args=(function, todo, done, cancelled), name=name, daemon=True).start()
    try:
        for _ in range(expected):
            argument, outcome = done.get()
            if isinstance(outcome, _Raised):
                raise outcome.exception
            yield argument, outcome
    finally:
        cancelled.set()
        _drain(done)


def _work(
    function: Callable[[A], R],
    todo: queue.SimpleQueue[A],
    done: queue.Queue[tuple[A, R | _Raised]],
    cancelled: threading.Event,
) -> None:
    while not cancelled.is_set():
        try:
            argument = todo.get_nowait()
        except queue.Empty:
            return
        outcome: R | _Raised
        try:
            outcome = function(argument)
        except BaseException as exc:  # noqa: BLE001 - raised again by the consumer, which would wait for ever without
            outcome = _Raised(exc)
        done.put((argument, outcome))


def _drain(done: queue.Queue[tuple[A, R | _Raised]]) -> None:
    """Make room: each worker puts at most one more result, and then sees that it was cancelled."""
    while True:
        try:
            done.get_nowait()
        except queue.Empty:
            return
