"""A figure: two sides measured in turns, their ratio, and its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """The same thing done by us and by a peer, several times in turns.

    The ratio is the median of the ratios of each turn, not the ratio of the medians: on a shared machine both sides of
    a turn are slow together.
    """

    name: str
    ours: Sequence[float]
    peer_name: str
    peers: Sequence[float]
    unit: str
    limit: float | None = None
    """None for what is only shown."""

    @property
    def ratios(self) -> tuple[float, ...]:
        """Of each turn."""
        return tuple(ours / peer for ours, peer in zip(self.ours, self.peers, strict=True))

    @property
    def ratio(self) -> float:
        """What counts."""
        return median(self.ratios)

    @property
    def ok(self) -> bool:
        """Whether the limit, if there is one, is kept."""
        return self.limit is None or self.ratio <= self.limit

    def data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "ours": median(self.ours),
            "peer": median(self.peers),
            "peerName": self.peer_name,
            "unit": self.unit,
            "ratio": self.ratio,
            "ratios": list(self.ratios),
            "limit": self.limit,
            "ok": self.ok,
        }


def table(figures: Sequence[Figure]) -> str:
    """The figures for people."""
    rows = [("figure", "ours", "peer", "ratio", "of the turns", "limit", ""), *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(figure: Figure) -> tuple[str, ...]:
    return (
        f"{figure.name} / {figure.peer_name}",
        _amount(median(figure.ours), figure.unit),
        _amount(median(figure.peers), figure.unit),
        f"{figure.ratio:.2f}",
        f"{min(figure.ratios):.2f} to {max(figure.ratios):.2f}",
        "-" if figure.limit is None else f"{figure.limit:.2f}",
        "" if figure.limit is None else "ok" if figure.ok else "TOO MUCH",
    )


def _amount(value: float, unit: str) -> str:
    match unit:
        case "s":
            return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"
        case "MB":
            return f"{value / 1e6:.0f} MB"
        case _:
            return f"{value / 1e3:.0f} kB"
