"""Probing while something else happens: what is sent, for which phase it counts, and what is told meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from kubectl_istio_upgrade.adapters.probing import prober as probing
from kubectl_istio_upgrade.adapters.probing.prober import ThreadedProber, Watch
from kubectl_istio_upgrade.models.probes import BEFORE, Pace, PhaseCount, ProbeCount
from tests.support.web import Web, status

OFTEN = Pace(interval=0.02, timeout=0.5)


def prober(*urls: str, commands: tuple[str, ...] = (), tell: Callable[[str], None] = lambda _: None) -> ThreadedProber:
    return ThreadedProber.of(urls, commands, OFTEN, may_fail=False, tell=tell)


def wait(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def only(watch: Watch) -> ProbeCount:
    (count,) = watch.counts()
    return count


def test_without_probes_nothing_runs_and_nothing_waits() -> None:
    before = threading.active_count()
    with prober().running() as watch:
        assert threading.active_count() == before
        assert watch.observe(5) == watch.counts() == ()


def test_requests_go_out_at_the_rate_that_was_asked_for_until_the_end() -> None:
    started = time.monotonic()  # the first request is sent once it runs, maybe before its caller goes on
    with Web(status(200)) as web, prober(web.url).running() as watch:
        (count,) = watch.observe(25)
        took = time.monotonic() - started
        assert (count.sent, count.failed) == (25, 0)
        assert 24 * OFTEN.interval <= took < 3 * 24 * OFTEN.interval
    sent = len(web.requests)
    time.sleep(5 * OFTEN.interval)
    assert len(web.requests) == sent
    assert not any(thread.name.startswith("probe") for thread in threading.enumerate())


def test_every_probe_is_counted_for_itself_in_the_order_of_the_command_line() -> None:
    with (
        Web(status(200)) as good,
        Web(status(503)) as bad,
        prober(bad.url, good.url, commands=("false",)).running() as watch,
    ):
        counts = watch.observe(3)
    assert [count.probe.name for count in counts] == [bad.url, good.url, "false"]
    assert [count.failed > 0 for count in counts] == [True, False, True]
    assert [count.last.reason for count in counts if count.last] == ["status 503", "exit status 1"]


def test_a_failure_ends_the_waiting_for_more_answers() -> None:
    with Web(status(503)) as web, prober(web.url).running() as watch:
        started = time.monotonic()
        (count,) = watch.observe(10_000)
        assert time.monotonic() - started < 2
        assert count.failed >= 1


def test_a_request_counts_for_the_phase_in_which_it_was_sent() -> None:
    with Web(None) as web, prober(web.url).running() as watch:
        wait(lambda: len(web.requests) == 1)
        watch.phase("writing")
        web.answer = status(200)
        (count,) = watch.observe(1)
    assert count.phases[0] == PhaseCount(BEFORE, 1, 1)
    assert count.phases[1].phase == "writing"
    assert count.phases[1].failed == 0
    assert count.first is not None
    assert count.first.phase == BEFORE


def test_an_outage_is_counted_measured_and_told_as_it_begins_and_ends() -> None:
    told: list[str] = []
    with Web(status(200)) as web, prober(web.url, tell=told.append).running() as watch:
        watch.observe(3)
        watch.phase("writing")
        web.close()
        wait(lambda: only(watch).failed >= 5)
        time.sleep(0.3)
        web.open()
        watch.phase("after")
        wait(lambda: len(told) == 2)
        count = only(watch)
    assert count.during(BEFORE).failed == 0
    assert count.during("writing").failed >= 5
    assert count.first
    assert count.last
    assert (count.first.phase, count.first.reason) == ("writing", "connection refused")
    assert count.first.at < count.last.at
    assert 0.3 <= count.longest_gap < 3
    assert told[0].startswith(f"probe {web.url} fails since ")
    assert told[0].endswith("Z: connection refused")
    assert told[1].startswith(f"probe {web.url} answers again at ")


def test_the_gap_is_open_until_an_answer_comes() -> None:
    with Web(None) as web, prober(web.url).running() as watch:
        time.sleep(0.2)
        assert only(watch).sent == 0
        assert only(watch).longest_gap >= 0.2


def test_the_first_failures_are_not_told_twice() -> None:
    told: list[str] = []
    with Web(status(503)) as web, prober(web.url, tell=told.append).running() as watch:
        watch.observe(1)
    assert told == []


def test_a_slow_answer_delays_the_next_request_and_nothing_is_made_up_for() -> None:
    times: list[float] = []

    @dataclass
    class Slow:
        lengths: list[float] = field(default_factory=lambda: [0.3])

        def __call__(self) -> str:
            times.append(time.monotonic())
            time.sleep(self.lengths.pop() if self.lengths else 0)
            return ""

    with replaced(Slow()), prober(commands=("true",)).running() as watch:
        watch.observe(6)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[0] >= 0.3
    assert min(gaps[1:]) >= OFTEN.interval * 0.5


def test_a_bug_in_a_thread_is_not_waited_for_in_vain() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with replaced(broken), prober(commands=("true",)).running() as watch, pytest.raises(ZeroDivisionError):
        watch.observe(1)


@contextmanager
def replaced(ask: Callable[[], str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "asking", lambda _probe, _pace: ask)
        yield
