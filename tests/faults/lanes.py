"""Several control planes side by side, each with a bench, all working off one list of cases."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from tests.controlplane.plane import ControlPlane

from .bench import Bench
from .cases import Case, Recording, Run
from .verdict import Row


class Lanes:
    """As many benches as asked for; a context manager."""

    def __init__(self, count: int, make: Callable[[ControlPlane, Path], Bench] = Bench) -> None:
        """Nothing runs before the `with` block."""
        self._count = count
        self._make = make
        self._open = ExitStack()
        self._benches: list[Bench] = []

    def __enter__(self) -> Lanes:
        for _ in range(self._count):
            plane = self._open.enter_context(ControlPlane("api"))
            folder = plane.folder / "faults"
            folder.mkdir()
            self._benches.append(self._open.enter_context(closing(self._make(plane, folder))))
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def record(self, runs: Sequence[Run]) -> dict[Run, Recording]:
        """What each of them goes through."""
        return {run: self._benches[0].record(run) for run in runs}

    def run(self, cases: Iterable[Case]) -> Iterator[Row]:
        """The row of every case, as they are ready."""
        todo: queue.SimpleQueue[Case] = queue.SimpleQueue()
        for case in cases:
            todo.put(case)
        expected = todo.qsize()
        rows: queue.SimpleQueue[Row | BaseException] = queue.SimpleQueue()
        with ThreadPoolExecutor(self._count) as pool:
            for bench in self._benches:
                pool.submit(_work, bench, todo, rows)
            for _ in range(expected):
                row = rows.get()
                if isinstance(row, BaseException):
                    _drain(todo)
                    raise row
                yield row


def _work(bench: Bench, todo: queue.SimpleQueue[Case], rows: queue.SimpleQueue[Row | BaseException]) -> None:
    while True:
        try:
            case = todo.get_nowait()
        except queue.Empty:
            return
        try:
            rows.put(bench.run(case))
        except BaseException as error:  # noqa: BLE001 - raised again by the consumer
            error.add_note(f"in case {case}")
            rows.put(error)
            return


def _drain(todo: queue.SimpleQueue[Case]) -> None:
    while not todo.empty():
        todo.get_nowait()
