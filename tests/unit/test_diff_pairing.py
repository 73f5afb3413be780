from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.diff.pairing import MAX_COMPARED, pair_items
from kubectl_istio_upgrade.models.objects import Json

from .json_values import values


@given(st.lists(values, max_size=6), st.lists(values, max_size=6))
def test_pairs_rise_on_both_sides(before: list[Json], after: list[Json]) -> None:
    pairs = pair_items(before, after)
    assert pairs == sorted(set(pairs))
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    assert all(0 <= i < len(before) and 0 <= j < len(after) for i, j in pairs)


def test_scalars_pair_by_position_only_when_as_many() -> None:
    assert pair_items(["a", "b"], ["c", "d"]) == [(0, 0), (1, 1)]
    assert pair_items(["a", "b"], ["c"]) == []


def test_strangers_are_not_paired() -> None:
    one = {"match": [{"uri": {"prefix": "/a"}}], "route": [{"destination": {"host": "reviews"}}], "timeout": "3s"}
    other = {"fault": {"abort": {"httpStatus": 500}}, "redirect": {"uri": "/x"}, "name": "z"}
    edited = {**one, "timeout": "5s"}
    assert pair_items([one], [other, edited]) == [(0, 1)]


def test_long_lists_are_paired_by_position() -> None:
    many = [{"n": i} for i in range(MAX_COMPARED)]
    assert pair_items(many, many[:2]) == [(0, 0), (1, 1)]
