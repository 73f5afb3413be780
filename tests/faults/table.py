"""The matrix as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .verdict import Row

_WIDTH = 80
_HEAD = ("case", "fault", "state found", "command run", "end state", "s")


def line(row: Row) -> str:
    """One row, and below it what is wrong."""
    end = row.end if not row.problems else "WRONG"
    last = f"{row.found:<28} {row.command or '-':<13} {end:<7} {row.seconds:5.1f}"
    cells = f"{row.case!s:<{_WIDTH}} {_met(row):<7} {last}"
    return "\n".join([cells, *(f"    {problem}" for problem in row.problems)])


def head() -> str:
    """The titles of the columns."""
    case, fault, found, command, end, seconds = _HEAD
    return f"{case:<{_WIDTH}} {fault:<7} {found:<28} {command:<13} {end:<7} {seconds:>5}"


def rerun(row: Row) -> str:
    """The command that runs this case alone."""
    return f"python -m tests.faults --case '{row.case}'"


def totals(rows: Sequence[Row], seconds: float) -> str:
    """All rows in a few lines."""
    wrong = [row for row in rows if row.problems]
    found = Counter("unfinished" if row.command else row.found for row in rows)
    ends = Counter(row.end for row in rows)
    faults = Counter(row.case.fault for row in rows)
    runs = Counter(row.case.run for row in rows)
    lines = [
        f"Fault matrix: {len(rows)} cases, {len(wrong)} wrong, in {seconds:.0f} s.",
        f"  run:         {_counts(runs)}",
        f"  faults:      {_counts(faults)}",
        f"  struck:      {_counts(Counter(map(_met, rows)))}",
        f"  state found: {_counts(found)}",
        f"  command run: {_counts(Counter(row.command or 'none' for row in rows))}",
        f"  end state:   {_counts(ends)}",
    ]
    missed = [row for row in rows if not row.met]
    lines += [f"  not met: {rerun(row)}" for row in missed]
    return "\n".join([*lines, *(f"  wrong: {rerun(row)}" for row in wrong)])


def document(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Every row, for machines."""
    return [
        {
            "case": str(row.case),
            "met": row.met,
            "found": row.found,
            "command": row.command,
            "end": row.end,
            "seconds": round(row.seconds, 2),
            "problems": list(row.problems),
        }
        for row in rows
    ]


def _met(row: Row) -> str:
    return "met" if row.met else "not met"


def _counts(counter: Counter[Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items(), key=lambda item: str(item[0])))
