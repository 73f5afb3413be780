"""From a record to a report: what is known of an operation, whoever recorded it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.models.operations import Aim, Attempt, End, Holder, Opening, Operation, Written
from kubectl_istio_upgrade.models.plans import Action, Outcome
from kubectl_istio_upgrade.models.reports import Ending, Report
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotInfo, SnapshotMeta, Versions
from kubectl_istio_upgrade.models.upgrades import Phase, PhaseOutcome, PhaseResult
from kubectl_istio_upgrade.operations.reporting.assembling import Sources, assemble
from kubectl_istio_upgrade.operations.reporting.finding import Recorded
from tests.support.upgrade_log import RECORD

from .builders import TYPES, key

CLUSTER = ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod", "v1.34.4")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, AFTER, TARGET = "b" * 40, "a" * 40, "c" * 40
ID = "20261124-120000-1a2b3c"
STEPS = tuple((key("Deployment", f"istio-system/{name}"), Action.UPDATE) for name in ("istiod", "gateway"))
OPENING = Opening(ID, "rollback", TARGET, "snapshot ccccccc", BEFORE, NOON, {})
RUN = Attempt(Aim.TARGET, "f" * 64, Holder("alice", "bastion", 1, "x"), NOON, STEPS)


def info(commit: str, purpose: Purpose, operation: Body | None = None, *, names: tuple[str, ...] = ()) -> SnapshotInfo:
    meta = SnapshotMeta(purpose, CLUSTER, NOON, types=TYPES, operation=operation)
    return SnapshotInfo(commit, "prod", meta, names)


def sources(record: Body, **changes: Any) -> Sources:
    after = info(AFTER, Purpose.AFTER, {"id": ID, "before": BEFORE, **record})
    before = info(BEFORE, Purpose.BEFORE, {"kind": "rollback", "target": TARGET})
    made = Sources(Recorded(ID, BEFORE, after), None, before, after)
    return replace(made, **changes)


def report(record: Body, **changes: Any) -> Report:
    return assemble(sources(record, **changes))


def cut_short(
    *runs: Attempt, written: Any = None, phases: tuple[PhaseResult, ...] = (), end: End | None = None
) -> Report:
    operation = Operation(OPENING, runs, written or {}, phases, end)
    recorded = Recorded(ID, BEFORE, unfinished=None if end else operation)
    journal = operation if end else None
    return assemble(Sources(recorded, journal, info(BEFORE, Purpose.BEFORE, {"kind": "rollback"}), None))


PROOF: Body = {"identical": 53, "residual": []}
OLD: Body = {"kind": "rollback", "target": TARGET, "started": "2026-11-24T12:00:00Z", "seconds": 7.0, "proof": PROOF}
"""All that the first version of this program recorded."""


def test_all_that_is_on_record_is_in_the_report() -> None:
    made = report(RECORD)
    assert (made.kind, made.target, made.ending, made.holder) == ("upgrade", "1.29.1", Ending.PROVED, "alice@bastion")
    assert made.versions_after == Versions(("1.29.1",), {"1.28.3": 4, "1.29.1": 44})
    assert [phase.phase for phase in made.phases][:2] == ["plan", "istioctl"]
    assert made.counts == {"create": 1, "update": 15}
    assert (made.probes[0].sent, made.probes[0].failed) == (1324, 2)
    assert made.proof
    assert [len(part) for part in (made.findings, made.checks, made.restarts, made.attempts)] == [3, 3, 3, 2]
    assert made.settings.startswith("apiVersion")
    assert (made.ended, made.started) == (datetime(2026, 11, 24, 0, 59, 51, 400000, UTC), made.attempts[0].started)


def test_objects_are_called_by_their_kind_where_it_is_known() -> None:
    steps = [
        {"object": name, "action": "update", "outcome": "done"}
        for name in ("deployments.apps istio-system/istiod", "clusterroles.rbac.authorization.k8s.io istiod", "x.y z")
    ]
    made = report({**OLD, "steps": steps})
    assert [step.object for step in made.steps] == ["Deployment istio-system/istiod", "ClusterRole istiod", "x.y z"]


def test_an_older_record_says_less_and_its_snapshots_say_more() -> None:
    then, now = Versions(("1.29.1",), {"1.29.1": 3}), Versions(("1.28.3",), {"1.28.3": 3})
    made = report(OLD, versions=(then, now), target=info(TARGET, Purpose.SNAPSHOT, names=("friday",)))
    assert (made.versions_before, made.versions_after) == (then, now)
    assert (made.target, made.context) == ("snapshot ccccccc (friday)", "prod")
    assert (made.holder, made.attempts, made.phases, made.warnings) == ("", (), (), ())


def test_runs_of_an_older_record_are_in_its_journal() -> None:
    made = report(OLD, journal=Operation(OPENING, (RUN,), end=End.PROVED))
    assert [(run.command, run.holder, run.writes) for run in made.attempts] == [("rollback", "alice@bastion", 2)]
    assert made.holder == "alice@bastion"


def test_a_target_that_is_gone_is_named_by_its_commit() -> None:
    assert report(OLD).target == "snapshot ccccccc"


@pytest.mark.parametrize(
    ("record", "ending"),
    [
        (OLD, Ending.PROVED),
        ({**OLD, "proof": {**PROOF, "residual": [{"object": "configmaps a/b", "change": "changed"}]}}, Ending.RESIDUAL),
        ({**OLD, "kind": "abort", "target": BEFORE}, Ending.ABORTED),
        ({"kind": "rollback"}, Ending.UNKNOWN),
    ],
)
def test_how_it_ended(record: Body, ending: Ending) -> None:
    assert report(record).ending is ending


def test_one_that_was_taken_back_is_called_what_it_had_been() -> None:
    own = {"kind": "apply", "target": "mesh.yaml", "label": "3 objects of mesh.yaml"}
    made = report({**OLD, "kind": "abort", "target": BEFORE, "aborted": own})
    assert (made.kind, made.target) == ("apply", "3 objects of mesh.yaml")
    assert made.way_back == ()
    older = report({**OLD, "kind": "abort", "target": BEFORE})
    assert (older.kind, older.target) == ("rollback", "snapshot ccccccc")


def test_an_unfinished_one_is_read_from_its_journal_and_says_how_far_it_got() -> None:
    made = cut_short(RUN, written={STEPS[0]: Written(Outcome.DONE, seconds=0.1), STEPS[1]: Written(None)})
    assert made.ending is Ending.UNFINISHED
    assert made.stopped_at == "1 of 2 writes made, 1 without a recorded outcome"
    assert [step.outcome for step in made.steps] == ["done", "unknown"]
    assert [command.command.split()[-1] for command in made.way_back] == ["resume", "abort"]
    assert (made.seconds, made.ended, made.proof, made.after) == (None, None, None, None)


def test_an_unfinished_upgrade_says_in_which_phase_it_stopped() -> None:
    begun = PhaseResult(Phase.APPLY, PhaseOutcome.BEGUN, NOON)
    made = cut_short(RUN, phases=(PhaseResult(Phase.REVIEW, PhaseOutcome.DONE, NOON, 3.0), begun))
    assert made.stopped_at == "phase apply was not finished; 0 of 2 writes made"
    assert [(one.phase, one.outcome, one.seconds) for one in made.phases] == [
        ("review", "done", 3.0),
        ("apply", "begun", None),
    ]
    failed = PhaseResult(Phase.APPLY, PhaseOutcome.FAILED, NOON, 9.0, reason="denied")
    made = cut_short(RUN, phases=(begun, failed))
    assert made.stopped_at == "phase apply failed; 0 of 2 writes made"
    assert [(one.outcome, one.reason) for one in made.phases] == [("failed", "denied")]


def test_one_that_died_before_its_first_run_was_on_record_is_still_reported() -> None:
    made = cut_short()
    assert (made.ending, made.attempts, made.started) == (Ending.UNFINISHED, (), NOON)


def test_one_that_stopped_before_its_first_write_changed_nothing() -> None:
    made = cut_short(RUN, written={STEPS[0]: Written(Outcome.FAILED, "denied")}, end=End.NOTHING)
    assert (made.ending, made.way_back) == (Ending.NOTHING, ())
    assert [(step.outcome, step.reason) for step in made.steps] == [("failed", "denied")]


def test_of_a_beginning_alone_nobody_knows_the_end() -> None:
    before = info(BEFORE, Purpose.BEFORE, {"kind": "rollback", "target": TARGET})
    made = assemble(Sources(Recorded("", BEFORE), None, before, None))
    assert (made.ending, made.target) == (Ending.UNKNOWN, "snapshot ccccccc")
    assert made.way_back[0].command == "kubectl istio-upgrade rollback bbbbbbb"


def test_the_way_back_says_what_else_it_takes_back() -> None:
    made = report(OLD, recorded=Recorded(ID, BEFORE, info(AFTER, Purpose.AFTER, OLD), later=2))
    assert made.way_back[0].command == "kubectl istio-upgrade rollback bbbbbbb"
    assert made.way_back[0].why == "goes back to the state before, and takes 2 later operations back with it"


def test_without_any_of_its_snapshots_there_is_no_report() -> None:
    with pytest.raises(ValueError, match="neither of its snapshots"):
        assemble(Sources(Recorded(ID, BEFORE), None, None, None))
