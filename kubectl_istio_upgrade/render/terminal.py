"""Where output goes, and whether it may be drawn or coloured there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

import click

_NEVER_CUT = 20
"""Columns up to this width are drawn whole: commits, times, numbers."""

_LEAST = 4
"""Narrower than this no column gets; a terminal that narrow wraps."""


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
        return shutil.get_terminal_size().columns if self.is_terminal else 10_000

    def line(self, text: str = "") -> None:
        """Write one line."""
        click.echo(text, file=self.stream, color=self.is_coloured)

    def style(self, text: str, **style: object) -> str:
        """The text in a style, or as it is where colour does not belong. Never the only carrier of meaning."""
        return click.style(text, **style) if self.is_coloured else text  # type: ignore[arg-type]

    def fit(self, text: str) -> str:
        """The text cut to one line of the terminal."""
        width = self.width
        return text if len(text) <= width else text[: width - 1] + "…"

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table: drawn to fit on a terminal, plain and uncut in a pipe."""
        if self.is_terminal:
            self._drawn(headers, rows)
            return
        widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
        for row in (headers, *rows):
            self.line("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def _drawn(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if self.is_coloured else "")
        widths = [max(len(row[number]) for row in (headers, *rows)) for number in range(len(headers))]
        for header, width in zip(headers, _fitted(widths, self.width - 2 * (len(headers) - 1)), strict=True):
            table.add_column(header, overflow="ellipsis", no_wrap=True, width=width)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console(file=self.stream, no_color=not self.is_coloured, highlight=False).print(table)


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
