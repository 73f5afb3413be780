"""rich's view of a terminal; apart, because rich is imported only when there is something to draw."""

from __future__ import annotations

from rich.console import Console

from .terminal import Terminal


def console_at(terminal: Terminal) -> Console:
    """For tables and bars: without colour, and without characters beyond ASCII, where those do not belong."""
    kind = Console if terminal.knows_unicode else _AsciiConsole
    return kind(file=terminal.stream, no_color=not terminal.is_coloured, highlight=False)


class _AsciiConsole(Console):
    """rich draws with ASCII if the stream's encoding asks for it; ours is always UTF-8, because of the data."""

    @property
    def encoding(self) -> str:
        """Only drawing looks at it."""
        return "ascii"
