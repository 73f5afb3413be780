"""When an answer that is not success is asked for again: one table, one calculation, no hidden retries elsewhere."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from types import MappingProxyType


class Trouble(Enum):
    """What kind of failure it was, as far as asking again is concerned."""

    THROTTLED = "429 with Retry-After: the server refused before it acted, and says when to come back"
    OVERLOADED = "429 without Retry-After, 502, 503 or 504: it may or may not have acted"
    BROKEN = "the connection was reset or the answer broke off: it may or may not have acted"
    FINAL = "anything else: the same request would get the same answer, or nobody answers at all"


WRITES_TOO = frozenset({Trouble.THROTTLED})
"""Retried for every request, because nothing has happened yet. Everything else could write twice."""

READS_ONLY = frozenset({Trouble.OVERLOADED, Trouble.BROKEN})
"""Retried for GET only."""

TROUBLE_BY_STATUS: Mapping[int, Trouble] = MappingProxyType(
    {429: Trouble.OVERLOADED, 502: Trouble.OVERLOADED, 503: Trouble.OVERLOADED, 504: Trouble.OVERLOADED}
)


def trouble_of(status: int, retry_after: float | None) -> Trouble:
    """Classify an HTTP status."""
    if status == 429 and retry_after is not None:
        return Trouble.THROTTLED
    return TROUBLE_BY_STATUS.get(status, Trouble.FINAL)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a `Retry-After` header (a number or a date); None where there is none that can be read."""
    if value is None:
        return None
    try:
        return max(0.0, float(int(value)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long. The default waits out a cold watch cache (a second or two) and a busy server."""

    max_wait: float = 30.0
    """Seconds that one request may spend waiting altogether."""
    max_retries: int = 3
    """Further tries after trouble that came without a time to come back."""
    first_delay: float = 0.25
    """Before the first retry; doubled for each further one. Also the least that a `Retry-After: 0` waits."""
    longest_delay: float = 4.0

    def delay(
        self, trouble: Trouble, *, reads: bool, retries: int, waited: float, retry_after: float | None
    ) -> float | None:
        """Seconds to wait before trying again, or None to give up.

        Half of the backoff is random, so that parallel lists do not come back together.
        """
        if trouble not in WRITES_TOO and not (reads and trouble in READS_ONLY):
            return None
        if trouble is not Trouble.THROTTLED and retries >= self.max_retries:
            return None
        backoff = min(self.longest_delay, self.first_delay * 2 ** min(retries, 16))
        jitter = backoff * random.uniform(0.0, 0.5)  # noqa: S311 - spreads load, guards nothing
        delay = max(retry_after if retry_after is not None else 0.0, backoff / 2) + jitter
        return delay if waited + delay <= self.max_wait else None
