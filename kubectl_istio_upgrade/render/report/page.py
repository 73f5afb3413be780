"""The report as one HTML page: nothing is loaded from anywhere, nothing runs.

It goes into tickets and mail, and onto paper. The content security policy allows its own style sheet, by hash, and an
empty icon; no script, no request, no form.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import groupby

from ...canonical import json_bytes
from ...diff.paths import dotted
from ...models.changes import ObjectDiff
from ..differences import SIGNS, diff_lines
from ..names import object_name
from .document import (
    Block,
    Cell,
    Changes,
    Code,
    Commands,
    Document,
    Points,
    Prose,
    Section,
    Span,
    Style,
    Table,
    Title,
    Tone,
)
from .markup import Markup, element, joined, raw

_OPEN_LINES = 20
"""Differences of more lines are folded, and all of them where there are many."""

_OPEN_GROUPS = 6
_PAPER_LINES = 120
"""Of a longer difference the rest is left out on paper, and only there."""

_ROOM = 4_000_000
"""Characters of differences that a page has room for; the objects after that are named only."""


def page(document: Document) -> str:
    """The whole page."""
    return raw(f"<!DOCTYPE html>\n{element('html', _head(document), _body(document), lang='en')}\n")


def _head(document: Document) -> Markup:
    css = files(__package__).joinpath("page.css").read_text("utf-8")
    policy = f"default-src 'none'; style-src '{_hash(css)}'; img-src data:; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{document.title}: {document.ending}"),
        element("link", rel="icon", href="data:,"),
        element("style", raw(css)),
    )


def _hash(css: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()}"


def _body(document: Document) -> Markup:
    return element("body", _header(document), _contents(document), _main(document), _footer(document))


def _header(document: Document) -> Markup:
    return element(
        "header",
        element("p", "Operation record", class_="form"),
        element("h1", document.title),
        element("p", document.ending, class_=f"seal {document.tone}"),
        element("p", document.statement, class_="statement"),
    )


def _contents(document: Document) -> Markup:
    links = (element("a", section.title, href=f"#{section.anchor}") for section in document.sections)
    return element("nav", element("ul", (element("li", link) for link in links)), aria_label="Contents")


def _main(document: Document) -> Markup:
    return element("main", _facts(document), map(_section, document.sections))


def _facts(document: Document) -> Markup:
    fields = (
        element("div", element("dt", name), element("dd", value), class_="field") for name, value in document.facts
    )
    return element(
        "section",
        element("h2", "Operation", id="operation"),
        element("dl", fields, class_="fields"),
        _commands(document.way_back) if document.way_back.commands else None,
        aria_labelledby="operation",
    )


def _section(section: Section) -> Markup:
    heading = element("h2", section.title, id=section.anchor)
    return element("section", heading, map(_block, section.blocks), aria_labelledby=section.anchor)


def _footer(document: Document) -> Markup:
    return element("footer", element("p", document.about))


def _block(block: Block) -> Markup:
    match block:
        case Title():
            return element("h3", block.text)
        case Prose():
            return element("p", block.text, class_=block.tone)
        case Points():
            items = element("ul", (element("li", item) for item in block.items))
            return joined((element("h3", _capital(block.title)), items))
        case Commands():
            return _commands(block)
        case Code():
            return _folded(block.title, element("pre", element("code", block.text)), is_open=not block.folded)
        case Table():
            return _folded(block.caption, _table(block)) if block.folded else _table(block)
        case Changes():
            return _changes(block)


def _commands(block: Commands) -> Markup:
    entries = (
        element("li", element("code", follow_up.command), element("p", follow_up.why) if follow_up.why else None)
        for follow_up in block.commands
    )
    return element("div", element("h3", _capital(block.title)), element("ul", entries), class_="commands")


def _capital(title: str) -> str:
    """As the other headings begin."""
    return title[:1].upper() + title[1:]


def _folded(title: Markup | str, content: Markup, *, is_open: bool = False) -> Markup:
    return element("details", element("summary", title), content, open=is_open)


def _table(table: Table) -> Markup:
    """Roles are spelled out: a narrow screen shows some tables as lines, and browsers take those for none."""
    heads = [
        element("th", column.title, scope="col", role="columnheader", class_=column.style) for column in table.columns
    ]
    if table.spans:
        heads.append(element("th", "when", scope="col", role="columnheader", class_="when"))
    return element(
        "table",
        element("caption", table.caption, class_="unseen"),
        element("thead", element("tr", heads, role="row"), role="rowgroup"),
        element("tbody", (_row(table, number) for number in range(len(table.rows))), role="rowgroup"),
        role="table",
        class_="flows" if table.flows else "figures" if table.columns[-1].style is Style.NUMBER else None,
    )


def _row(table: Table, number: int) -> Markup:
    last = len(table.columns) - 1
    cells = [
        _cell(cell, f"{column.style} last" if place == last else column.style, is_head=place == table.heads)
        for place, (cell, column) in enumerate(zip(table.rows[number], table.columns, strict=True))
    ]
    if table.spans:
        cells.append(element("td", _bar(table.spans[number]), role="cell", class_="when"))
    return element("tr", cells, role="row")


def _cell(cell: Cell, style: str, *, is_head: bool) -> Markup:
    below = (element("div", text, class_="below") for text in cell.below)
    text = element("span", cell.text, class_=cell.tone) if cell.tone is not Tone.PLAIN else cell.text
    if is_head:
        return element("th", text, below, scope="row", role="rowheader", class_=style)
    return element("td", text, below, role="cell", class_=style)


def _bar(span: Span | None) -> Markup | None:
    """Where a phase lies on the common line of time; what it says in figures is in the table."""
    if span is None:
        return None
    length = max(span.length, 0.005)
    start = min(span.start, 1 - length)
    mark = element("rect", x=f"{start:.2%}", width=f"{length:.2%}", height="8", class_="mark")
    return element("svg", element("rect", width="100%", height="8"), mark, height="8", aria_hidden="true")


def _changes(block: Changes) -> Markup:
    """Objects by component; those that have changed alike, as an upgrade relabels dozens, are shown once."""
    diffs = block.comparison.diffs
    components = [(name, _alike(group)) for name, group in groupby(diffs, key=lambda diff: diff.component)]
    room = _Room(block.command, few=sum(len(groups) for _, groups in components) <= _OPEN_GROUPS)
    parts = (
        joined((element("h3", _capital(name)), [room.shown(group) for group in groups])) for name, groups in components
    )
    return element("div", parts, class_="changes")


def _alike(diffs: Iterable[ObjectDiff]) -> list[list[ObjectDiff]]:
    """Objects that differ in the same fields from the same values to the same, together; all others alone."""
    groups: dict[bytes, list[ObjectDiff]] = {}
    for diff in diffs:
        fields = [[str(field.op), dotted(field.path), field.before, field.after] for field in diff.fields]
        groups.setdefault(json_bytes(fields or str(diff.key)), []).append(diff)
    return list(groups.values())


class _Room:
    """Shows differences as long as the page has room for them."""

    def __init__(self, command: str, *, few: bool) -> None:
        self._command = command
        self._few = few
        self._left = _ROOM

    def shown(self, alike: list[ObjectDiff]) -> Markup:
        """One difference, folded where it is long, and the objects that have it."""
        first = alike[0]
        lines = list(diff_lines(first, "before", "after", 3))[2:]  # without the two lines that name the sides
        self._left -= sum(map(len, lines))
        names = element("p", ", ".join(_name(diff) for diff in alike), class_="names") if len(alike) > 1 else None
        if self._left < 0:
            only = f"--only {first.key.resource}/{first.key.name}"
            where = f" -n {first.key.namespace}" if first.key.namespace else ""
            command = element("code", f"{self._command} {only}{where}")
            return _folded(
                _title(alike, lines), joined((names, element("p", "There is no room for it here: ", command)))
            )
        is_open = self._few and len(lines) <= _OPEN_LINES
        return _folded(_title(alike, lines), joined((names, _lines(lines))), is_open=is_open)


def _title(alike: list[ObjectDiff], lines: Iterable[str]) -> Markup:
    first = alike[0]
    signs = [line[:1] for line in lines]
    figures = f"+{signs.count('+'):,} \N{MINUS SIGN}{signs.count('-'):,}"
    sign = element("span", f"{SIGNS[first.change]} ", aria_hidden="true", class_="sign")
    if len(alike) == 1:
        name = element("span", _name(first), class_="code")
        return joined((sign, name, element("span", f" {first.change}, {figures}", class_="figures")))
    kind = f" of kind {first.kind}" if len({diff.kind for diff in alike}) == 1 else ""
    how = element("span", f" {first.change} alike, {figures} each", class_="figures")
    return joined((sign, f"{len(alike):,} objects{kind}", how))


def _name(diff: ObjectDiff) -> str:
    return object_name(diff.kind, diff.key)


def _lines(lines: list[str]) -> Markup:
    """The lines of a difference: inserted, deleted, and what stands around them; on paper no more than fit."""
    first, rest = lines[:_PAPER_LINES], lines[_PAPER_LINES:]
    more = element("span", f"… {len(rest):,} more lines, in the page itself", class_="paper")
    return element("pre", _runs(first), (more, element("span", _runs(rest), class_="screen")) if rest else None)


def _runs(lines: Iterable[str]) -> Iterator[Markup]:
    """Neighbouring lines of one kind as one element."""
    for sign, run in groupby(lines, key=lambda line: line[:1]):
        name = {"+": "ins", "-": "del", "@": "b"}.get(sign, "span")
        yield element(name, "\n".join(run))
