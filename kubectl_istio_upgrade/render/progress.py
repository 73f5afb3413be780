"""Progress on stderr: bars on a terminal, one line a phase elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .terminal import Terminal

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass
class TerminalProgress:
    """Implements the port `Progress`. Phases may be nested; notes appear above the bars, each text once."""

    terminal: Terminal
    quiet: bool = False
    _bars: Progress | None = None
    _noted: set[str] = field(default_factory=set)

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
        with self._display() as bars:
            task = bars.add_task(text, total=total)
            try:
                yield lambda count: bars.advance(task, count)
            finally:
                bars.remove_task(task)

    @contextmanager
    def _display(self) -> Iterator[Progress]:
        """The one live display: a terminal has room for no more."""
        if self._bars is not None:
            yield self._bars
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from .console import console_at

        console = console_at(self.terminal)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as self._bars:
            try:
                yield self._bars
            finally:
                self._bars = None

    def note(self, text: str) -> None:
        """See the port."""
        if self.quiet or text in self._noted:
            return
        self._noted.add(text)
        for line in self.terminal.broken(text, "note: "):
            if self._bars is not None:
                self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                self.terminal.line(line)
