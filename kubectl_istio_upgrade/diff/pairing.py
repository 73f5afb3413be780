"""Which item before became which item after, in a list whose order has meaning.

Without this, a route put in front of another that was edited too would read as "route 0 changed beyond recognition,
route 1 added". The likeness of two items is deepdiff's distance; the pairing keeps the order of the list.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..models.objects import Json

MAX_COMPARED = 64
"""Beyond this many comparisons (rows times columns) items are paired by position: a distance costs about 1 ms."""

UNALIKE = 0.15
"""Distances above this mean two different items. Measured: edits of a route are below 0.1, strangers from 0.16 up."""


def pair_items(before: Sequence[Json], after: Sequence[Json]) -> list[tuple[int, int]]:
    """Pairs of indices, rising on both sides; items in no pair were removed or added."""
    if not before or not after:
        return []
    containers = all(isinstance(item, dict | list) for item in (*before, *after))
    if len(before) == len(after) == 1 or (not containers and len(before) == len(after)):
        return [(index, index) for index in range(len(before))]
    if not containers:
        return []
    if len(before) * len(after) > MAX_COMPARED:
        return [(index, index) for index in range(min(len(before), len(after)))]
    distances = [[_distance(old, new) for new in after] for old in before]
    return [(i, j) for i, j in _cheapest(distances) if distances[i][j] <= UNALIKE]


def _distance(before: Json, after: Json) -> float:
    from deepdiff import DeepDiff  # here, as only a changed list should pay 0.1 s for the import

    return float(DeepDiff(before, after, get_deep_distance=True).get("deep_distance", 0.0))


def _cheapest(distances: list[list[float]]) -> list[tuple[int, int]]:
    """The order-keeping pairing with the smallest sum, leaving an item alone at the price of half a stranger."""
    rows, columns = len(distances), len(distances[0])
    alone = UNALIKE / 2
    cost = [[alone * (i + j) for j in range(columns + 1)] for i in range(rows + 1)]
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            paired = cost[i - 1][j - 1] + distances[i - 1][j - 1]
            cost[i][j] = min(paired, cost[i - 1][j] + alone, cost[i][j - 1] + alone)
    pairs = []
    i, j = rows, columns
    while i and j:
        if cost[i][j] == cost[i - 1][j - 1] + distances[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif cost[i][j] == cost[i - 1][j] + alone:
            i -= 1
        else:
            j -= 1
    return pairs[::-1]
