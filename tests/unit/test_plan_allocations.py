"""Services that come back, and what of theirs another Service has by now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange
from kubectl_istio_upgrade.plan.allocations import (
    COMES_BACK,
    GOING,
    MAKES_ROOM,
    STAYS,
    STAYS_HEADLESS,
    Claim,
    claims,
    freed_first,
    without,
)
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.rules.order import FREED, RETIRED, STAGES, stage_named

from .builders import obj, state

HOME = obj("Namespace", "istio-system")
PORT, ADDRESS = Claim("node port", "30443"), Claim("cluster IP", "10.0.0.7")


def service(name: str, *node_ports: int, address: str = "", **spec: object) -> MeshObject:
    ports = [{"port": 443 + number, "nodePort": port} for number, port in enumerate(node_ports)]
    addresses = {"clusterIP": address, "clusterIPs": [address]} if address else {}
    namespaced = name if "/" in name else f"istio-system/{name}"
    return obj("Service", namespaced, spec={"ports": ports, **addresses, **spec})


def plan(
    live: tuple[MeshObject, ...],
    target: tuple[MeshObject, ...],
    options: RollbackOptions | None = None,
    elsewhere: tuple[MeshObject, ...] = (),
) -> Plan:
    options = replace(options or RollbackOptions(), services=lambda: (*live, *elsewhere))
    return plan_rollback(state(HOME, *live), state(HOME, *target), options)


def of(planned: Plan, name: str) -> PlannedChange:
    return next(change for change in planned.changes if change.key.name == name)


def spec_of(change: PlannedChange) -> Body:
    assert change.body is not None
    spec: Body = change.body["spec"]
    return spec


def test_who_has_what_comes_back_and_goes_is_deleted_right_before() -> None:
    renamed = plan((service("new", 30443),), (service("old", 30443), obj("ServiceAccount", "istio-system/a")))
    assert [(str(change.action), change.key.name, STAGES[change.stage].name) for change in renamed.changes] == [
        ("create", "a", "permissions"), ("delete", "new", FREED), ("create", "old", "services"),
    ]  # fmt: skip
    old, new = of(renamed, "old"), of(renamed, "new")
    assert spec_of(old)["ports"] == [{"port": 443, "nodePort": 30443}]
    assert old.notes == (COMES_BACK.format(claim=PORT, holder="Service istio-system/new"),)
    assert new.notes == (MAKES_ROOM.format(claim=PORT, name="Service istio-system/old"),)


def test_other_deletions_of_services_stay_where_they_are() -> None:
    both = plan((service("new", 30443), service("other", 30444)), (service("old", 30443),))
    assert [change.key.name for change in both.changes] == ["new", "old", "other"]
    assert of(both, "other").notes == ()


@pytest.mark.parametrize("kept", [RollbackOptions(delete_added=False), RollbackOptions(others=lambda _: "by bob")])
def test_what_somebody_has_who_stays_is_left_out(kept: RollbackOptions) -> None:
    only_old = replace(kept, others=lambda diff: "" if diff.key.name == "old" else kept.others(diff))
    planned = plan((service("new", 30443),), (service("old", 30443, 30444),), only_old)
    old, new = of(planned, "old"), of(planned, "new")
    assert spec_of(old)["ports"] == [{"port": 443}, {"port": 444, "nodePort": 30444}]
    assert old.notes == (STAYS.format(claim=PORT, holder="Service istio-system/new"),)
    assert (new.action, new.notes) == (Action.KEEP, ())


def test_so_is_what_somebody_has_whom_no_snapshot_holds() -> None:
    stranger = service("shop/web", address="10.0.0.7")
    old = of(plan((), (service("old", 30443, address="10.0.0.7"),), elsewhere=(stranger,)), "old")
    assert spec_of(old) == {"ports": [{"port": 443, "nodePort": 30443}]}
    assert old.notes == (STAYS.format(claim=ADDRESS, holder="Service shop/web"),)


def test_who_is_being_deleted_is_waited_for_be_it_in_a_snapshot_or_not() -> None:
    going = service("other/new", 30443)
    metadata = {**going.body["metadata"], "deletionTimestamp": "2026-11-23T08:00:00Z", "finalizers": ["a/b"]}
    going = replace(going, body={**going.body, "metadata": metadata})
    idle = replace(service("other/idle", 30555), body={**service("other/idle", 30555).body, "metadata": metadata})
    planned = plan((), (service("old", 30443),), elsewhere=(going, idle))
    assert [(str(change.action), change.key.name) for change in planned.changes] == [
        ("delete", "new"),
        ("create", "old"),
    ]
    first, second = planned.changes
    assert first.uid == going.server.uid
    assert first.notes == (
        GOING.format(held=", held by a/b"),
        MAKES_ROOM.format(name="Service istio-system/old", claim=PORT),
    )
    assert second.notes == (COMES_BACK.format(claim=PORT, holder="Service other/new"),)
    assert claims(second.body or {}) == {PORT}


def test_an_update_asks_for_no_more_than_is_free_either() -> None:
    live = obj("Service", "istio-system/old", version="2", spec={"type": "ClusterIP", "ports": [{"port": 443}]})
    target = service("old", 30443, type="NodePort")
    old = of(plan((live, service("stays", 30443)), (target, service("stays", 30443))), "old")
    assert (old.action, spec_of(old)["ports"]) == (Action.UPDATE, [{"port": 443}])
    old = of(plan((live, service("new", 30443)), (target,)), "old")
    assert spec_of(old)["ports"] == [{"port": 443, "nodePort": 30443}]


def test_nobody_is_asked_where_each_service_has_what_it_wants() -> None:
    def services() -> tuple[MeshObject, ...]:
        raise AssertionError("all Services of the cluster are read for nothing")

    live = service("a", 30443, address="10.0.0.7")
    options = RollbackOptions(services=services)
    target = replace(service("a", 30443, address="10.0.0.7", selector={"app": "x"}))
    changed = plan_rollback(
        state(HOME, replace(live, server=replace(live.server, resource_version="2"))), state(HOME, target), options
    )
    assert [change.action for change in changed.changes] == [Action.UPDATE]
    plan_rollback(
        state(HOME), state(HOME, obj("ConfigMap", "istio-system/a"), service("none", address="None")), options
    )


def test_a_service_that_goes_with_its_control_plane_does_not_go_first() -> None:
    """Workloads may still use it then."""
    going = of(plan((service("new", 30443),), (service("old", 30443),)), "new")
    late = replace(going, stage=stage_named(RETIRED), notes=())
    old = replace(of(plan((), (service("old", 30443),)), "old"))
    left, created = freed_first([late, old], lambda: (service("new", 30443),))
    assert (left.stage, left.notes) == (stage_named(RETIRED), ())
    assert spec_of(created)["ports"] == [{"port": 443}]


def test_ports_of_health_checks_are_node_ports_and_addresses_go_together() -> None:
    both = {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7", "fd00::7"], "ipFamilies": ["IPv4", "IPv6"]}
    body = obj("Service", "istio-system/a", spec={**both, "healthCheckNodePort": 30443}).body
    assert claims(body) == {PORT, ADDRESS, Claim("cluster IP", "fd00::7")}
    assert without(body, {PORT})["spec"] == both
    assert without(body, {Claim("cluster IP", "fd00::7")})["spec"] == {
        "healthCheckNodePort": 30443, "ipFamilies": ["IPv4", "IPv6"],
    }  # fmt: skip
    assert without(body, {Claim("node port", "30444")}) is body


def test_an_address_that_another_has_takes_a_new_service_where_the_present_one_is_headless() -> None:
    """An update without an address passes, and leaves the Service headless."""
    live, target = service("old", address="None"), service("old", address="10.0.0.7")
    live = replace(live, server=replace(live.server, resource_version="2"))
    stranger, new = service("shop/web", address="10.0.0.7"), service("new", address="10.0.0.7")
    for others, elsewhere, address in (((), (stranger,), None), ((new,), (), "10.0.0.7")):
        old = of(plan((live, *others), (target,), elsewhere=elsewhere), "old")
        assert (old.action, old.reason) == (Action.RECREATE, STAYS_HEADLESS)
        assert spec_of(old).get("clusterIP") == address
        assert "resourceVersion" not in (old.body or {})["metadata"]
    assert of(plan((live,), (target,)), "old").action is Action.UPDATE, "the API server refuses that, and says why"
