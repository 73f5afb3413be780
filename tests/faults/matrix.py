"""The matrix: which faults at which points, enumerated from one run of each command without any."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .cases import Case, Recording, Run, Victim, Way
from .points import Class
from .proxy import Spoil

Choice = Callable[[Sequence[str]], Sequence[str]]


def every(names: Sequence[str]) -> Sequence[str]:
    """All of them."""
    return names


def some(names: Sequence[str]) -> Sequence[str]:
    """The first, the last and the one in the middle."""
    return [names[index] for index in sorted({0, len(names) // 2, len(names) - 1})] if names else []


@dataclass(frozen=True)
class Spoiling:
    """One row: the faults of a class of requests, and at which of them."""

    kind: Class
    choice: Choice
    spoils: tuple[Spoil, ...]
    why: str


SPOILINGS = (
    Spoiling(
        Class.WRITE,
        every,
        (Spoil.CONFLICT, Spoil.UNAVAILABLE, Spoil.RESET_BEFORE, Spoil.RESET_AFTER, Spoil.DOWN),
        "each write is another moment to stop at, and may or may not have happened",
    ),
    Spoiling(
        Class.WRITE,
        some,
        (Spoil.THROTTLED, Spoil.FAILING, Spoil.SLOW, Spoil.TOO_SLOW, Spoil.TRUNCATED, Spoil.CUT),
        "the answer of one write is read as that of another",
    ),
    Spoiling(
        Class.LIST,
        some,
        (
            Spoil.EXPIRED,
            Spoil.THROTTLED,
            Spoil.FAILING,
            Spoil.UNAVAILABLE,
            Spoil.RESET_BEFORE,
            Spoil.SLOW,
            Spoil.TOO_SLOW,
            Spoil.TRUNCATED,
            Spoil.CUT,
            Spoil.STALE,
            Spoil.DOWN,
        ),
        "what a list leaves out looks deleted; every type is listed in the same way",
    ),
    Spoiling(
        Class.READ,
        some,
        (Spoil.FAILING, Spoil.RESET_BEFORE, Spoil.TRUNCATED, Spoil.CUT, Spoil.DOWN),
        "discovery, and single objects on the way",
    ),
    Spoiling(
        Class.TRIAL,
        some,
        (Spoil.CONFLICT, Spoil.THROTTLED, Spoil.FAILING, Spoil.RESET_BEFORE, Spoil.RESET_AFTER, Spoil.CUT, Spoil.DOWN),
        "nothing has changed yet, whatever happens",
    ),
    Spoiling(
        Class.LEASE,
        every,
        (Spoil.CONFLICT, Spoil.FAILING, Spoil.RESET_BEFORE, Spoil.RESET_AFTER, Spoil.DOWN),
        "the lock on the cluster: taken, renewed, given back",
    ),
)

MAY_BE_MISSED = (
    ("fsync-(intent|outcome)-", "threads that write to the journal at the same time share one flush"),
    ("PUT-leases-", "the lease is renewed by runs that take longer"),
    ("GET-(customresourcedefinitions|deployments)-.*@[^1]", "what is waited for is asked as often as it takes"),
    ("GET-apis?\\b.*@[^12]", "the same, of a type that is to be served; the first two readings are a capture each"),
    ("LIST-.*@[^12]", "a definition that has just changed has its objects not at hand: they are asked for again"),
    ("PATCH-customresourcedefinitions-.*@[^1]", "its controllers may write in between, and then ours is sent again"),
    ("restarts?/halfway/.*-deployments-shop-api@1", "what died at the other one of the two had not sent this one yet"),
)
"""Cases whose place not every run comes by, and why: such a case is then one without a fault, and its row says so.
Found by recording the same runs several times."""

_NO_STATE_OF_ITS_OWN = (
    ("(before|after)-fsync-", "SIGKILL leaves files as the kernel has them, flushed or not"),
    ("before-(POST|PUT|PATCH|DELETE)-", "nothing has happened since the intent, or the request before"),
    ("before-append-outcome-", "nothing has happened since the request"),
)
"""Points that leave the same behind as the one before them, and why. An operation dies at these, too; the commands that
end one, of which there are many more cases, do not."""

_STREAM = re.compile(r"inside-stream-(?P<stream>\d+)-piece-(?P<piece>\d+)@1")
_PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where in a stream of fast-import to die: half-way through the piece that is so far in."""
_FEWER_PARTS = (0.0, 0.5, 1.0)
"""The same for what ends an operation: git does not know whose stream it reads."""
_ONE_PART = (0.5,)
"""The same for operations that are not thorough."""


def matrix(recordings: Mapping[Run, Recording]) -> list[Case]:
    """Every case, `resume` and `abort` taking turns."""
    cases = []
    for run, recording in recordings.items():
        found: list[tuple[Spoil | Victim, str]] = [*_spoiled(run, recording), *_killed(run, recording)]
        for number, (fault, at) in enumerate(found):
            cases.append(Case(run, fault, at, (Way.RESUME, Way.ABORT)[number % 2]))
    return cases


def may_be_missed(case: Case) -> bool:
    """Whether the run may end without having come by its place."""
    return any(re.search(pattern, str(case)) for pattern, _ in MAY_BE_MISSED)


def sample(cases: Iterable[Case], size: int, seed: int) -> list[Case]:
    """Some of them, of every kind of fault and place in turn, the same for the same seed."""
    chance = random.Random(seed)
    by_kind: dict[str, list[Case]] = {}
    for case in cases:
        by_kind.setdefault(f"{case.fault}:{case.at.partition('-')[0]}", []).append(case)
    kinds = [chance.sample(group, len(group)) for group in by_kind.values()]
    chance.shuffle(kinds)
    depth = max(map(len, kinds), default=0)
    return [group[turn] for turn in range(depth) for group in kinds if turn < len(group)][:size]


def _spoiled(run: Run, recording: Recording) -> Iterator[tuple[Spoil, str]]:
    """The requests of what ends an operation are those of an operation: `some` of each kind stand for all."""
    first = run.killed_first
    if first and not first.spoiled:
        return
    for row in SPOILINGS if run.operation.is_thorough else SPOILINGS[:1]:
        for spoil in row.spoils:
            for names in _rounds(recording.requests, row.kind):
                for name in some(names) if first else row.choice(names):
                    yield spoil, name


def _rounds(requests: Mapping[str, Class], kind: Class) -> list[list[str]]:
    """The requests of a class, first those that come once, then those that come again: a capture, then the proof."""
    rounds: dict[str, list[str]] = {}
    for name in sorted(name for name, found in requests.items() if found is kind):
        rounds.setdefault(name.rpartition("@")[2], []).append(name)
    return [rounds[number] for number in sorted(rounds, key=int)]


def _killed(run: Run, recording: Recording) -> Iterator[tuple[Victim, str]]:
    streams: dict[str, list[str]] = {}
    at_every_point = run.operation.is_thorough and not run.killed_first
    for point in recording.points:
        if found := _STREAM.fullmatch(point):
            streams.setdefault(found["stream"], []).append(point)
        elif at_every_point or not leaves_what_was_there(point):
            yield Victim.SELF, point
    parts = _PARTS if at_every_point else _FEWER_PARTS if run.operation.is_thorough else _ONE_PART
    for pieces in streams.values():
        chosen = dict.fromkeys(pieces[round(part * (len(pieces) - 1))] for part in parts)
        for victim in Victim:
            for point in chosen:
                yield victim, point


def leaves_what_was_there(point: str) -> bool:
    """Whether dying here is dying at the point before, as far as the mesh and the store know."""
    return any(re.match(pattern, point) for pattern, _ in _NO_STATE_OF_ITS_OWN)
