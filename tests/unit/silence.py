"""A progress that nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Silence:
    """Does nothing, and keeps what a person would be told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    @contextmanager
    def phase(self, _text: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        yield lambda _: None

    def note(self, text: str) -> None:
        self.notes.append(text)
