"""What a case came to, judged by all objects of the cluster and by what the product said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.mesh.comparison import Comparison, Dump, compare

from .cases import Case

DONE, REFUSED, INCOMPLETE, CLUSTER, STORE, INTERRUPTED = 0, 3, 4, 5, 6, 130
"""The product's exit codes, as its README has them."""

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

    def reached(self, now: Dump) -> str:
        """`target`, `before`, or what is different from the one that is nearer."""
        differences = {name: self._differences(state, now) for name, state in self._states()}
        for name, found in differences.items():
            if not found:
                return name
        name = min(differences, key=lambda each: len(differences[each]))
        return f"neither: from {name} it differs in {'; '.join(differences[name])}"

    def _states(self) -> tuple[tuple[str, Dump], ...]:
        return (TARGET, self.target), (BEFORE, self.before)

    def _differences(self, wanted: Dump, now: Dump) -> list[str]:
        found = compare(wanted, now)
        lasting = self.before.keys() & self.target.keys()
        recreated = [name for name in compare(self.before, now).recreated if name in lasting]
        return [*_lines(found), *(f"{name} was recreated" for name in recreated)]


def _lines(found: Comparison) -> list[str]:
    changed = [f"{name} ({', '.join(paths[:3])})" for name, paths in found.changed.items()]
    return [*(f"{name} added" for name in found.added), *(f"{name} missing" for name in found.removed), *changed]


def describe(unfinished: Unfinished | None, reached: str) -> str:
    """The state found after the fault, in the words of the table."""
    if unfinished:
        return f"unfinished: {unfinished.written} of {unfinished.planned} writes"
    return {TARGET: "done", BEFORE: "nothing changed"}.get(reached, "unknown")


def broken_promises(code: int, unfinished: Unfinished | None, reached: str) -> list[str]:
    """Where the exit code of the operation says something else than what is so; a killed one says nothing."""
    problems = []
    if code == DONE and (reached != TARGET or unfinished):
        problems.append(f"it said that it was done, and the cluster is {reached}")
    if code in NOTHING_CHANGED and (reached != BEFORE or unfinished):
        problems.append(f"it said (exit {code}) that nothing was changed, and the cluster is {reached}")
    if code == INCOMPLETE and not unfinished:
        problems.append("it said that it is incomplete, and status knows of nothing unfinished")
    if code >= 0 and code not in (DONE, INCOMPLETE, *NOTHING_CHANGED):
        problems.append(f"it ended with exit code {code}")
    return problems
