"""Probing while something else happens: a thread for each probe, and one count for all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ...models.probes import BEFORE, Pace, PhaseCount, Probe, ProbeCount, ProbeFailure
from .asking import Ask, asking
from .targets import probes_of

_LOOK = 0.5
"""Seconds between looks at whether the threads are all right, while waiting for answers."""


@dataclass
class ThreadedProber:
    """Implements `ports.Prober`."""

    probes: Sequence[Probe]
    pace: Pace
    may_fail: bool
    tell: Callable[[str], None]
    """Hears when a probe begins to fail after the beginning, and when it answers again."""

    @classmethod
    def of(
        cls, urls: Sequence[str], commands: Sequence[str], pace: Pace, *, may_fail: bool, tell: Callable[[str], None]
    ) -> ThreadedProber:
        """From the command line's own words. Raises UsageError."""
        return cls(probes_of(urls, commands), pace, may_fail, tell)

    @contextmanager
    def running(self) -> Iterator[Watch]:
        """See `Prober`. What is on its way at the end is waited for, and not counted."""
        watch = Watch([_Tally(ProbeCount(probe), asking(probe, self.pace)) for probe in self.probes], self)
        if not self.probes:
            yield watch
            return
        with ThreadPoolExecutor(len(self.probes), "probe") as threads:
            try:
                watch.begin(threads)
                yield watch
            finally:
                watch.stop()


@dataclass
class _Tally:
    """One probe, how it is asked, and what came of it."""

    count: ProbeCount
    ask: Ask
    answered: float = 0.0
    """When the last answer came that was no failure."""
    failing: bool = False

    def add(self, sent: datetime, phase: str, failure: str, now: float) -> ProbeCount:
        """Count one request."""
        if failure:
            last = ProbeFailure(sent, phase, failure)
            self.count = replace(self.count, first=self.count.first or last, last=last)
        else:
            self.count = replace(self.count, longest_gap=max(self.count.longest_gap, now - self.answered))
            self.answered = now
        was = self.count.during(phase)
        now_is = PhaseCount(phase, was.sent + 1, was.failed + bool(failure))
        kept = tuple(now_is if each.phase == phase else each for each in self.count.phases)
        self.count = replace(self.count, phases=kept if was in self.count.phases else (*kept, now_is))
        return self.count


@dataclass
class Watch:
    """Implements `ports.Watch`."""

    tallies: list[_Tally]
    prober: ThreadedProber
    _phase: str = BEFORE
    _stopped: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[Future[None]] = field(default_factory=list)

    def phase(self, name: str) -> None:
        """See `Watch`."""
        with self._changed:
            self._phase = name

    def counts(self) -> tuple[ProbeCount, ...]:
        """See `Watch`."""
        with self._changed:
            now = time.monotonic()
            return tuple(
                replace(each.count, longest_gap=max(each.count.longest_gap, now - each.answered))
                for each in self.tallies
            )

    def observe(self, requests: int) -> tuple[ProbeCount, ...]:
        """See `Watch`."""
        with self._changed:
            while not all(self._seen(each.count.during(self._phase), requests) for each in self.tallies):
                self._changed.wait(_LOOK)
                for thread in self._threads:
                    if thread.done():
                        thread.result()
        return self.counts()

    @staticmethod
    def _seen(count: PhaseCount, requests: int) -> bool:
        return count.failed > 0 or count.sent >= requests

    def begin(self, threads: ThreadPoolExecutor) -> None:
        """Start the clock, and a thread for each probe."""
        now = time.monotonic()
        for tally in self.tallies:
            tally.answered = now
            self._threads.append(threads.submit(self._ask_on, tally))

    def stop(self) -> None:
        """No more requests."""
        self._stopped.set()

    def _ask_on(self, tally: _Tally) -> None:
        due = time.monotonic()
        while not self._stopped.wait(max(0.0, due - time.monotonic())):
            interval, late = self.prober.pace.interval, time.monotonic() - due
            due += interval if late < interval else interval + late  # what was missed is not made up for
            self._ask(tally)

    def _ask(self, tally: _Tally) -> None:
        with self._changed:
            phase, sent = self._phase, datetime.now(UTC)
        failure = tally.ask()
        with self._changed:
            if self._stopped.is_set():
                return
            tally.add(sent, phase, failure, time.monotonic())
            turned, tally.failing = bool(failure) is not tally.failing, bool(failure)
            self._changed.notify_all()
        if turned and phase != BEFORE:
            self.prober.tell(_turn(tally.count, sent, failure))


def _turn(count: ProbeCount, sent: datetime, failure: str) -> str:
    what = f"fails since {sent:%H:%M:%S}Z: {failure}" if failure else f"answers again at {sent:%H:%M:%S}Z"
    return f"probe {count.probe.name} {what}"
