"""A planned change whose object has moved meanwhile, and one that turns out to be another."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.plans import Action
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
