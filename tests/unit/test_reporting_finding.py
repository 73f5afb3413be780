"""Which operations a store knows, and which one is meant: by id, `latest`, or a snapshot of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from kubectl_istio_upgrade.capture import CaptureOptions
from kubectl_istio_upgrade.errors import UnknownReferenceError
from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.models.operations import Opening, Operation
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotInfo, SnapshotMeta
from kubectl_istio_upgrade.operations.reporting.finding import Recorded, find, operation_ids, operations
from kubectl_istio_upgrade.operations.session import Session

CLUSTER = ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIRST, SECOND, THIRD = "20261123-080000-aaaaaa", "20261124-005500-bbbbbb", "20261124-120000-cccccc"


def info(commit: str, purpose: Purpose = Purpose.SNAPSHOT, **operation: Any) -> SnapshotInfo:
    return SnapshotInfo(commit, "prod", SnapshotMeta(purpose, CLUSTER, NOON, operation=operation or None))


def before(commit: str, **intent: Any) -> SnapshotInfo:
    return info(commit, Purpose.BEFORE, kind="apply", **intent)


def after(commit: str, id_: str, before: str) -> SnapshotInfo:
    return info(commit, Purpose.AFTER, kind="apply", id=id_, before=before)


def unfinished(id_: str, before: str) -> Operation:
    request: Body = {}
    return Operation(Opening(id_, "apply", "mesh.yaml", "mesh.yaml", before, NOON, request), ())


OLD = before("a0a0a0a")
"""As an older program wrote it: without its id."""
HISTORY = (
    info("9999999"),
    after("b2b2b2b", SECOND, "b0b0b0b"),
    before("b1b1b1b", id=SECOND, continues=SECOND),
    before("b0b0b0b", id=SECOND),
    info("8888888"),
    after("a2a2a2a", FIRST, "a0a0a0a"),
    OLD,
)
"""Newest first: two operations, the second of them resumed, and snapshots that somebody asked for."""


@dataclass
class History:
    """A store that holds these snapshots."""

    infos: tuple[SnapshotInfo, ...] = HISTORY
    open: Operation | None = None

    def branches(self) -> tuple[str, ...]:
        return ("prod",)

    def history(self, _branch: str) -> tuple[SnapshotInfo, ...]:
        return self.infos

    def unfinished(self, _branch: str) -> Operation | None:
        return self.open

    def resolve(self, _branch: str, reference: str) -> SnapshotInfo:
        for one in self.infos:
            if one.commit.startswith(reference):
                return one
        raise UnknownReferenceError(f"there is no snapshot {reference}")


def found(reference: str, store: History | None = None) -> Recorded:
    arguments: dict[str, Any] = {"store": store or History(), "connect": _never, "progress": None}
    return find(Session(**arguments, options=CaptureOptions(), context_name=_never), reference)


def _never() -> Any:
    raise AssertionError("the cluster is asked")


def test_operations_are_told_newest_first_each_once() -> None:
    assert [(one.id, one.before, one.later) for one in operations(HISTORY, None)] == [
        (SECOND, "b0b0b0b", 0),
        (FIRST, "a0a0a0a", 1),
    ]


def test_the_unfinished_one_is_the_newest_and_its_snapshots_are_not_told_again() -> None:
    history = (before("c1c1c1c", id=THIRD, continues=THIRD), before("c0c0c0c", id=THIRD), *HISTORY)
    told = list(operations(history, unfinished(THIRD, "c0c0c0c")))
    assert [one.id for one in told] == [THIRD, SECOND, FIRST]
    assert told[0].unfinished
    assert told[0].after is None


def test_a_beginning_without_an_end_is_told_as_far_as_it_is_known() -> None:
    told = list(operations((before("c0c0c0c", id=THIRD), OLD), None))
    assert [(one.id, one.before, one.after) for one in told] == [(THIRD, "c0c0c0c", None), ("", "a0a0a0a", None)]


def test_every_snapshot_of_an_operation_is_known_to_belong_to_it() -> None:
    ids = operation_ids(HISTORY, unfinished(THIRD, "9999999"))
    assert {commit: id_ for commit, id_ in ids.items() if commit} == {
        "9999999": THIRD,
        "b2b2b2b": SECOND,
        "b1b1b1b": SECOND,
        "b0b0b0b": SECOND,
        "a2a2a2a": FIRST,
        "a0a0a0a": FIRST,
    }


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("latest", SECOND),
        ("latest~1", FIRST),
        (SECOND, SECOND),
        ("20261123", FIRST),
        ("20261124-00", SECOND),
        ("b2b2b2b", SECOND),
        ("b1b1", SECOND),
        ("b0b0b0b", SECOND),
        ("a0a0", FIRST),
    ],
)
def test_an_operation_has_many_names(reference: str, expected: str) -> None:
    assert found(reference).id == expected


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("latest~2", "there is no operation latest~2: there are 2"),
        ("2026", "2026 could be any of 2 operations"),
        ("20261125-", "there is no operation 20261125-"),
        ("8888888", "snapshot 8888888 neither begins nor ends an operation"),
        ("friday", "there is no snapshot friday"),
    ],
)
def test_what_means_none_is_an_error_that_says_so(reference: str, message: str) -> None:
    with pytest.raises(UnknownReferenceError) as caught:
        found(reference)
    assert caught.value.message == message


def test_without_any_operation_it_says_what_would_be_one() -> None:
    with pytest.raises(UnknownReferenceError, match="no operation on record for this cluster yet") as caught:
        found("latest", History((info("9999999"),)))
    assert "rollback" in str(caught.value.hint)
