"""A report as paragraphs, tables and commands, before it is text or a page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ...models.changes import Comparison
from ...models.plans import FollowUp


class Tone(StrEnum):
    """What a word means for the reader. It only ever supports the word: colour alone says nothing."""

    PLAIN = "plain"
    GOOD = "good"
    CARE = "care"
    BAD = "bad"
    QUIET = "quiet"


class Style(StrEnum):
    """How a column is set."""

    TEXT = "text"
    WORD = "word"
    """A word or two that is never broken."""
    NUMBER = "number"
    CODE = "code"
    """Names of objects, versions, commits."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: what it says, and below it, smaller, what explains it."""

    text: str
    tone: Tone = Tone.PLAIN
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column."""

    title: str
    style: Style = Style.TEXT


@dataclass(frozen=True, slots=True)
class Span:
    """When something was going on, in parts of the whole."""

    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. The widest column is the last."""

    caption: str
    """What is in it, for those who do not see it, and the title where it is folded."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False
    spans: tuple[Span | None, ...] = ()
    """For each row a place on a common line of time, or nothing at all."""
    heads: int | None = 0
    """Which column names the row for those to its right; None where none does."""
    flows: bool = False
    """Its cells speak for themselves, so that on a narrow screen the last may stand below the others."""


@dataclass(frozen=True, slots=True)
class Title:
    """What the blocks that follow are about."""

    text: str


@dataclass(frozen=True, slots=True)
class Prose:
    """A sentence or two."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences under a title."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands for people."""

    title: str
    commands: tuple[FollowUp, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A text to be shown as it is."""

    title: str
    text: str
    folded: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """The objects that differ between two states."""

    comparison: Comparison
    command: str
    """What shows them in full."""


Block = Title | Prose | Points | Commands | Code | Table | Changes


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """Its name within the page."""
        return self.title.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Document:
    """The whole report."""

    title: str
    ending: str
    """A word or two: `proved`."""
    tone: Tone
    statement: str
    """How it ended, in a sentence."""
    facts: tuple[tuple[str, str], ...]
    way_back: Commands
    sections: tuple[Section, ...]
    about: str
    """What made this report."""
