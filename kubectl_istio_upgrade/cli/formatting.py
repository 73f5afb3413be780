"""How help is laid out: as wide as the terminal, and never broken within what people copy."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

import click

_quoted = re.compile("`[^`]*`").sub

_BLANK, _HYPHEN = "\ue000", "\ue001"
"""Of the private use area: no text has them, and no line is broken at them."""


def _glued(text: str) -> str:
    return _quoted(lambda found: " ".join(found[0].split()).replace(" ", _BLANK), text).replace("-", _HYPHEN)


class Unbroken(click.HelpFormatter):
    """click's, but a path, an option and whatever is in backquotes stay on one line: half of one is another one."""

    def write_text(self, text: str) -> None:
        """As click does it."""
        super().write_text(_glued(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """As click does it."""
        super().write_dl([(first, _glued(second)) for first, second in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """As click does it."""
        return super().getvalue().replace(_BLANK, " ").replace(_HYPHEN, "-")


class Measured(click.Context):
    """A context that knows how wide the terminal is, as `shutil` says but without importing it for that."""

    formatter_class = Unbroken

    def make_formatter(self) -> click.HelpFormatter:
        """As click does it."""
        room = min(_columns(), self.max_content_width or 80) - 2
        return self.formatter_class(width=max(room, 50), max_width=self.max_content_width)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):  # closed, no terminal, or no number
        return 80
