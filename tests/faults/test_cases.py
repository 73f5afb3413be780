"""The matrix covers what it should, the names of its cases lead back to them, and its sample is the same every time."""

from __future__ import annotations

import json

import pytest

from .cases import KILLED_FIRST, RUNS, Case, Operation, Recording, Run, Victim, Way
from .matrix import leaves_what_was_there, matrix, may_be_missed, sample
from .points import Class, Counting, name_of
from .proxy import WAYS, Spoil

WRITES = ("PUT-services-a-b@1", "DELETE-services-a-c@1", "POST-services-a-d@1", "PATCH-services-a-b@1")
PIECES = tuple(f"inside-stream-1-piece-{number}@1" for number in range(40))
RECORDING = Recording(
    points=(*(f"{when}-{name}" for name in WRITES for when in ("before", "after")), *PIECES),
    requests={
        **dict.fromkeys(WRITES, Class.WRITE),
        **{f"LIST-{plural}@{number}": Class.LIST for plural in "abcde" for number in (1, 2)},
    },
)
CASES = matrix({Run(Operation.ROLLBACK): RECORDING})
ALL = matrix(dict.fromkeys(RUNS, RECORDING))


@pytest.mark.parametrize(
    ("method", "target", "body", "kind", "text"),
    [
        ("GET", "/version", {}, Class.READ, "GET-version"),
        ("GET", "/apis/apps/v1/namespaces/a/deployments/b", {}, Class.READ, "GET-deployments-a-b"),
        ("GET", "/api/v1/services?resourceVersion=7&resourceVersionMatch=Exact", {}, Class.LIST, "LIST-services"),
        (
            "GET",
            "/api/v1/services?labelSelector=x%3Dy&resourceVersion=7&resourceVersionMatch=Exact",
            {},
            Class.LIST,
            "LIST-services-by-x_y",
        ),
        ("PUT", "/api/v1/namespaces/a/services/b", {"metadata": {"name": "b"}}, Class.WRITE, "PUT-services-a-b"),
        ("POST", "/api/v1/namespaces/a/services", {"metadata": {"name": "b"}}, Class.WRITE, "POST-services-a-b"),
        ("PATCH", "/api/v1/namespaces/a", [{"op": "replace"}], Class.WRITE, "PATCH-namespaces-a"),
        ("PUT", "/api/v1/namespaces/a/services/b?dryRun=All", {}, Class.TRIAL, "TRY-PUT-services-a-b"),
        ("DELETE", "/api/v1/namespaces/a/services/b", {"dryRun": ["All"]}, Class.TRIAL, "TRY-DELETE-services-a-b"),
        (
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/a/leases/l",
            {"metadata": {"name": "l"}},
            Class.LEASE,
            "PUT-leases-a-l",
        ),
    ],
)
def test_a_request_has_a_name_and_a_class(method: str, target: str, body: object, kind: Class, text: str) -> None:
    assert name_of(method, target, json.dumps(body).encode()) == (kind, text)


def test_occurrences_are_told_apart() -> None:
    counting = Counting()
    assert [counting.numbered(name) for name in "aba"] == ["a@1", "b@1", "a@2"]


def test_the_program_dies_at_every_point_and_git_in_every_part_of_its_stream() -> None:
    killed = {case.at for case in CASES if case.fault is Victim.SELF}
    assert killed >= {point for point in RECORDING.points if "stream" not in point}
    for victim in Victim:
        inside = [case.at for case in CASES if case.fault is victim and "stream" in case.at]
        assert len(inside) == 5
        assert {PIECES[0], PIECES[-1]} <= set(inside)


def test_every_write_is_lost_before_and_after_it_happens() -> None:
    for spoil in (Spoil.RESET_BEFORE, Spoil.RESET_AFTER):
        assert {case.at for case in CASES if case.fault is spoil} >= set(WRITES)


def test_lists_are_spoiled_in_every_capture() -> None:
    stale = {case.at.rpartition("@")[2] for case in CASES if case.fault is Spoil.STALE}
    assert stale == {"1", "2"}


def test_every_way_to_spoil_a_request_is_used() -> None:
    assert {case.fault for case in CASES} >= set(WAYS)
    assert set(WAYS) == set(Spoil)


def test_operations_that_share_the_way_of_others_are_spoiled_where_they_write_and_die_where_that_leaves_a_state() -> (
    None
):
    for operation in (each for each in Operation if not each.is_thorough):
        inside = [case for case in ALL if case.run == Run(operation)]
        spoiled = {case.at for case in inside if case.fault in list(Spoil)}
        assert spoiled == set(WRITES)
        killed = {case.at for case in inside if case.fault is Victim.SELF and "stream" not in case.at}
        assert killed == {point for point in RECORDING.points if point.startswith("after-")}
        assert {case.fault for case in inside if "stream" in case.at} == set(Victim)
        assert any(row.operation is operation for row in KILLED_FIRST)


def test_a_name_leads_back_to_its_case() -> None:
    assert [Case.parse(str(case)) for case in ALL] == ALL
    assert len({str(case) for case in ALL}) == len(ALL)


def test_what_ends_a_killed_operation_is_killed_wherever_it_leaves_another_state() -> None:
    for row in KILLED_FIRST:
        for way in Way:
            inside = [case for case in ALL if case.run == Run(row.operation, row.moment, way)]
            killed = {case.at for case in inside if case.fault is Victim.SELF and "stream" not in case.at}
            assert killed == {point for point in RECORDING.points if point.startswith("after-")}
            assert {case.way for case in inside} == set(Way)


@pytest.mark.parametrize(
    "point",
    [
        "torn-append-intent-x@1",
        "after-append-outcome-x@1",
        "after-PUT-x@1",
        "before-git-update-ref@1",
        "before-rename-x@1",
    ],
)
def test_what_changes_something_is_a_state_of_its_own(point: str) -> None:
    assert not leaves_what_was_there(point)


def test_the_requests_of_what_ends_it_are_spoiled_in_every_way_after_one_kill() -> None:
    for way in Way:
        spoiled = {case.run.moment for case in ALL if case.run.ending is way and case.fault in WAYS}
        assert spoiled == {row.moment for row in KILLED_FIRST if row.spoiled}
        assert {case.fault for case in ALL if case.run.ending is way} >= set(WAYS)


def test_only_what_depends_on_time_may_be_missed() -> None:
    assert not any(may_be_missed(case) for case in CASES if case.at.endswith("@1"))
    for at in ("after-fsync-outcome-x@1", "before-PUT-leases-a-l@1", "GET-deployments-a-b@2"):
        assert may_be_missed(Case.parse(f"rollback:kill:{at}:resume"))
    for at in ("after-fsync-opening@1", "before-git-update-ref@2", "LIST-x@2", "GET-version@3", "PATCH-namespaces-a@2"):
        assert not may_be_missed(Case.parse(f"rollback:kill:{at}:resume"))


def test_a_write_beside_the_one_that_it_died_at_may_be_missed_only_by_what_ends_it() -> None:
    other = "kill:after-append-intent-deployments-shop-api@1:abort"
    assert may_be_missed(Case.parse(f"rollback-restarts/halfway/abort:{other}"))
    assert may_be_missed(Case.parse(f"restart/halfway/resume:{other}"))
    assert not may_be_missed(Case.parse(f"rollback-restarts:{other}"))
    assert not may_be_missed(Case.parse(f"rollback-restarts/halfway/abort:{other.replace('api', 'web')}"))


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is no fault"):
        Case.parse("rollback:flood:PUT-x@1:abort")
    with pytest.raises(ValueError, match="is nothing that is run"):
        Case.parse("apply/unproved/resume:kill:PUT-x@1:abort")


def test_a_sample_is_of_many_kinds_and_the_same_for_the_same_seed() -> None:
    chosen = sample(CASES, 10, seed=1)
    assert chosen == sample(CASES, 10, seed=1) != sample(CASES, 10, seed=2)
    assert len({(case.fault, case.at.partition("-")[0]) for case in chosen}) == 10
