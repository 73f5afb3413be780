"""Many words are looked for at once, and found where looking for each of them would find one."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_istio_upgrade.normalise.finding import Finder

letters = st.text("ab:\\é", min_size=1, max_size=4)


@example([("aa", ""), ("aab", "")], "aab")
@example([("a", ":"), ("b", "")], "a")
@given(st.lists(st.tuples(letters, st.sampled_from(["", ":", "b+:"])), max_size=6), st.text("ab:\\é", max_size=12))
def test_what_is_there_is_found_and_nothing_else(sought: list[tuple[str, str]], hay: str) -> None:
    one_by_one = any(re.search(re.escape(word) + following, hay) for word, following in sought)
    assert Finder.of(sought).finds(hay.encode()) == one_by_one


def test_nothing_is_sought_and_nothing_found() -> None:
    assert not Finder.of([]).finds(b"anything")
