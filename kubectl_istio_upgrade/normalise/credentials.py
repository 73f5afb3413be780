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
from ..rules.credentials import FIELDS, MARKS, NOT_SEARCHED, SEARCH, CredentialField

Hide = Callable[[str, str], str]
"""Given where it is and the value: what to write in its place."""


def may_hold_credentials(obj: MeshObject) -> bool:
    """A quick look that clears nearly every object: none of the words that come with credentials is in it."""
    resource = obj.key.resource
    if not _is_searched(resource):
        return False
    hay = haystack(obj.body)
    return MARKS.search(hay) is not None or any(_names(row, hay) for row in _fields(resource))


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


def _names(row: CredentialField, hay: bytes) -> bool:
    """Whether a field that is a credential by its place, and one that it is beneath, are named anywhere."""
    return _holds_any(row.names, hay) and _holds_any(row.beneath, hay)


def _holds_any(words: frozenset[str], hay: bytes) -> bool:
    return any(word.encode() in hay for word in words)


@dataclass(frozen=True)
class _Search:
    hide: Hide
    rows: tuple[CredentialField, ...]

    def within(self, node: Json, at: str, above: frozenset[str]) -> Json:
        """`above` has the names of the fields on the way that a row asks for."""
        if isinstance(node, dict):
            return {name: self._field(name, item, f"{at}.{name}" if at else name, above) for name, item in node.items()}
        if isinstance(node, list):
            return [self.within(item, f"{at}.*", above) for item in node]
        return self._text(node, at) if isinstance(node, str) else node

    def _field(self, name: str, value: Json, at: str, above: frozenset[str]) -> Json:
        if isinstance(value, str):
            whole = any(name in row.names and above & row.beneath for row in self.rows)
            return self.hide(at, value) if whole or self._repeats_a_field(value, at) else self._text(value, at)
        if any(name in row.beneath for row in self.rows):
            above |= {name}
        return self.within(value, at, above)

    def _repeats_a_field(self, value: str, at: str) -> bool:
        """Whether it is an annotation such as `last-applied-configuration`, in which the object stands once more."""
        return at.startswith("metadata.annotations.") and any(
            any(name in value for name in row.names) and any(name in value for name in row.beneath) for row in self.rows
        )

    def _text(self, text: str, at: str) -> str:
        return SEARCH.sub(lambda match: self._match(match, at), text)

    def _match(self, match: re.Match[str], at: str) -> str:
        """The match with its one group replaced."""
        group = str(match.lastgroup)
        start, end = (place - match.start() for place in match.span(group))
        return match[0][:start] + self.hide(at, match[group]) + match[0][end:]
