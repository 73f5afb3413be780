"""Objects that the mesh seems to lack and that are there: going, without their label, or a controller's by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kubectl_istio_upgrade.errors import RefusedError
from kubectl_istio_upgrade.models.changes import Change
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange, Write
from kubectl_istio_upgrade.plan import unlisted
from kubectl_istio_upgrade.plan.allocations import STAYS
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback

from .builders import obj, state

LABEL = {"app.kubernetes.io/part-of": "istio"}
HOME = obj("Namespace", "istio-ingress")
THEN = obj("Service", "istio-ingress/gateway", labels=LABEL, spec={"type": "LoadBalancer"})


def with_metadata(thing: MeshObject, **metadata: object) -> MeshObject:
    return replace(thing, body={**thing.body, "metadata": {**thing.body["metadata"], **metadata}})


def going(thing: MeshObject, *finalizers: str) -> MeshObject:
    when: Body = {"deletionTimestamp": "2026-11-23T08:00:00Z", "deletionGracePeriodSeconds": 0}
    return with_metadata(thing, **when, **({"finalizers": [*finalizers]} if finalizers else {}))


def plan(target: MeshObject, there: MeshObject, *live: MeshObject) -> tuple[Plan, list[Key]]:
    """The way back to a target that the live state lacks, and what was looked up for it."""
    asked: list[Key] = []

    def look_up(wanted: Mapping[Key, ResourceType]) -> Mapping[Key, MeshObject]:
        asked.extend(wanted)
        return {there.key: there} if there.key in wanted else {}

    options = RollbackOptions(unlisted=look_up)
    return plan_rollback(state(HOME, *live), state(HOME, target, label="then"), options), asked


def only(planned: tuple[Plan, list[Key]]) -> PlannedChange:
    (change,) = planned[0].changes
    return change


def test_what_is_being_deleted_is_waited_for_and_made_anew() -> None:
    there = replace(going(THEN, "a/b", "c/d"), server=replace(THEN.server, uid="old", resource_version="9"))
    change = only(plan(THEN, there))
    assert (change.action, change.write, change.uid) == (Action.RECREATE, Write.RECREATE, "old")
    assert change.reason == unlisted.GOING.format(held=", held by a/b, c/d")
    assert change.notes == (unlisted.NOT_TRIED,)
    assert change.body == THEN.body
    assert change.live is there


def test_what_is_made_anew_asks_for_no_node_port_that_another_has_by_now() -> None:
    def service(name: str, port: int) -> MeshObject:
        return obj("Service", f"istio-ingress/{name}", spec={"ports": [{"port": 443, "nodePort": port}]})

    there, other = going(service("gateway", 31000), "a/b"), service("other", 30443)
    options = RollbackOptions(unlisted=lambda _: {there.key: there}, services=lambda: (there, other))
    (change,) = plan_rollback(state(HOME), state(HOME, service("gateway", 30443), label="then"), options).changes
    assert change.action is Action.RECREATE
    assert (change.body or {})["spec"]["ports"] == [{"port": 443}]
    assert STAYS.format(claim="node port 30443", holder="Service istio-ingress/other") in change.notes


def test_what_has_lost_its_label_is_changed_in_place() -> None:
    stripped = with_metadata(replace(THEN, server=replace(THEN.server, uid="u", resource_version="9")), labels={})
    change = only(plan(THEN, stripped))
    assert (change.action, change.write, change.uid, change.resource_version) == (Action.UPDATE, Write.PUT, "u", "9")
    assert change.diff is not None
    assert (change.diff.change, [field.path for field in change.diff.fields]) == (
        Change.CHANGED,
        [("metadata", "labels")],
    )
    assert change.body is not None
    assert change.body["metadata"]["labels"] == LABEL


@pytest.mark.parametrize("finalizers", [(), ("a/b",)], ids=["there", "going"])
def test_what_a_controller_has_taken_over_is_left_to_it(finalizers: tuple[str, ...]) -> None:
    owner = {"apiVersion": "v1", "kind": "Boss", "name": "b", "uid": "b", "controller": True}
    owned = with_metadata(THEN, ownerReferences=[owner])
    change = only(plan(THEN, going(owned, *finalizers) if finalizers else owned))
    assert (change.action, change.write) == (Action.KEEP, Write.NONE)
    assert change.reason == unlisted.TAKEN_OVER.format(why="its controlling owner makes it")


def test_what_came_back_meanwhile_needs_nothing() -> None:
    done, _ = plan(THEN, THEN)
    assert (done.changes, done.same) == ((), 2)


def test_only_what_is_missing_is_looked_up_and_no_namespace() -> None:
    other = obj("Namespace", "other", labels={"istio-injection": "enabled"})
    live, changed = obj("ConfigMap", "ns/a", data={"a": "1"}), obj("ConfigMap", "ns/a", version="2", data={"a": "2"})
    asked: list[Key] = []

    def look_up(wanted: Mapping[Key, ResourceType]) -> Mapping[Key, MeshObject]:
        asked.extend(wanted)
        return {}

    plan_rollback(state(HOME, live), state(HOME, other, changed, THEN, label="then"), RollbackOptions(unlisted=look_up))
    assert asked == [THEN.key]
    nobody = RollbackOptions(lambda _key: False, unlisted=look_up)
    plan_rollback(state(HOME), state(HOME, THEN, label="then"), nobody)
    assert asked == [THEN.key]


def test_that_something_went_when_the_snapshot_was_taken_is_neither_a_difference_nor_sent() -> None:
    """Snapshots of earlier versions of this tool, and such backups, may hold it."""
    assert plan_rollback(state(HOME, THEN), state(HOME, going(THEN), label="then")).changes == ()
    live = obj("Service", "istio-ingress/gateway", version="2", labels=LABEL, spec={"type": "ClusterIP"})
    (change,) = plan_rollback(state(HOME, live), state(HOME, going(THEN), label="then")).changes
    assert change.body is not None
    assert change.body["metadata"].keys() == {"name", "namespace", "labels", "uid", "resourceVersion"}


def test_what_no_snapshot_would_hold_is_refused_with_the_reason_of_each() -> None:
    held, bare = going(THEN, "a/b"), obj("Service", "istio-ingress/bare")
    unlisted.refuse({})
    with pytest.raises(RefusedError) as refused:
        unlisted.refuse({held.key: held, bare.key: bare})
    assert "services istio-ingress/gateway: its deletion was asked for, held by a/b" in refused.value.message
    assert "services istio-ingress/bare: it is there without any label of Istio's" in refused.value.message
    assert unlisted.no_way_back({bare.key: bare}) == (
        unlisted.NO_WAY_BACK.format(key="services istio-ingress/bare", why=unlisted.UNHELD),
    )
