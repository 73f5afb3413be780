"""Several control planes side by side, each with a bench, all working off one list of cases.

Each lane is a process of its own: what a bench does in Python, passing requests on and comparing objects, would wait
for the other lanes in one.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any, TypeVar

from tests.controlplane.plane import ControlPlane

from .bench import Bench
from .cases import Case, Recording, Run
from .verdict import Row

Question = TypeVar("Question", Run, Case)
Answer = TypeVar("Answer", Recording, Row)


class Lanes:
    """As many benches as asked for; a context manager."""

    def __init__(self, count: int) -> None:
        """Nothing runs before the `with` block."""
        self._count = count
        self._open = ExitStack()
        self._lanes: list[_Lane] = []

    def __enter__(self) -> Lanes:
        with ExitStack() as opening:
            self._lanes = [opening.enter_context(closing(_Lane())) for _ in range(self._count)]
            for lane in self._lanes:
                lane.heard()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def record(self, runs: Sequence[Run]) -> dict[Run, Recording]:
        """What each of them goes through."""
        found = dict(self._answers(_Lane.record, runs))
        return {run: found[run] for run in runs}

    def run(self, cases: Iterable[Case]) -> Iterator[Row]:
        """The row of every case, as they are ready."""
        for _, row in self._answers(_Lane.run, cases):
            yield row

    def _answers(
        self, ask: Callable[[_Lane, Question], Answer], questions: Iterable[Question]
    ) -> Iterator[tuple[Question, Answer]]:
        todo: queue.SimpleQueue[Question] = queue.SimpleQueue()
        for question in questions:
            todo.put(question)
        expected = todo.qsize()
        answers: queue.SimpleQueue[tuple[Question, Answer | BaseException]] = queue.SimpleQueue()
        with ThreadPoolExecutor(self._count) as pool:
            for lane in self._lanes:
                pool.submit(_work, lane, ask, todo, answers)
            try:
                for _ in range(expected):
                    question, answer = answers.get()
                    if isinstance(answer, BaseException):
                        raise answer
                    yield question, answer
            finally:  # also after Ctrl-C: what is not begun is left
                _drain(todo)


class LaneError(Exception):
    """What went wrong in a lane, with its traceback."""


class _Lane:
    """A process with a control plane and a bench. It ends with `close`, or with the process that started it."""

    def __init__(self) -> None:
        """Start it; the first `heard` waits until it is ready."""
        context = multiprocessing.get_context("spawn")
        self._link, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,))
        self._process.start()
        theirs.close()

    def record(self, run: Run) -> Recording:
        """As `Bench.record`."""
        self._link.send(("record", run))
        found: Recording = self.heard()
        return found

    def run(self, case: Case) -> Row:
        """As `Bench.run`."""
        self._link.send(("run", case))
        row: Row = self.heard()
        return row

    def heard(self) -> Any:
        """Its next answer."""
        try:
            answer = self._link.recv()
        except EOFError:
            self._process.join()
            raise LaneError(f"it has ended with {self._process.exitcode}") from None
        if isinstance(answer, LaneError):
            raise answer
        return answer

    def close(self) -> None:
        """Let it end what it does, and its control plane."""
        self._link.close()
        self._process.join()


def _serve(link: Any) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for whoever asks: that closes the lanes
    try:
        with ControlPlane("api") as plane:
            folder = plane.folder / "faults"
            folder.mkdir()
            with closing(Bench(plane, folder)) as bench:
                link.send(None)
                while True:
                    method, argument = link.recv()
                    link.send(getattr(bench, method)(argument))
    except (EOFError, BrokenPipeError):
        return
    except BaseException:  # noqa: BLE001 - raised again by whoever asked
        link.send(LaneError(traceback.format_exc()))


def _work(
    lane: _Lane,
    ask: Callable[[_Lane, Question], Answer],
    todo: queue.SimpleQueue[Question],
    answers: queue.SimpleQueue[tuple[Question, Answer | BaseException]],
) -> None:
    while True:
        try:
            question = todo.get_nowait()
        except queue.Empty:
            return
        try:
            answers.put((question, ask(lane, question)))
        except BaseException as error:  # noqa: BLE001 - raised again by the consumer
            error.add_note(f"in {question}")
            answers.put((question, error))
            return


def _drain(todo: queue.SimpleQueue[Any]) -> None:
    with suppress(queue.Empty):
        while True:
            todo.get_nowait()
