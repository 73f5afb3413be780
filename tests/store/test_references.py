"""What people type for a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kubectl_istio_upgrade.adapters.store.references import Entry, find
from kubectl_istio_upgrade.errors import ExitCode, UnknownReferenceError

START = datetime(2026, 11, 20, 8, 0, 30, tzinfo=UTC)
LOG = tuple(
    Entry(commit.ljust(40, "0"), int((START + timedelta(days=days)).timestamp()))
    for days, commit in ((3, "dd44aa"), (2, "ccaa33"), (1, "ccaa22"), (0, "aa11bb"))
)
NAMES = {"before-1.29": LOG[2].commit, "ccaa33": LOG[0].commit, "2026-11-21": LOG[0].commit}


@pytest.mark.parametrize(
    ("reference", "index"),
    [
        ("latest", 0),
        ("latest~0", 0),
        ("latest~3", 3),
        ("before-1.29", 2),
        ("before-1.29~1", 3),
        ("ccaa22", 2),
        ("CCAA2", 2),
        ("ccaa22~1", 3),
        (LOG[1].commit, 1),
        ("dd44", 0),
        ("ccaa33", 0),  # a name wins over a prefix
        ("2026-11-21", 0),  # and over a time
        ("2026-11-22", 1),  # a day with all of it
        ("2026-11-22~1", 2),
        ("2026-11-22T08:00Z", 1),  # a minute with all of it
        ("2026-11-22T08:00", 1),
        ("2026-11-22 08:00", 1),
        ("2026-11-22T08:00:29Z", 2),
        ("2026-11-22T08:00:30Z", 1),
        ("2026-11-22T09:59+02:00", 2),
        ("2026-11-22T10:00+02:00", 1),
        ("2030-01-01", 0),
    ],
)
def test_references(reference: str, index: int) -> None:
    assert find(reference, LOG, NAMES) == LOG[index].commit


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("nonsense", "there is no snapshot nonsense", "the newest are dd44aa0 (2026-11-23 08:00Z), ccaa330"),
        ("before-1.28", "there is no snapshot before-1.28", "did you mean before-1.29?"),
        ("ccaa", "ccaa could be any of 2 snapshots", "add digits: ccaa330 (2026-11-22 08:00Z), ccaa220 (2026-11-21"),
        ("cca", "there is no snapshot cca", "did you mean ccaa33?"),
        (
            "latest~4",
            "there is no snapshot latest~4",
            "the oldest snapshot is aa11bb0 (2026-11-20 08:00Z), 3 steps before latest",
        ),
        ("ccaa22~2", "there is no snapshot ccaa22~2", "1 step before ccaa22"),
        ("latest~", "there is no snapshot latest~", "the newest are"),
        ("latest^", "there is no snapshot latest^", "the newest are"),
        ("", "there is no snapshot ", "the newest are"),
        ("2026-11-19", "there is no snapshot as old as 2026-11-19", "the oldest is aa11bb0"),
        ("2026-13-45", "2026-13-45 is not a time", "month"),
    ],
)
def test_what_names_nothing_is_refused_with_a_way_on(reference: str, message: str, hint: str) -> None:
    with pytest.raises(UnknownReferenceError) as caught:
        find(reference, LOG, NAMES)

    assert caught.value.message == message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_branch_without_snapshots_says_so() -> None:
    with pytest.raises(UnknownReferenceError, match="this cluster has none yet"):
        find("latest", (), {})
