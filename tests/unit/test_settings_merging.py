"""Values laid over one another, told apart, and set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.canonical import same
from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.plan.settings.merging import beyond, laid_over, merged, with_value

VALUES = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.text("xyz", min_size=1, max_size=1), inner) | st.lists(inner, max_size=2),
    max_leaves=12,
)
MAPS = st.dictionaries(st.text("xyz", min_size=1, max_size=1), VALUES)


@given(MAPS, MAPS)
def test_what_is_beyond_a_default_gives_the_whole_when_laid_over_it_again(value: object, default: object) -> None:
    restored = merged(default, beyond(value, default))
    assert beyond(value, restored) == {}, "something of the value is missing"


@given(MAPS)
def test_nothing_is_beyond_itself(value: object) -> None:
    assert beyond(value, value) == {}


@given(MAPS, MAPS)
def test_merging_changes_neither_side(base: object, over: object) -> None:
    copies = merged({}, base), merged({}, over)
    merged(base, over)
    assert same(copies[0], base)
    assert same(copies[1], over)


def test_an_empty_map_that_was_set_is_kept() -> None:
    assert beyond({"nodeSelector": {}}, {}) == {"nodeSelector": {}}


def test_a_list_replaces_a_list_and_null_takes_an_entry_away() -> None:
    assert merged({"a": [1, 2], "b": 1}, {"a": [3], "b": None}) == {"a": [3]}


def test_a_value_is_set_and_what_is_around_it_stays() -> None:
    base = {"a": {"b": 1}, "l": [{"x": 1}]}
    assert with_value(base, ("a", "c", 0), "new") == {"a": {"b": 1, "c": ["new"]}, "l": [{"x": 1}]}
    assert with_value(base, ("l", 0, "y"), 2) == {"a": {"b": 1}, "l": [{"x": 1, "y": 2}]}
    assert base == {"a": {"b": 1}, "l": [{"x": 1}]}


def test_what_a_file_sets_to_null_stays_null_at_any_depth() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": [1]}
    over = {"a": {"b": None}, "d": None, "e": {"f": None}}
    assert laid_over(base, over) == {"a": {"b": None, "c": 2}, "d": None, "e": {"f": None}}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1]}


@pytest.mark.parametrize("steps", [("a", "b", "c"), ("l", 3)])
def test_a_path_that_leads_nowhere_is_refused(steps: tuple[str | int, ...]) -> None:
    with pytest.raises(UsageError):
        with_value({"a": {"b": 1}, "l": []}, steps, 1)
