"""Credentials in objects that are no Secrets: found by the table `rules.credentials`, replaced where they stand.

Only the credential is replaced, not the text around it: a mesh configuration with a token in it is still compared and
shown line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ..canonical import haystack
from ..models.objects import Body, Json, MeshObject
from ..rules.credentials import FIELDS, NOT_SEARCHED, PAIR_NAMES, PATTERNS, SEARCH, CredentialField
from .finding import Finder

Hide = Callable[[str, str], str]
"""Given where it is and the value: what to write in its place."""


def may_hold_credentials(obj: MeshObject) -> bool:
    """A quick look that clears nearly every object: none of the words that come with credentials is in it."""
    resource = obj.key.resource
    if not _is_searched(resource):
        return False
    hay = haystack(obj.body)
    if not hints().finds(hay):
        return any(_may_name(row, hay) for row in _fields(resource) if not row.hints)
    return marks().finds(hay) or any(_may_name(row, hay) for row in _fields(resource))


@cache
def marks() -> Finder:
    """Finds a mark of any pattern."""
    return Finder.of((mark, row.followed_by) for row in PATTERNS for mark in row.marks)


@cache
def hints() -> Finder:
    """Finds a mark or a hint of any row that has some: what has none is no match of such a row.

    10,000 objects, 10.5 MB, take it 32 ms, and `marks` 75: one of those is `name`.
    """
    sure = [(mark, row.followed_by) for row in PATTERNS if not row.hints for mark in row.marks]
    rare = [word for pattern in PATTERNS for word in pattern.hints] + [word for field in FIELDS for word in field.hints]
    return Finder.of([*sure, *((word, "") for word in rare)])


def without_credentials(obj: MeshObject, hide: Hide) -> Body:
    """A copy of the body with `hide`'s answers in the place of credentials.

    Items of a list have one place: a credential that only moved within the list is still the same.
    """
    body: Body = _Search(hide, _fields(obj.key.resource)).within(obj.body, "", frozenset())
    return body


def masked(text: str) -> str:
    """A text that is no object's, such as a line that a program printed, without what looks like a credential."""
    shown: str = _Search(lambda _at, _value: "…", ()).within(text, "", frozenset())
    return shown


@cache
def _is_searched(resource: str) -> bool:
    return resource not in NOT_SEARCHED


@cache
def _fields(resource: str) -> tuple[CredentialField, ...]:
    return tuple(row for row in FIELDS if resource in row.types)


def _may_name(row: CredentialField, hay: bytes) -> bool:
    """A quick look whether a field that is a credential by its place may be named, and one that it is beneath."""
    return all(finder.finds(hay) for finder in _finders(row))


@cache
def _finders(row: CredentialField) -> tuple[Finder, ...]:
    return tuple(Finder.of((word, "") for word in words) for words in (row.beneath, row.hints) if words)


def _mentions(row: CredentialField, text: str) -> bool:
    """The same of a text, by whole names."""
    name = rf"(?<![A-Za-z0-9_-])(?:{row.names})(?![A-Za-z0-9_-])"
    return _may_name(row, text.encode()) and re.search(name, text) is not None


@cache
def _is_named(row: CredentialField, name: str) -> bool:
    return re.fullmatch(row.names, name) is not None


def _pair_name(node: Body) -> str:
    """What a pair of a name and a value names; "" for all else."""
    return next((str(node[name]) for name in PAIR_NAMES if name in node and "value" in node), "")


@dataclass(frozen=True)
class _Search:
    hide: Hide
    rows: tuple[CredentialField, ...]

    def within(self, node: Json, at: str, above: frozenset[str]) -> Json:
        """`above` has the names of the fields on the way that a row asks for."""
        if isinstance(node, dict):
            pair = _pair_name(node) if self.rows else ""
            return {
                name: self._field(name, item, f"{at}.{name}" if at else name, above, pair if name == "value" else "")
                for name, item in node.items()
            }
        if isinstance(node, list):
            return [self.within(item, f"{at}.*", above) for item in node]
        return self._text(node, at) if isinstance(node, str) else node

    def _field(self, name: str, value: Json, at: str, above: frozenset[str], pair: str) -> Json:
        """One field; `pair` is what it is called by the pair of which it is the value."""
        whole = any(_is_named(row, pair or name) for row in self.rows if above & row.beneath)
        if isinstance(value, str):
            return self.hide(at, value) if whole or self._repeats_a_field(value, at) else self._text(value, at)
        if whole and isinstance(value, list):
            return [self._item(item, f"{at}.*", above) for item in value]
        if any(name in row.beneath for row in self.rows):
            above |= {name}
        return self.within(value, at, above)

    def _item(self, value: Json, at: str, above: frozenset[str]) -> Json:
        """An item of a list that is a credential by its place."""
        return self.hide(at, value) if isinstance(value, str) else self.within(value, at, above)

    def _repeats_a_field(self, value: str, at: str) -> bool:
        """Whether it is an annotation such as `last-applied-configuration`, in which the object stands once more."""
        return at.startswith("metadata.annotations.") and any(_mentions(row, value) for row in self.rows)

    def _text(self, text: str, at: str) -> str:
        return SEARCH.sub(lambda match: self._match(match, at), text)

    def _match(self, match: re.Match[str], at: str) -> str:
        """The match with its one group replaced."""
        group = str(match.lastgroup)
        start, end = (place - match.start() for place in match.span(group))
        return match[0][:start] + self.hide(at, match[group]) + match[0][end:]
