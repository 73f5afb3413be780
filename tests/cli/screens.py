"""What people see in the end: a terminal emulator that a command has written to."""

from __future__ import annotations

from dataclasses import dataclass

import pyte

from .program import Program
from .terminals import forked_at_terminal

ROWS = 3000
"""All that a command says is still there, as in a terminal that can be scrolled back."""

_ENDLESS = 2000
"""Columns of a terminal in which no line is ever broken."""


@dataclass(frozen=True)
class Screen:
    """A terminal after a command has ended."""

    code: int
    columns: int
    seen: str
    """What was written, escape codes and all."""
    lines: tuple[str, ...]
    """What is on it."""
    unbroken: tuple[str, ...]
    """The same if it were so wide that no line is broken."""
    colours: frozenset[str]
    """Of the text and behind it, other than the terminal's own."""
    cursor_hidden: bool

    @property
    def text(self) -> str:
        """Line by line, unbroken."""
        return "\n".join(self.unbroken)

    @property
    def too_wide(self) -> tuple[str, ...]:
        """Lines that the terminal had to break."""
        return tuple(line for line in self.unbroken if len(line) > self.columns)


def screen_after(program: Program, *arguments: str, columns: int, answer: tuple[str, str] | None = None) -> Screen:
    """Run a command at a terminal, to its end; `answer` is what to wait for, and what to type then."""
    with forked_at_terminal(program, *arguments, columns=columns) as terminal:
        if answer is not None:
            terminal.wait_for(answer[0])
            terminal.type(answer[1])
        code = terminal.end()
    return shown(terminal.seen, code, columns)


def shown(seen: str, code: int, columns: int) -> Screen:
    """What an emulator makes of it."""
    narrow, wide = _fed(seen, columns), _fed(seen, _ENDLESS)
    cells = [cell for row in narrow.buffer.values() for cell in row.values()]
    colours = frozenset(colour for cell in cells for colour in (cell.fg, cell.bg)) - {"default"}
    return Screen(code, columns, seen, _lines(narrow), _lines(wide), colours, narrow.cursor.hidden)


def _fed(seen: str, columns: int) -> pyte.Screen:
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(seen.replace("\n", "\r\n"))
    return screen


def _lines(screen: pyte.Screen) -> tuple[str, ...]:
    used = range(max(screen.buffer, default=-1) + 1)
    rows = (screen.buffer[number] for number in used)
    lines = ["".join(row[column].data for column in range(max(row, default=-1) + 1)).rstrip() for row in rows]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)
