"""Where output goes, and whether it may be drawn or coloured there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

import click

from .names import harmless
from .wrapping import wrapped

_NEVER_CUT = 20
"""Columns up to this width are drawn whole: commits, times, numbers."""

_LEAST = 4
"""Narrower than this no column gets; a terminal that narrow wraps."""

_UNLIMITED, _UNKNOWN = 10_000, 80
"""Columns where nobody looks, and where a terminal does not say."""

_NO_LOCALE, _OF_PYTHON = ("", "C", "POSIX"), ("C.UTF-8", "C.utf8")
"""What stands for no locale, and what Python then puts into LC_CTYPE."""

_NARROWEST, _WIDEST = 20, 120
"""Prose is broken for no narrower terminal than this, and no wider: eyes lose long lines."""


class Color(StrEnum):
    """`--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Terminal:
    """One output stream."""

    stream: TextIO
    color: Color = Color.AUTO

    @property
    def is_terminal(self) -> bool:
        """True when a person looks at it."""
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def is_coloured(self) -> bool:
        """https://no-color.org: a non-empty NO_COLOR switches colour off unless it is asked for."""
        if self.color is Color.AUTO:
            return self.is_terminal and not os.environ.get("NO_COLOR")
        return self.color is Color.ALWAYS

    @property
    def width(self) -> int:
        """Columns to fit into; unlimited when nobody looks."""
        return _columns(self.stream) if self.is_terminal else _UNLIMITED

    @property
    def knows_unicode(self) -> bool:
        """False where a person with an old terminal may look: no bars and dots that it would show as rubbish there.

        Data are UTF-8 whatever the locale is. Python says nothing of C any more: it takes it for UTF-8, and says so in
        LC_CTYPE (PEP 538 and 540).
        """
        if os.name == "nt":
            return True
        everything, characters, language = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
        if not everything and language in _NO_LOCALE and characters in _OF_PYTHON:
            return False
        return "utf" in (everything or characters or language).lower()

    def line(self, text: str = "") -> None:
        """Write one line. Nothing stops because nobody reads notes on what is done; the answer is another matter."""
        try:
            click.echo(text, file=self.stream, color=self.is_coloured)
        except BrokenPipeError:
            if self.stream is not sys.stderr:
                raise
            silence(self.stream)

    def prose(self, text: str, lead: str = "", **style: object) -> None:
        """Write a text of one or more lines, the first after `lead` and the others below its end."""
        for line in self.broken(text, lead):
            self.line(self.style(line, **style) if style else line)

    def broken(self, text: str, lead: str = "") -> Iterator[str]:
        """The lines of `prose`: broken between words to fit on a terminal, and whole in a pipe, where programs read."""
        hang = " " * len(click.unstyle(lead))
        width = max(_NARROWEST, min(self.width, _WIDEST) - len(hang)) if self.is_terminal else _UNLIMITED
        for line in harmless(text).splitlines() or [""]:
            content = line.lstrip()
            indent = line[: len(line) - len(content)]
            for piece in wrapped(content, width - len(indent)) if len(line) > width else [content]:
                yield f"{lead}{indent}{piece}".rstrip()
                lead = hang

    def style(self, text: str, **style: object) -> str:
        """The text in a style, or as it is where colour does not belong. Never the only carrier of meaning."""
        return click.style(text, **style) if self.is_coloured else text  # type: ignore[arg-type]

    def fit(self, text: str) -> str:
        """The text cut to one line of the terminal."""
        return self._cut(text, self.width)

    def _cut(self, text: str, width: int) -> str:
        mark = "…" if self.knows_unicode else "..."
        return text if len(text) <= width else text[: width - len(mark)] + mark

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table: drawn to fit on a terminal, plain and uncut in a pipe."""
        shown = [headers, *([harmless(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        if self.is_terminal:
            self._drawn(shown, _fitted(widths, self.width - 2 * (len(headers) - 1)))
            return
        for row in shown:
            self.line("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def _drawn(self, rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """The headers are the first row."""
        from rich.table import Table
        from rich.text import Text

        from .console import console_at

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if self.is_coloured else "")
        headers, *others = rows
        for header, width in zip(headers, widths, strict=True):
            table.add_column(header, overflow="ellipsis", no_wrap=True, width=width)
        for row in others:
            table.add_row(*(Text(self._cut(cell, width)) for cell, width in zip(row, widths, strict=True)))
        console_at(self).print(table)


def silence(stream: TextIO) -> None:
    """Whoever read it has gone (`| head -1`): lead it elsewhere, so that Python's exit does not complain either."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _columns(stream: TextIO) -> int:
    """Of this very stream: standard output may be a file while people look at standard error."""
    if os.environ.get("COLUMNS", "").isdecimal() and int(os.environ["COLUMNS"]):
        return int(os.environ["COLUMNS"])
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNKNOWN
    except (OSError, ValueError):
        return _UNKNOWN


def _fitted(widths: list[int], room: int) -> list[int]:
    """Widths that fit. The last column and long ones give way, the widest first: half a commit or time is of no use."""
    fitted = [*widths]
    giving = [number for number, width in enumerate(widths) if width > _NEVER_CUT or number == len(widths) - 1]
    while sum(fitted) > room:
        widest = max(giving, key=fitted.__getitem__)
        if fitted[widest] <= _LEAST:
            break
        fitted[widest] -= 1
    return fitted


def stdout(color: Color = Color.AUTO) -> Terminal:
    """For data."""
    return Terminal(sys.stdout, color)


def stderr(color: Color = Color.AUTO) -> Terminal:
    """For everything else."""
    return Terminal(sys.stderr, color)
