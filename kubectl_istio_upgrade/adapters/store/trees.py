"""git's own objects, as far as a store has them: commits and trees, from their bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

TREE = "40000"
FILE = "100644"

_ENTRY = re.compile(rb"([0-7]+) ([^\0]+)\0(.{20})", re.DOTALL)
"""A mode, a name and the bytes of an id."""


class Entry(NamedTuple):
    """One line of a tree."""

    mode: str
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What of a commit means something here."""

    tree: str
    parents: tuple[str, ...]
    message: str
    signed: bool


def read_commit(content: bytes) -> Commit:
    """Raises ValueError for what is not one."""
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    fields = [line.partition(" ")[::2] for line in head.split("\n")]
    trees = [value for name, value in fields if name == "tree"]
    if len(trees) != 1:
        raise ValueError("not a commit")
    parents = tuple(value for name, value in fields if name == "parent")
    return Commit(trees[0], parents, message, any(name == "gpgsig" for name, _ in fields))


def read_tree(content: bytes) -> tuple[Entry, ...]:
    """Raises ValueError for what is not a tree."""
    found = _ENTRY.findall(content)
    if sum(len(mode) + len(name) + len(content_id) + 2 for mode, name, content_id in found) != len(content):
        raise ValueError("not a tree")
    return tuple(
        Entry(mode.decode("ascii"), name.decode("utf-8", "surrogateescape"), content_id.hex())
        for mode, name, content_id in found
    )
