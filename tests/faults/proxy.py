"""Spoils one request, in one way, between the product and the API server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.controlplane.access import Access
from tests.support.relay import Answered, Exchange, Relay

from .points import Class, Counting, Name, name_of

SLOW = 0.5
TOO_SLOW = 6.0
"""Seconds by which an answer is late; the second is more than the `--request-timeout` that is passed with it."""


class Spoil(StrEnum):
    """What goes wrong."""

    CONFLICT = "409"
    EXPIRED = "410"
    THROTTLED = "429"
    FAILING = "500"
    UNAVAILABLE = "503"
    RESET_BEFORE = "reset-before"
    RESET_AFTER = "reset-after"
    SLOW = "slow"
    TOO_SLOW = "too-slow"
    TRUNCATED = "truncated"
    CUT = "cut"
    STALE = "stale"
    DOWN = "down"


@dataclass(frozen=True)
class Way:
    """One row: what is done to the request, and what it stands for."""

    why: str
    act: Callable[[Exchange, FaultProxy], None]
    lasts: bool = False
    """It goes on until the command has ended."""


@dataclass(frozen=True)
class Fault:
    """Which request is spoiled, and how."""

    spoil: Spoil
    at: str
    """A name of `points`, numbered."""


class FaultProxy(Relay):
    """Passes everything on but for the one request that the fault names."""

    def __init__(self, plane: Access) -> None:
        self.stale_version = ""
        """The resource version at which a stale list is answered."""
        self.begin(None)
        super().__init__(plane)

    def begin(self, fault: Fault | None) -> None:
        """From now on, count anew and do this."""
        self.seen: dict[str, Class] = {}
        """The requests of this run, by their numbered names."""
        self.struck = threading.Event()
        """Set when the fault has happened."""
        self._fault = fault
        self._counting = Counting()

    def handle(self, exchange: Exchange) -> None:
        asked = exchange.asked
        name: Name = name_of(asked.method, asked.target, asked.body)
        numbered = self._counting.numbered(name.text)
        self.seen[numbered] = name.kind
        fault = self._fault
        if fault and (fault.at == numbered or (self.struck.is_set() and WAYS[fault.spoil].lasts)):
            self.struck.set()
            WAYS[fault.spoil].act(exchange, self)
        else:
            exchange.reply(exchange.forward())


def _refuse(code: int, reason: str, **headers: str) -> Callable[[Exchange, FaultProxy], None]:
    """Answer for the API server, which never hears of the request."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    payload = json.dumps({**status, "message": f"spoiled: {reason}"}).encode()
    given = (("Content-Type", "application/json"), *((name.replace("_", "-"), text) for name, text in headers.items()))
    return lambda exchange, _: exchange.reply(Answered(code, payload, given))


def _reset_after(exchange: Exchange, _: FaultProxy) -> None:
    exchange.forward()
    exchange.reset()


def _late(seconds: float) -> Callable[[Exchange, FaultProxy], None]:
    def act(exchange: Exchange, _: FaultProxy) -> None:
        answered = exchange.forward()
        time.sleep(seconds)
        exchange.reply(answered)

    return act


def _truncate(exchange: Exchange, _: FaultProxy) -> None:
    answered = exchange.forward()
    exchange.reply(answered, cut=len(answered.payload) // 2)


def _cut(exchange: Exchange, _: FaultProxy) -> None:
    answered = exchange.forward()
    exchange.reply(Answered(answered.status, answered.payload[: len(answered.payload) // 2], answered.headers))


def _stale(exchange: Exchange, proxy: FaultProxy) -> None:
    """What a cache would say that has not moved since."""
    url = urlsplit(exchange.asked.target)
    query = dict(parse_qsl(url.query)) | {"resourceVersion": proxy.stale_version, "resourceVersionMatch": "Exact"}
    exchange.reply(exchange.forward(url._replace(query=urlencode(query)).geturl()))


WAYS: Mapping[Spoil, Way] = {
    Spoil.CONFLICT: Way("somebody else was faster", _refuse(409, "Conflict")),
    Spoil.EXPIRED: Way("a compaction came in between", _refuse(410, "Expired")),
    Spoil.THROTTLED: Way("priority and fairness", _refuse(429, "TooManyRequests", Retry_After="1")),
    Spoil.FAILING: Way("etcd has no leader", _refuse(500, "InternalError")),
    Spoil.UNAVAILABLE: Way("a load balancer without a backend", _refuse(503, "ServiceUnavailable")),
    Spoil.RESET_BEFORE: Way("the server died before it acted", lambda exchange, _: exchange.reset()),
    Spoil.RESET_AFTER: Way("the server acted and died", _reset_after),
    Spoil.SLOW: Way("a busy server", _late(SLOW)),
    Spoil.TOO_SLOW: Way("the server acted, and its answer came too late", _late(TOO_SLOW)),
    Spoil.TRUNCATED: Way("the connection broke in the middle of the answer", _truncate),
    Spoil.CUT: Way("a proxy passed on half an answer as a whole one", _cut),
    Spoil.STALE: Way("a cache answered with what was", _stale),
    Spoil.DOWN: Way("the server is gone from here on", lambda exchange, _: exchange.reset(), lasts=True),
}
"""Every way in which a request is spoiled."""
