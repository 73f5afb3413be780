"""Which snapshots retention keeps, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.models.retention import Policy
from kubectl_istio_upgrade.models.snapshots import Purpose, SnapshotInfo, SnapshotMeta
from kubectl_istio_upgrade.plan.retention import JOINED, OTHER_END, retention

from ..store.meshes import CLUSTER, START

BRANCH = "prod-5d0c1f7e"


def taken(
    number: int, *names: str, hours: int = 0, branch: str = BRANCH, operation: Body | None = None
) -> SnapshotInfo:
    """The snapshot of that day; its commit is its number."""
    created = START + timedelta(days=number, hours=hours)
    meta = SnapshotMeta(Purpose.SNAPSHOT, CLUSTER, created, branch=branch, operation=operation)
    return SnapshotInfo(str(number), BRANCH, meta, names)


def days(count: int) -> list[SnapshotInfo]:
    return [taken(number) for number in reversed(range(count))]


def kept(infos: list[SnapshotInfo], policy: Policy, fixed: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    found = retention(BRANCH, infos, policy, fixed)
    assert [*(each.info for each in found.kept), *found.removed] == sorted(
        infos, key=lambda info: info in found.removed
    )
    return {each.info.commit: each.reasons for each in found.kept}


def test_without_a_policy_everything_stays() -> None:
    assert len(kept(days(5), Policy())) == 5
    assert kept([], Policy()) == {}
    assert kept([], Policy(keep_last=1)) == {}


def test_the_newest_so_many_stay() -> None:
    assert list(kept(days(5), Policy(keep_last=2))) == ["4", "3"]
    assert list(kept(days(5), Policy(keep_last=20))) == ["4", "3", "2", "1", "0"]


def test_of_each_day_the_newest_stays_and_days_without_any_do_not_count() -> None:
    infos = [taken(9, hours=3), taken(8), taken(5, hours=2)]
    infos[1:1] = [SnapshotInfo("9a", BRANCH, taken(9, hours=1).meta)]
    assert list(kept(infos, Policy(keep_daily=2))) == ["9", "8"]
    assert list(kept(infos, Policy(keep_daily=3))) == ["9", "8", "5"]
    assert kept(infos, Policy(keep_daily=10**30)).keys() >= {"9", "8", "5"}, "more days than any list has"


def test_names_stay_whatever_the_policy() -> None:
    infos = [taken(3), taken(2), taken(1, "friday"), taken(0)]
    assert kept(infos, Policy(keep_last=1))["1"] == ("named",)


def test_the_branch_keeps_a_snapshot_that_says_it_is_on_it() -> None:
    infos = [taken(3, branch="other"), taken(2, branch="other"), taken(1), taken(0)]
    assert kept(infos, Policy(keep_last=1)) == {"3": ("newest", "last"), "1": ("says which branch this is",)}


@pytest.mark.parametrize(
    ("operation", "aim"),
    [
        ({"kind": "apply", "id": "x", "before": "1", "target": "mesh.yaml"}, "1"),
        ({"kind": "rollback", "id": "x", "before": "2", "target": "1"}, "1"),
        ({"kind": "abort", "id": "x", "before": "1", "target": "1"}, "1"),
    ],
)
def test_where_rollback_goes_stays(operation: Body, aim: str) -> None:
    infos = [taken(4, operation=operation), taken(3), taken(2), taken(1), taken(0)]
    assert "where `rollback` goes" in kept(infos, Policy(keep_last=1))[aim]


def test_of_an_operation_both_ends_stay() -> None:
    ends = {"id": "20261124-005500-1a2b3c", "kind": "apply"}
    infos = [
        taken(5),
        taken(4, operation={**ends, "before": "2"}),
        taken(3, operation={"id": "b", "kind": "apply", "continues": ends["id"]}),
        taken(2, "friday", operation=ends),
        taken(1),
    ]
    found = kept(infos, Policy(keep_last=1))
    assert found == {"5": ("newest", "last"), "4": (OTHER_END,), "3": (OTHER_END,), "2": ("named",)}


def test_records_without_an_id_belong_to_the_snapshot_before() -> None:
    infos = [taken(3), taken(2, "after", operation={"kind": "apply", "before": "1"}), taken(1), taken(0)]
    infos[2] = taken(1, operation={"kind": "apply"})
    assert list(kept(infos, Policy(keep_last=1))) == ["3", "2", "1"]


def test_what_a_merge_joins_cannot_go() -> None:
    assert kept(days(4), Policy(keep_last=1), ("1",))["1"] == (JOINED,)
