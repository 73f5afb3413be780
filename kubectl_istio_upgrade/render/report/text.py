"""The report as plain text of 80 columns, for a terminal, a log or a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ..differences import stat
from ..names import harmless
from ..terminal import Terminal
from ..wrapping import wrapped
from .document import Block, Cell, Changes, Code, Column, Commands, Document, Points, Prose, Style, Table, Title

WIDTH = 80
_GAP = "   "
_LEAST = 24
"""Narrower than this the last column of a table does not get; rather, the line is longer."""

_FACTS = 15
_FITTING = 4
"""How far text is indented that belongs to something above it."""


def print_report(out: Terminal, document: Document) -> None:
    """All of it; the commands that come next are last, where the eye is when it has been printed."""
    out.line(out.style(harmless(f"{document.title}: {document.ending}"), bold=True))
    for line in _lines(document):
        out.line(harmless(line))


def _lines(document: Document) -> Iterator[str]:
    yield from _wrapped(document.statement)
    yield ""
    for name, value in document.facts:
        yield f"{name + ':':<{_FACTS}}{value}"
    for section in document.sections:
        yield ""
        yield section.title
        yield "-" * len(section.title)
        for block in section.blocks:
            yield from _block(block)
    if document.way_back.commands:
        yield ""
        yield from _commands(document.way_back)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Title():
            yield f"# {block.text}"
        case Prose():
            yield from _wrapped(block.text)
        case Points():
            yield f"{block.title}:"
            for item in block.items:
                yield from _hanging("  - ", item)
        case Commands():
            yield from _commands(block)
        case Code():
            yield from block.text.rstrip("\n").splitlines()
        case Table():
            yield from _table(block)
        case Changes():
            yield from _changes(block)


def _commands(block: Commands) -> Iterator[str]:
    yield f"{block.title}:"
    for follow_up in block.commands:
        yield f"  {follow_up.command}"
        if follow_up.why:
            yield from _hanging(" " * _FITTING, follow_up.why)


def _table(table: Table) -> Iterator[str]:
    heads = tuple(Cell(column.title.upper()) for column in table.columns)
    rows = (heads, *table.rows)
    widths = [max(len(row[number].text) for row in rows) for number in range(len(heads) - 1)]
    room = max(_LEAST, WIDTH - sum(widths) - len(_GAP) * len(widths))
    for row in rows:
        *cells, last = row
        lead = _GAP.join(_set(*place) for place in zip(cells, table.columns, widths, strict=False))
        indent = " " * (sum(widths) + len(_GAP) * len(widths))
        first, *rest = _cell(last, room)
        yield f"{lead}{_GAP if lead else ''}{first}".rstrip()
        for line in rest:
            yield f"{indent}{line}"
        for text in (text for cell in cells for text in cell.below):
            yield from _hanging(" " * _FITTING, text)


def _set(cell: Cell, column: Column, width: int) -> str:
    return cell.text.rjust(width) if column.style is Style.NUMBER else cell.text.ljust(width)


def _cell(cell: Cell, room: int) -> list[str]:
    """The lines of a last cell: its text, then what explains it, a little to the right."""
    lines = _wrap(cell.text, room) or [""]
    for text in cell.below:
        lines += [f"  {line}" for line in _wrap(text, room - 2)]
    return lines


def _changes(block: Changes) -> Iterator[str]:
    for component, diffs in groupby(block.comparison.diffs, key=lambda diff: diff.component):
        yield f"# {component}"
        for diff in diffs:
            yield stat(diff)
    yield f"in full: {block.command}"


def _wrapped(text: str) -> Iterator[str]:
    yield from _wrap(text, WIDTH)


def _hanging(lead: str, text: str) -> Iterator[str]:
    for number, line in enumerate(_wrap(text, WIDTH - len(lead))):
        yield f"{' ' * len(lead) if number else lead}{line}"


def _wrap(text: str, width: int) -> list[str]:
    return wrapped(harmless(text), width)
