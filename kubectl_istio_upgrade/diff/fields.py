"""The difference of two JSON values, field by field, and its inverse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from ..canonical import json_bytes, same
from ..models.changes import FieldChange, FieldOp, ItemKey, Path
from ..models.objects import Json
from ..rules.lists import refer_back
from .pairing import pair_items

KeyedLists = Mapping[str, tuple[str, ...]]
"""Dotted path (items as `*`) to the names that identify an item; see `rules.lists`."""


def field_changes(before: Json, after: Json, keyed: KeyedLists | None = None) -> tuple[FieldChange, ...]:
    """Every difference between two values; empty exactly when they are equal up to the order of keyed lists.

    Equality is that of JSON: 1, 1.0 and true are three values. Lists named in `keyed` are matched by key; all others
    in order, where an inserted item is one addition and not a change of all that follow. Where items of a keyed list
    refer to those before them, another order is a change of the list as a whole, after those of its items.
    """
    return tuple(_walk(before, after, (), "", keyed or {}))


def _walk(before: Json, after: Json, path: Path, at: str, keyed: KeyedLists) -> Iterator[FieldChange]:
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _maps(before, after, path, at, keyed)
    elif isinstance(before, list) and isinstance(after, list):
        names = keyed.get(at)
        if names and _has_unique_keys(before, names) and _has_unique_keys(after, names):
            yield from _keyed(before, after, path, at, keyed)
        else:
            yield from _ordered(before, after, path, at, keyed)
    else:
        yield FieldChange(FieldOp.REPLACE, path, before, after)


def _maps(before: Json, after: Json, path: Path, at: str, keyed: KeyedLists) -> Iterator[FieldChange]:
    for name in sorted(before.keys() | after.keys()):
        here = (*path, name)
        if name not in after:
            yield FieldChange(FieldOp.REMOVE, here, before=before[name])
        elif name not in before:
            yield FieldChange(FieldOp.ADD, here, after=after[name])
        else:
            yield from _walk(before[name], after[name], here, f"{at}.{name}" if at else name, keyed)


def item_key(item: Json, names: Sequence[str]) -> ItemKey:
    """The identity of an item in a keyed list."""
    return ItemKey(tuple(names), tuple(item.get(name) for name in names))


def _has_unique_keys(items: list[Json], names: Sequence[str]) -> bool:
    if not all(isinstance(item, dict) and names[0] in item for item in items):
        return False
    keys = [json_bytes([item.get(name) for name in names]) for item in items]
    return len(set(keys)) == len(keys)


def _keyed(before: list[Json], after: list[Json], path: Path, at: str, keyed: KeyedLists) -> Iterator[FieldChange]:
    names = keyed[at]
    old = {json_bytes(item_key(item, names).values): item for item in before}
    new = {json_bytes(item_key(item, names).values): item for item in after}
    for key, item in old.items():
        here = (*path, item_key(item, names))
        if key in new:
            yield from _walk(item, new[key], here, f"{at}.*", keyed)
        else:
            yield FieldChange(FieldOp.REMOVE, here, before=item)
    for key, item in new.items():
        if key not in old:
            yield FieldChange(FieldOp.ADD, (*path, item_key(item, names)), after=item)
    if [key for key in old if key in new] != [key for key in new if key in old] and refer_back((*before, *after)):
        yield FieldChange(FieldOp.REPLACE, path, before, after)


def _ordered(before: list[Json], after: list[Json], path: Path, at: str, keyed: KeyedLists) -> Iterator[FieldChange]:
    old, new = ([json_bytes(item) for item in items] for items in (before, after))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        pairs = pair_items(before[i1:i2], after[j1:j2])
        partner = {i1 + i: j1 + j for i, j in pairs}
        taken = set(partner.values())
        for index in range(i1, i2):
            if index in partner:
                yield from _walk(before[index], after[partner[index]], (*path, index), f"{at}.*", keyed)
            else:
                yield FieldChange(FieldOp.REMOVE, (*path, index), before=before[index])
        for index in range(j1, j2):
            if index not in taken:
                yield FieldChange(FieldOp.ADD, (*path, index), after=after[index])
