"""What is written down of an operation, at its end and before it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubectl_istio_upgrade.apply.execution import Execution
from kubectl_istio_upgrade.models.operations import Aim, Attempt, Holder, Opening, Operation, Restarted, Written
from kubectl_istio_upgrade.models.plans import Action, FollowUp, Outcome, Plan, Proof, StepResult
from kubectl_istio_upgrade.models.snapshots import Versions
from kubectl_istio_upgrade.operations.records import Course, intent_of, record_of, record_so_far, safe_to_keep, steps_of

from .builders import key

NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
OPENING = Opening("20261124-120000-1a2b3c", "rollback", "c" * 40, "snapshot ccccccc", "b" * 40, NOON, {})
ALICE, BOB = Holder("alice", "bastion", 1, "x"), Holder("bob", "laptop", 2, "y")
FIRST, SECOND, THIRD = (key("ConfigMap", f"istio-system/{name}") for name in ("a", "b", "c"))
STEPS = tuple((each, Action.UPDATE) for each in (FIRST, SECOND, THIRD))
BEGUN = Attempt(Aim.TARGET, "f" * 64, ALICE, NOON, STEPS)
RESUMED = Attempt(Aim.TARGET, "e" * 64, BOB, NOON + timedelta(minutes=5), STEPS[1:])
TAKEN_BACK = Attempt(Aim.BEFORE, "d" * 64, BOB, NOON + timedelta(minutes=9), STEPS[:1])
STEPS_TAKEN = [{"object": "configmaps istio-system/a", "action": "update", "outcome": "done", "seconds": 0.1}]
PLAN = Plan(
    "rollback",
    "snapshot ccccccc",
    (),
    0,
    "e" * 64,
    warnings=("the CA has changed",),
    follow_ups=(FollowUp("helm rollback istiod 1", "else Helm takes 2 for deployed"),),
)
COURSE = Course(
    attempts=(BEGUN, RESUMED),
    context="prod",
    before=Versions(("1.29.1",), {"1.29.1": 3}),
    after=Versions(("1.28.3",), {"1.29.1": 3}),
    started=NOON,
    seconds=7.03512,
)


def test_a_record_says_who_where_what_and_how_it_went() -> None:
    record = record_of(OPENING, Aim.TARGET, PLAN, [], Proof("", 53, (), (), 1), COURSE)
    assert record["holder"] == {"user": "bob", "host": "laptop"}
    assert (record["context"], record["started"], record["seconds"]) == ("prod", "2026-11-24T12:00:00Z", 7.035)
    assert record["versions"] == {
        "before": {"controlPlane": ["1.29.1"], "proxies": {"1.29.1": 3}},
        "after": {"controlPlane": ["1.28.3"], "proxies": {"1.29.1": 3}},
    }
    assert record["warnings"] == ["the CA has changed"]
    assert record["followUps"] == [{"command": "helm rollback istiod 1", "why": "else Helm takes 2 for deployed"}]
    assert [(run["command"], run["holder"]["user"], run["steps"]) for run in record["attempts"]] == [
        ("rollback", "alice", 3),
        ("resume", "bob", 2),
    ]


def test_one_that_was_taken_back_is_of_that_kind_and_tells_what_it_had_been() -> None:
    record = record_of(OPENING, Aim.BEFORE, PLAN, [], Proof("", 53, (), (), 1), COURSE)
    assert (record["kind"], record["target"]) == ("abort", OPENING.before)
    assert record["aborted"] == {"kind": "rollback", "target": "c" * 40, "label": "snapshot ccccccc"}


def test_the_snapshot_before_names_the_operation_that_it_belongs_to() -> None:
    operation = Operation(OPENING, (BEGUN,))
    assert intent_of(PLAN, "c" * 40, Aim.TARGET, OPENING.id, None)["id"] == OPENING.id
    assert intent_of(PLAN, "c" * 40, Aim.TARGET, OPENING.id, operation)["continues"] == OPENING.id


def test_before_its_end_it_tells_what_was_written_what_may_have_been_and_what_was_not_begun() -> None:
    written = {STEPS[0]: Written(Outcome.DONE, seconds=0.5), STEPS[1]: Written(None)}
    record = record_so_far(Operation(OPENING, (BEGUN,), written))
    assert [(step["object"], step["outcome"]) for step in record["steps"]] == [
        ("configmaps istio-system/a", "done"),
        ("configmaps istio-system/b", "unknown"),
        ("configmaps istio-system/c", "pending"),
    ]
    assert record["steps"][0]["seconds"] == 0.5
    assert "proof" not in record


def test_one_that_is_being_taken_back_says_so() -> None:
    record = record_so_far(Operation(OPENING, (BEGUN, TAKEN_BACK)))
    assert (record["kind"], record["aborted"]["kind"]) == ("abort", "rollback")
    assert [run["command"] for run in record["attempts"]] == ["rollback", "abort"]


def test_writes_of_earlier_runs_keep_their_place_time_and_reason() -> None:
    earlier = Operation(OPENING, (BEGUN,), {STEPS[0]: Written(Outcome.FAILED, "denied", 0.25), STEPS[1]: Written(None)})
    execution = Execution((StepResult(SECOND, Action.UPDATE, Outcome.DONE, 0.1),))
    assert steps_of(earlier, execution) == [
        {
            "object": "configmaps istio-system/a",
            "action": "update",
            "outcome": "failed",
            "seconds": 0.25,
            "reason": "denied",
        },
        {"object": "configmaps istio-system/b", "action": "update", "outcome": "done", "seconds": 0.1},
    ]


class Digests:
    key_id = "0123456789abcdef"

    def digest(self, context: str, value: bytes) -> str:
        return f"hmac-sha256:{hashlib.sha256(context.encode() + value).hexdigest()}"


def test_credentials_in_what_was_told_are_digests_before_they_are_kept() -> None:
    record = record_of(OPENING, Aim.TARGET, PLAN, STEPS_TAKEN, Proof("", 53, (), (), 1), COURSE)
    told = {
        "settings": "spec:\n  meshConfig:\n    url: https://alice:hunter2@example.com/\n  hub: docker.io/istio\n",
        "probes": [{"probe": "https://bob:swordfish@shop.example.com/", "phases": []}],
    }
    kept = safe_to_keep(record | told, Digests())
    assert "hunter2" not in str(kept)
    assert "swordfish" not in str(kept)
    assert kept["settings"].endswith("@example.com/\n  hub: docker.io/istio\n")
    assert {name: kept[name] for name in record} == record


def test_restarts_of_an_unfinished_operation_are_on_record_as_far_as_they_are_known() -> None:
    made = Restarted(key("Deployment", "shop/web"), "u1", None, "2026-11-24T12:00:00Z", Outcome.DONE, "image")
    unknown = replace(made, key=key("Deployment", "shop/api"), outcome=None)
    operation = Operation(OPENING, (BEGUN,), restarts=(made, unknown))
    assert [(each["object"], each["outcome"]) for each in record_so_far(operation)["restarts"]] == [
        ("deployments.apps shop/web", "done"),
        ("deployments.apps shop/api", "unknown"),
    ]
    assert "restarts" not in record_so_far(replace(operation, restarts=()))
