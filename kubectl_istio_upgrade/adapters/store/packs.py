"""git's packs as files: one that agrees with its checksum has all its objects as they were written.

To be read, an object is unpacked and hashed: 11,000 small ones take 69 ms. To look them up in the index and to hash
their pack, of 1.5 MB, takes 8.
What is in no pack, in one that does not agree, or in one that is too big for what is wanted of it, is left to be read.
The format of both files is gitformat-pack(5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

_HEAD = b"\xfftOc\0\0\0\2"
"""How an index of version 2 begins: git's own since 2007."""

_IDS = len(_HEAD) + 256 * 4
"""Where the ids begin: after a table of how many there are up to each first byte. Its last entry counts them all."""

_ID = 20
"""Bytes of an id and of a checksum: SHA-1."""

_CHUNK = 1 << 20

_BYTES_AN_OBJECT = 10_000
"""Of a pack: they are hashed in 5 µs, and the smallest objects are read in 6 each."""


def sound(repository: Path, wanted: Collection[str]) -> set[str]:
    """Those of the wanted objects that are only in undamaged packs, as far as to read them would take longer.

    git may read an object from any pack that has it, and by any index: all that name it must agree with theirs. None is
    told sound where any index is damaged, or where there is one of many packs.
    """
    folder = repository / "objects" / "pack"
    ids, vouched, doubtful = {bytes.fromhex(name) for name in wanted}, set[bytes](), set[bytes]()
    try:
        if not ids or (folder / "multi-pack-index").exists():
            return set()
        for path in folder.glob("*.idx"):
            index = path.read_bytes()
            there = ids.intersection(_ids(index))
            agrees = not there or _agrees(path.with_suffix(".pack"), index, _BYTES_AN_OBJECT * len(there))
            (vouched if agrees else doubtful).update(there)
    except (OSError, ValueError):  # a file that goes meanwhile, cannot be read, or is damaged
        return set()
    return {name.hex() for name in vouched - doubtful}


def _ids(index: bytes) -> Iterator[bytes]:
    """The ids of a pack's objects. Raises ValueError for an index that is damaged or of another version."""
    if not index.startswith(_HEAD) or hashlib.sha1(index[:-_ID], usedforsecurity=False).digest() != index[-_ID:]:
        raise ValueError("a damaged index")
    end = _IDS + _ID * int.from_bytes(index[_IDS - 4 : _IDS])
    for start in range(_IDS, end, _ID):
        yield index[start : start + _ID]


def _agrees(pack: Path, index: bytes, limit: int) -> bool:
    """Whether this is the pack that the index is of, and whole. Not looked into when it has more bytes than `limit`."""
    size = pack.stat().st_size
    if not _ID <= size <= limit:
        return False
    hashed = hashlib.sha1(usedforsecurity=False)
    with pack.open("rb") as file:
        while chunk := file.read(min(size - _ID - file.tell(), _CHUNK)):
            hashed.update(chunk)
        return hashed.digest() == file.read() == index[-2 * _ID : -_ID]
