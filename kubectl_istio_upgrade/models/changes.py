"""Differences, as values: of a field, of an object, of two states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from .objects import Body, Json, Key, MeshObject


class ItemKey(NamedTuple):
    """In a path: the item of a keyed list, such as `[name=discovery]`."""

    names: tuple[str, ...]
    values: tuple[Json, ...]


Step = str | int | ItemKey
"""One step of a path: a map's key, a list's index, or a keyed list's item."""

Path = tuple[Step, ...]


class FieldOp(StrEnum):
    """What happened to one field."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One difference inside an object.

    List indices of `REMOVE` and `REPLACE` count in the list before, those of `ADD` in the list after.
    """

    op: FieldOp
    path: Path
    before: Json = None
    after: Json = None


class Change(StrEnum):
    """What happened to one object between two states."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class IgnoredField:
    """A field that differs and was left out of the comparison."""

    path: str
    rule: str
    why: str
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who wrote the fields that differ, as the API server recorded it."""

    manager: str
    operation: str
    """`Apply` or `Update`."""
    time: str
    subresource: str
    paths: tuple[str, ...]
    """The changed fields that this manager owns, dotted; empty for an object that was added as a whole."""


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object's difference. `before` and `after` are the objects as stored; the views are what was compared."""

    key: Key
    change: Change
    component: str
    before: MeshObject | None
    after: MeshObject | None
    view_before: Body | None
    view_after: Body | None
    fields: tuple[FieldChange, ...] = ()
    authors: tuple[Authorship, ...] = ()

    @property
    def kind(self) -> str:
        """The object's kind."""
        obj = self.after or self.before
        return obj.kind if obj else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two states compared. Empty `diffs` is the answer "no differences"."""

    before_label: str
    after_label: str
    diffs: tuple[ObjectDiff, ...]
    same: int
    """Objects that are equal in both states."""
    ignored: Mapping[Key, tuple[IgnoredField, ...]] = field(default_factory=dict)
    """Of objects on both sides that were looked at field by field: what differs and was left out."""
    not_compared: tuple[str, ...] = ()
    """What cannot be: types that one of the two states did not capture, and values that were withheld with two keys."""

    @property
    def counts(self) -> dict[Change, int]:
        """How many objects of each kind of change."""
        return {change: sum(1 for diff in self.diffs if diff.change is change) for change in Change}
