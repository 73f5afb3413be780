"""git's trees from their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.adapters.store.trees import FILE, TREE, Entry, read_tree

names = st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name)
entries = st.lists(st.tuples(st.sampled_from([FILE, TREE]), names, st.binary(min_size=20, max_size=20)), max_size=5)


def written(found: list[tuple[str, bytes, bytes]]) -> bytes:
    return b"".join(b"%b %b\0%b" % (mode.encode(), name, content_id) for mode, name, content_id in found)


@given(entries)
def test_what_was_written_is_read(found: list[tuple[str, bytes, bytes]]) -> None:
    expected = [Entry(mode, name.decode("utf-8", "surrogateescape"), id_.hex()) for mode, name, id_ in found]
    assert list(read_tree(written(found))) == expected


@given(entries.filter(bool), st.data())
def test_a_tree_that_ends_too_early_is_none(found: list[tuple[str, bytes, bytes]], data: st.DataObject) -> None:
    whole = written(found)
    ends = {len(written(found[:count])) for count in range(len(found) + 1)}
    end = data.draw(st.integers(1, len(whole) - 1).filter(lambda end: end not in ends))
    with pytest.raises(ValueError, match="not a tree"):
        read_tree(whole[:end])


@pytest.mark.parametrize("content", [b"\0", b"nonsense", b"100644 a", b"100644 a\0short", b"x 100644 a\0" + b"i" * 20])
def test_what_is_no_tree_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a tree"):
        read_tree(content)
