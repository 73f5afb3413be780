"""What a case came to, judged by all objects of the cluster and by what the product said of them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.mesh.comparison import Comparison, Dump, compare, recreated

from .cases import Case, Run, Way
from .matrix import may_be_missed

DONE, REFUSED, INCOMPLETE, CLUSTER, STORE, INTERRUPTED = 0, 3, 4, 5, 6, 130
"""The product's exit codes, as its README has them."""

KILLED = -9

NOTHING_CHANGED = (REFUSED, CLUSTER, STORE, INTERRUPTED)
"""Those that promise it."""

TARGET, BEFORE = "target", "before"


@dataclass(frozen=True)
class Unfinished:
    """What `status` says of an operation that has not ended."""

    id: str
    written: int
    planned: int


@dataclass(frozen=True)
class Row:
    """One case, run."""

    case: Case
    met: bool
    """The fault struck. Where `matrix.MAY_BE_MISSED` does not allow for one that did not, the row is wrong."""
    found: str
    """The state after the fault."""
    command: str
    """What was run then; "" where nothing had to be."""
    end: str
    seconds: float
    problems: tuple[str, ...] = ()
    said: str = field(default="", compare=False)
    """The last words of the product, for whoever looks into a wrong row."""


@dataclass(frozen=True)
class Ends:
    """The only two states in which a case may end."""

    before: Dump
    target: Dump
    recreated: frozenset[str] = frozenset()
    """What may be another object than it was, under the same name: it cannot be changed in place."""
    staying: frozenset[str] = frozenset()
    """What may be there though it was not."""
    seen: Callable[[Dump], Dump] = lambda now: now
    """How a state is looked at: with the times in it made one."""

    def reached(self, now: Dump) -> str:
        """`target`, `before`, or what is different from the one that is nearer."""
        now = self.seen(now)
        differences: dict[str, list[str]] = {}
        for name, state in self._states():
            differences[name] = self._differences(state, now)
            if not differences[name]:
                return name
        name = min(differences, key=lambda each: len(differences[each]))
        return f"neither: from {name} it differs in {'; '.join(differences[name])}"

    def _states(self) -> tuple[tuple[str, Dump], ...]:
        return (TARGET, self.target), (BEFORE, self.before)

    def _differences(self, wanted: Dump, now: Dump) -> list[str]:
        found = compare(wanted, {name: now[name] for name in now if name in wanted or name not in self.staying})
        lasting = (self.before.keys() & self.target.keys()) - self.recreated
        another = [name for name in recreated(self.before, now) if name in lasting]
        return [*_lines(found), *(f"{name} was recreated" for name in another)]


def _lines(found: Comparison) -> list[str]:
    changed = [f"{name} ({', '.join(paths[:3])})" for name, paths in found.changed.items()]
    return [*(f"{name} added" for name in found.added), *(f"{name} missing" for name in found.removed), *changed]


def goal_of(ending: Way | None) -> str:
    """Where `resume`, `abort`, or the operation itself leads if nothing goes wrong."""
    return BEFORE if ending is Way.ABORT else TARGET


@dataclass(frozen=True)
class Aftermath:
    """What was found when the command that met the fault had ended."""

    code: int
    unfinished: Unfinished | None
    reached: str
    moved: bool
    """The cluster is not as that command found it."""


def describe(run: Run, found: Aftermath) -> str:
    """The state found after the fault, in the words of the table."""
    if found.unfinished:
        return f"unfinished: {found.unfinished.written} of {found.unfinished.planned} writes"
    back = "taken back" if run.ending else "nothing changed"
    return {TARGET: "done", BEFORE: back}.get(found.reached, "unknown")


def unmet(case: Case, met: bool) -> list[str]:
    """What is wrong with a case whose fault did not strike: it says nothing, unless it depends on time."""
    return [] if met or may_be_missed(case) else ["the fault was never met"]


def broken_promises(run: Run, found: Aftermath) -> list[str]:
    """Where the exit code says something else than what is so; of one that was killed, where status does."""
    code, unfinished, reached = found.code, found.unfinished, found.reached
    problems = []
    if code == DONE and (reached != goal_of(run.ending) or unfinished):
        problems.append(f"it said that it was done, and the cluster is {reached}")
    if code in NOTHING_CHANGED and (found.moved or bool(unfinished) != bool(run.ending)):
        problems.append(f"it said (exit {code}) that nothing was changed, and the cluster is {reached}")
    if code == INCOMPLETE and not unfinished:
        problems.append("it said that it is incomplete, and status knows of nothing unfinished")
    if code == KILLED and run.ending and not unfinished and reached != goal_of(run.ending):
        problems.append(f"status knows of nothing unfinished, and the cluster is {reached}")
    if code not in (KILLED, DONE, INCOMPLETE, *NOTHING_CHANGED):
        problems.append(f"it ended with exit code {code}")
    return problems
