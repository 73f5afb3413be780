"""Objects that come to count as the mesh's, or cease to, while they are there all along: nothing of them is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from kubectl_istio_upgrade.plan.age import SKEW, WAS_THERE

from .mesh import NAMESPACE, Json, Mesh, config_map, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

LABEL = "app.kubernetes.io/part-of"
OURS: Json = {"metadata": {"labels": {LABEL: "istio"}}}
NOBODYS: Json = {"metadata": {"labels": {LABEL: None}}}
KEY = f"configmaps {NAMESPACE}/gateway"


def gateway(labelled: bool) -> Json:
    body = config_map("gateway", NAMESPACE, port="80")
    return {**body, "metadata": {**body["metadata"], **(OURS["metadata"] if labelled else {})}}


def there(mesh: Mesh, body: Json) -> Json:
    found = mesh.get(body)
    assert found
    metadata: Json = found["metadata"]
    return metadata


def way_back(program: Program, mesh: Mesh) -> Json:
    """The rollback of this, and of a route that has been added: the change of what is kept. Its proof holds."""
    mesh.add(virtual_service("added"))
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    kept, deleted = sorted(done["plan"]["changes"], key=lambda change: str(change["action"]), reverse=True)
    assert (kept["action"], kept["name"], deleted["action"], deleted["name"]) == ("keep", "gateway", "delete", "added")
    assert done["proof"]["holds"]
    return dict(kept)


def test_what_was_there_before_it_got_its_label_is_not_deleted(program: Program, mesh: Mesh) -> None:
    """The upgrade of a gateway's chart gives it one: with the gateway the load balancer's address would go.

    It has to be older than clocks may differ.
    """
    body = gateway(labelled=False)
    uid = mesh.add(body)["metadata"]["uid"]
    time.sleep(SKEW.total_seconds() + 2)
    program("snapshot", "-q", "--name", "then").done()
    mesh.patch(body, OURS)
    assert way_back(program, mesh)["reason"] == WAS_THERE
    assert there(mesh, body)["uid"] == uid


def test_what_has_lost_its_label_gets_it_back_in_place(program: Program, mesh: Mesh) -> None:
    uid = mesh.add(gateway(labelled=True))["metadata"]["uid"]
    program("snapshot", "-q", "--name", "then").done()
    mesh.patch(gateway(labelled=True), {**NOBODYS, "data": {"port": "81"}})
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    assert [(change["action"], change["name"]) for change in done["plan"]["changes"]] == [("update", "gateway")]
    assert done["proof"]["holds"]
    now = mesh.get(gateway(labelled=True))
    assert now
    assert (now["metadata"]["uid"], now["metadata"]["labels"], now["data"]) == (uid, {LABEL: "istio"}, {"port": "80"})


def test_what_a_controller_has_taken_over_is_left_to_it(program: Program, mesh: Mesh) -> None:
    body = gateway(labelled=True)
    mesh.add(body)
    boss = mesh.add(config_map("boss", NAMESPACE))["metadata"]["uid"]
    program("snapshot", "-q", "--name", "then").done()
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "boss", "uid": boss, "controller": True}
    mesh.patch(body, {"metadata": {"ownerReferences": [owner]}})
    version = there(mesh, body)["resourceVersion"]
    assert "its controlling owner makes it" in way_back(program, mesh)["reason"]
    assert there(mesh, body)["resourceVersion"] == version


def test_what_no_snapshot_would_hold_is_not_applied_over(
    program: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    """No snapshot of before would have it, so there would be no way back."""
    mesh.add(gateway(labelled=False))
    with mesh.unchanged():
        refused = program("apply", "-f", manifest(gateway(labelled=True)), "--yes")
        refused.failed(3, f"{KEY}: it is there without any label of Istio's", hint=f"{LABEL}=istio")
