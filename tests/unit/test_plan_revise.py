"""A planned change whose object has moved meanwhile, and one that turns out to be another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.objects import Body, MeshObject, ServerFields
from kubectl_istio_upgrade.models.plans import Action, Write
from kubectl_istio_upgrade.plan import revise
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state


def gateway(image: str, version: str, **template: Body) -> MeshObject:
    metadata = {"labels": {"app": "gateway"}, **template}
    spec = {"template": {"metadata": metadata, "spec": {"containers": [{"name": "istio-proxy", "image": image}]}}}
    return obj("Deployment", "istio-system/gateway", version=version, spec=spec)


def test_a_restart_after_the_plan_was_made_does_not_stop_it() -> None:
    live = gateway("new", "2")
    (change,) = plan_rollback(state(live), state(gateway("old", "1"), label="then")).changes
    restarted = gateway("new", "3", annotations={"kubectl.kubernetes.io/restartedAt": "now"})
    assert change.action is Action.UPDATE
    assert not revise.has_moved(change, live, restarted)
    assert revise.has_moved(change, live, gateway("newer", "3"))
    body = revise.against_live(change, restarted).body or {}
    assert body["metadata"]["resourceVersion"] == "3"
    assert body["spec"]["template"]["metadata"]["annotations"] == {"kubectl.kubernetes.io/restartedAt": "now"}


def test_a_recreation_has_the_content_of_the_update_without_its_preconditions() -> None:
    """What the live object has allocated is free again by then; what the snapshot has may be somebody else's."""

    def service(port: int, address: str, **spec: object) -> MeshObject:
        ports = [{"port": 80, "protocol": "TCP", "nodePort": port}]
        return obj("Service", "istio-system/gateway", spec={"clusterIP": address, "ports": ports, **spec})

    live = replace(service(31000, "10.0.0.2"), server=ServerFields("uid-now", "7"))
    (update,) = plan_rollback(state(live), state(service(30443, "10.0.0.1", loadBalancerClass="a/b"))).changes
    recreated = revise.as_recreation(update, "may not change once set")
    assert (recreated.action, recreated.write) == (Action.RECREATE, Write.RECREATE)
    assert recreated.body == service(31000, "10.0.0.2", loadBalancerClass="a/b").body


@pytest.mark.parametrize(
    ("then", "now", "sent"),
    [
        (["10.0.0.1"], ["None"], ["10.0.0.1"]),
        (["10.0.0.1"], ["10.0.0.2", "fd00::2"], None),
        (["None"], ["10.0.0.2", "fd00::2"], ["None"]),
    ],
    ids=["headless", "two stacks", "headless then"],
)
def test_a_recreated_service_has_the_address_families_of_the_target_and_no_address_of_another(
    then: list[str], now: list[str], sent: list[str] | None
) -> None:
    """The API server makes a headless Service without a selector of two stacks, whatever the cluster has."""

    def service(addresses: list[str], *families: str, version: str) -> MeshObject:
        spec: Body = {"clusterIP": addresses[0], "clusterIPs": addresses, "ipFamilies": [*families]}
        spec["loadBalancerClass"] = f"example.com/{version}"
        return obj("Service", "istio-system/gateway", version=version, spec=spec)

    live, target = service(now, "IPv4", "IPv6", version="2"), service(then, "IPv4", version="1")
    (update,) = plan_rollback(state(live), state(target)).changes
    spec = (revise.as_recreation(update, "").body or {})["spec"]
    assert (spec.get("clusterIPs"), spec["ipFamilies"]) == (sent, ["IPv4"])
    assert ("clusterIP" in spec) == (sent is not None)


def test_what_somebody_deletes_after_the_plan_was_made_has_moved_unless_the_plan_deletes_it_too() -> None:
    live = gateway("new", "2")
    going = replace(live, body={**live.body, "metadata": {**live.body["metadata"], "deletionTimestamp": "now"}})
    (update,) = plan_rollback(state(live), state(gateway("old", "1"), label="then")).changes
    (deletion,) = plan_rollback(state(live), state(label="then")).changes
    assert revise.has_moved(update, live, going)
    assert not revise.has_moved(deletion, live, going)
