"""Progress on stderr: a bar on a terminal, one line a phase elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .terminal import Terminal


@dataclass(frozen=True)
class TerminalProgress:
    """Implements the port `Progress`."""

    terminal: Terminal
    quiet: bool = False

    @contextmanager
    def phase(self, text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """See the port."""
        if self.quiet:
            yield lambda _: None
        elif self.terminal.is_terminal:
            with self._bar(text, total) as advance:
                yield advance
        else:
            started = time.monotonic()
            yield lambda _: None
            count = f" ({total})" if total is not None else ""
            self.terminal.line(f"{text}{count}: {time.monotonic() - started:.1f} s")

    @contextmanager
    def _bar(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=self.terminal.stream, no_color=not self.terminal.is_coloured)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task(text, total=total)
            yield lambda count: bars.advance(task, count)

    def note(self, text: str) -> None:
        """See the port."""
        if not self.quiet:
            self.terminal.line(f"note: {text}")
