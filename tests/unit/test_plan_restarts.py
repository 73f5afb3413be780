"""Restarts as planned changes, their batches, and how they are taken back over any number of operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.operations import Restarted
from kubectl_istio_upgrade.models.plans import Action, Outcome, PlannedChange, Write
from kubectl_istio_upgrade.plan import restarts
from kubectl_istio_upgrade.plan.restarts import (
    batches,
    folded,
    planned_restart,
    replaces_pods,
    restarted_at,
    restarted_by,
    to_undo,
    undo_of,
)
from kubectl_istio_upgrade.plan.revise import against_live, has_moved
from kubectl_istio_upgrade.plan.rollback import plan_hash, plan_rollback, write_order

from .builders import key, obj, state, type_of

AT = "kubectl.kubernetes.io/restartedAt"
T1, T2, T3 = "2026-11-25T01:00:00Z", "2026-11-25T02:00:00Z", "2026-11-25T03:00:00Z"
TYPE = type_of("Deployment")
FIELD: Body = {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {".": {}, f"f:{AT}": {}}}}}}
OTHERS = {"manager": "kubectl-rollout", "operation": "Update", "apiVersion": "apps/v1"}


def web(at: str | None = None, *, name: str = "shop/web", **spec: Any) -> MeshObject:
    annotations = {"annotations": {AT: at}} if at else {}
    template = {"metadata": {"labels": {"app": "web"}, **annotations}, "spec": {"containers": [{"image": "a"}]}}
    return obj("Deployment", name, uid="u", spec={"template": template, **spec})


def test_a_restart_sets_one_annotation_of_the_template_and_nothing_else() -> None:
    change = planned_restart(web(), TYPE, T1)
    assert (change.action, change.write) == (Action.RESTART, Write.PATCH)
    assert change.body == {
        "metadata": {"uid": "u", "resourceVersion": "1"},
        "spec": {"template": {"metadata": {"annotations": {AT: T1}}}},
    }
    assert change.restart is not None
    assert (change.restart.before, change.restart.after, change.restart.labels) == (None, T1, {"app": "web"})


def test_its_record_has_what_takes_it_back_owners_included() -> None:
    owner = {**OTHERS, "fieldsV1": {**FIELD, "f:metadata": {"f:labels": {}}}}
    live = web(T1)
    live = replace(live, server=replace(live.server, managed_fields=(owner,)))
    record = restarted_by(planned_restart(live, TYPE, T2, reason="old"), Outcome.DONE)
    assert record is not None
    assert (record.before, record.after, record.reason, record.outcome) == (T1, T2, "old", Outcome.DONE)
    assert record.owners == ({**OTHERS, "fieldsV1": FIELD},), "of this field alone"
    assert Restarted.of_data(record.to_data()) == record


def test_what_is_approved_includes_the_time() -> None:
    assert plan_hash([planned_restart(web(), TYPE, T1)]) != plan_hash([planned_restart(web(), TYPE, T2)])


def test_for_a_restart_only_the_template_counts_as_a_change_by_others() -> None:
    change = planned_restart(web(replicas=1), TYPE, T1)
    assert not has_moved(change, web(replicas=1), web(replicas=5))
    assert has_moved(change, web(), web(T3))
    other = replace(web(), server=replace(web().server, uid="other"))
    assert has_moved(change, web(), other)


def entry(before: str | None, after: str | None, outcome: Outcome | None = Outcome.DONE, **fields: Any) -> Restarted:
    return Restarted(key("Deployment", "shop/web"), fields.pop("uid", "u"), before, after, outcome, **fields)


def undone(live: MeshObject | None, *entries: Restarted) -> PlannedChange | None:
    (undo,) = to_undo(entries).values()
    return undo_of(undo, live, TYPE, "back")


def after_of(change: PlannedChange | None) -> str | None:
    assert change is not None
    assert change.restart is not None
    return change.restart.after


def test_a_restart_is_taken_back_to_the_annotation_of_before() -> None:
    assert after_of(undone(web(T1), entry(None, T1))) is None
    assert after_of(undone(web(T2), entry(T1, T2))) == T1


def test_of_several_restarts_the_first_says_where_to_and_the_last_whose_it_is() -> None:
    chain = (entry(None, T1), entry(T1, T2))
    assert after_of(undone(web(T2), *chain)) is None
    kept = undone(web(T1), *chain)
    assert kept is not None
    assert (kept.action, kept.reason) == (Action.KEEP, restarts.BY_OTHERS)


def test_restarts_by_others_in_between_do_not_hide_ours() -> None:
    assert after_of(undone(web(T3), entry(None, T1), entry(T2, T3))) is None


def test_what_has_been_taken_back_needs_nothing() -> None:
    assert undone(web(), entry(None, T1), entry(T1, None)) is None


def test_a_rollback_of_the_rollback_restarts_once_more_with_the_same_time() -> None:
    assert after_of(undone(web(), entry(T1, None))) == T1


@pytest.mark.parametrize("outcome", [None, Outcome.UNKNOWN])
def test_where_nobody_knows_whether_it_happened_both_are_ours(outcome: Outcome | None) -> None:
    assert after_of(undone(web(T1), entry(None, T1, outcome))) is None
    assert undone(web(), entry(None, T1, outcome)) is None


def test_what_never_happened_is_not_taken_back() -> None:
    assert to_undo([entry(None, T1, Outcome.FAILED), entry(None, T1, Outcome.SKIPPED)]) == {}


def test_what_is_gone_or_was_made_anew_stays() -> None:
    gone, anew = undone(None, entry(None, T1)), undone(web(T1), entry(None, T1, uid="old"))
    assert gone is not None
    assert anew is not None
    assert (gone.reason, anew.reason) == (restarts.GONE, restarts.MADE_ANEW)


def test_owners_of_the_first_get_the_annotation_back() -> None:
    owner = {**OTHERS, "fieldsV1": FIELD}
    change = undone(web(T3), entry(T1, T2, owners=(owner,)), entry(T2, T3))
    assert change is not None
    assert change.restart is not None
    assert change.restart.owners_after == (owner,)


def test_an_update_takes_the_restart_along_also_when_it_is_planned_again() -> None:
    live, target = web(T1, replicas=1), web(T3, replicas=2)
    target = replace(target, server=replace(target.server, resource_version="0"))
    (update,) = plan_rollback(state(live), state(target)).writes
    assert restarted_at(update.body or {}) == T1, "an update alone keeps what is there"
    both = folded(update, planned_restart(live, TYPE, None, reason="back"))
    assert restarted_at(both.body or {}) is None
    assert both.notes[-1] == "back"
    moved = replace(live, server=replace(live.server, resource_version="9"))
    again = against_live(both, moved)
    assert restarted_at(again.body or {}) is None
    assert (again.body or {})["metadata"]["resourceVersion"] == "9"


def test_an_update_that_has_something_to_note_records_all_the_same_why_it_restarts() -> None:
    target = replace(web(replicas=2), server=replace(web().server, resource_version="0"))
    (update,) = plan_rollback(state(web(T1)), state(target)).writes
    noted = folded(replace(update, notes=("an owner is gone",)), planned_restart(web(T1), TYPE, None, reason="back"))
    record = restarted_by(noted)
    assert record is not None
    assert record.reason == "back"
    assert set(noted.notes) == {"back", "an owner is gone"}


def test_restarts_come_after_everything_else_by_namespace() -> None:
    live = (obj("VirtualService", "shop/web", version="2", spec={"a": 1}), obj("VirtualService", "shop/new"))
    writes = plan_rollback(state(*live), state(obj("VirtualService", "shop/web", spec={"a": 2}))).writes
    again = [planned_restart(web(name=name), TYPE, T1) for name in ("b/x", "a/y", "b/a")]
    ordered = sorted((*again, *writes), key=write_order)
    assert [change.action for change in ordered] == [Action.UPDATE, Action.DELETE, *[Action.RESTART] * 3]
    assert [str(change.key).split()[1] for change in ordered[2:]] == ["a/y", "b/a", "b/x"]


def restart_of(name: str, *budgets: str, takes: int = 1) -> PlannedChange:
    change = planned_restart(web(name=name), TYPE, T1)
    assert change.restart
    return replace(change, restart=replace(change.restart, takes=takes, budgets=budgets))


def named(changes: list[PlannedChange], size: int) -> list[list[str]]:
    return [[change.key.name for change in batch] for batch in batches(changes, size)]


def test_batches_are_of_one_namespace_and_no_larger_than_asked() -> None:
    changes = [restart_of(name) for name in ("a/1", "a/2", "a/3", "b/4", "b/5")]
    assert named(changes, 2) == [["1", "2"], ["3"], ["4", "5"]]
    assert named(changes, 9) == [["1", "2", "3"], ["4", "5"]]


def test_no_two_of_a_batch_share_a_budget() -> None:
    changes = [restart_of("a/1", "x"), restart_of("a/2", "x"), restart_of("a/3", "y"), restart_of("a/4", "x", takes=0)]
    assert named(changes, 9) == [["1", "3", "4"], ["2"]]


@pytest.mark.parametrize(
    ("now", "then", "replaces"),
    [
        ({"labels": {"chart": "2"}}, {"labels": {"chart": "1"}}, True),
        ({}, {}, False),
        ({"labels": {"chart": "2"}, "paused": True}, {"labels": {"chart": "1"}, "paused": True}, False),
    ],
    ids=["another template", "the same template", "a rollout that is paused"],
)
def test_an_update_replaces_pods_by_another_template_that_is_rolled_out(now: Body, then: Body, replaces: bool) -> None:
    def gateway(version: str, labels: Body | None = None, **spec: Any) -> MeshObject:
        template = {"metadata": {"labels": labels or {}}}
        return obj(
            "Deployment", "shop/web", uid="u", version=version, spec={"template": template, **spec, "x": version}
        )

    (change,) = plan_rollback(state(gateway("2", **now)), state(gateway("1", **then))).writes
    assert replaces_pods(change) is replaces
