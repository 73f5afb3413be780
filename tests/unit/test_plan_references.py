"""Owner references: put back where the owner is there, left out where its UID would get the object deleted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.changes import Change, FieldOp
from kubectl_istio_upgrade.models.objects import Body, Json, MeshObject
from kubectl_istio_upgrade.models.plans import Action, PlannedChange
from kubectl_istio_upgrade.plan.references import OWNERS_LEFT_OUT
from kubectl_istio_upgrade.plan.revise import against_live, as_recreation
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state

GONE = OWNERS_LEFT_OUT.format(owners="ConfigMap owner")


def reference(name: str, uid: str, **more: object) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, **more}


def owned(value: str, *references: Body, version: str = "") -> MeshObject:
    made = obj("ConfigMap", "istio-system/a", version=version or value, data={"a": value})
    own = {"ownerReferences": [*references]} if references else {}
    return replace(made, body={**made.body, "metadata": {**made.body["metadata"], **own}})


def change(live: MeshObject | None, target: MeshObject, *others: MeshObject) -> PlannedChange:
    """What is planned for the one object; the others are live, and no part of what is looked at."""
    there = state(*filter(None, [live]), *others)
    (planned,) = (each for each in plan_rollback(there, state(target, label="then")).changes if each.key == target.key)
    return planned


def references(planned: PlannedChange) -> Json:
    return (planned.body or {})["metadata"].get("ownerReferences", [])


LIVES = obj("ConfigMap", "istio-system/owner", uid="new")
THEN, OTHER = owned("1", reference("owner", "old")), owned("2", reference("other", "other"))


@pytest.mark.parametrize("live", [None, owned("2"), OTHER], ids=["deleted", "without", "another"])
def test_an_owner_that_is_not_there_is_left_out_and_told(live: MeshObject | None) -> None:
    planned = change(live, THEN)
    assert planned.action is (Action.UPDATE if live else Action.CREATE)
    assert "ownerReferences" not in (planned.body or {})["metadata"]
    assert planned.notes == (GONE,)
    (left,) = planned.leaves
    assert (left.op, left.path) == (FieldOp.ADD, ("metadata", "ownerReferences"))


@pytest.mark.parametrize("live", [None, owned("2"), OTHER], ids=["deleted", "without", "another"])
def test_an_owner_that_is_there_comes_back_by_its_present_uid(live: MeshObject | None) -> None:
    planned = change(live, THEN, LIVES)
    assert references(planned) == [reference("owner", "new")]
    assert (planned.notes, planned.leaves) == ((), ())


def test_a_reference_that_the_live_object_has_is_taken_for_good_wherever_its_owner_is() -> None:
    planned = change(owned("2", reference("owner", "new", controller=False)), THEN)
    assert references(planned) == [reference("owner", "new")]
    assert planned.notes == ()


def test_of_several_owners_those_that_are_there_stay() -> None:
    planned = change(owned("2"), owned("1", reference("owner", "old"), reference("lost", "lost")), LIVES)
    assert references(planned) == [reference("owner", "new")]
    assert planned.notes == (OWNERS_LEFT_OUT.format(owners="ConfigMap lost"),)
    assert [len(left.path) for left in planned.leaves] == [3]


def test_an_owner_of_the_same_name_in_another_group_or_namespace_is_another() -> None:
    elsewhere = obj("ConfigMap", "shop/owner", uid="x")
    assert change(owned("2"), THEN, elsewhere).notes == (GONE,)
    sail = {"apiVersion": "sailoperator.io/v1", "kind": "ConfigMap", "name": "owner", "uid": "old"}
    assert change(owned("2"), owned("1", sail), LIVES).notes == (GONE,)


def test_an_owner_without_a_namespace_may_own_anything() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1beta1", "kind": "ClusterRole", "name": "reader", "uid": "old"}
    planned = change(owned("2"), owned("1", role), obj("ClusterRole", "reader", uid="new"))
    assert references(planned) == [{**role, "uid": "new"}]


@pytest.mark.parametrize("now", [(), (reference("other", "other"),)], ids=["without", "another"])
def test_where_nothing_else_can_be_put_back_the_object_is_kept(now: tuple[Body, ...]) -> None:
    """Another owner is taken away first; then there is nothing left to do, however often one asks."""
    planned = change(owned("1", *now, version="2"), THEN)
    expected = (Action.UPDATE, "", (GONE,)) if now else (Action.KEEP, GONE, ())
    assert (planned.action, planned.reason, planned.notes) == expected
    assert planned.diff is not None
    assert planned.diff.change is Change.CHANGED


def test_a_plan_made_again_and_a_recreation_send_no_owner_that_is_gone_either() -> None:
    planned = change(owned("2"), owned("1", reference("owner", "old"), reference("lost", "lost")), LIVES)
    again = against_live(planned, owned("3"))
    recreated = as_recreation(planned, "field is immutable")
    assert references(again) == references(recreated) == [reference("owner", "new")]
    assert recreated.leaves == planned.leaves
