"""git's own objects, as far as a store has them: commits and trees, from their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TREE = "40000"
FILE = "100644"

_ID_BYTES = 20


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
    entries, start = [], 0
    while start < len(content):
        space, end = content.index(b" ", start), content.index(b"\0", start)
        name = content[space + 1 : end].decode("utf-8", "surrogateescape")
        object_id = content[end + 1 : end + 1 + _ID_BYTES]
        if len(object_id) != _ID_BYTES:
            raise ValueError("a tree that ends too early")
        entries.append(Entry(content[start:space].decode("ascii"), name, object_id.hex()))
        start = end + 1 + _ID_BYTES
    return tuple(entries)
