"""The recovery case: istiod is dead, its validator fails closed, and the mesh has to go back to what it was."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.install import wait_webhooks
from tests.controlplane.processes import TestbedError
from tests.support.cli import Ran

from .comparison import Comparison, compare
from .mesh import NEW, OLD, START, Mesh, settled
from .story import ADDED, small_drift

pytestmark = pytest.mark.mesh

VALIDATORS = "validatingwebhookconfigurations"
MARK = "kubectl-istio-upgrade/relaxed"
ISTIOD = "deployments.apps istio-system/istiod"
BROKEN = {
    "spec": {
        "strategy": {"type": "Recreate", "rollingUpdate": None},
        "template": {"spec": {"containers": [{"name": "discovery", "image": "docker.io/istio/pilot:no-such-release"}]}},
    }
}

IMAGE = "{.spec.template.spec.containers[0].image}"

WAYPOINT = {
    "op": "replace",
    "path": "/spec/configPatches/0/match",
    "value": {"context": "WAYPOINT", "waypoint": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}},
}


@pytest.fixture(autouse=True)
def _alive(mesh: Mesh) -> Iterator[None]:
    """The next test finds an istiod that runs."""
    mesh.istiod.wait_ready(OLD)
    wait_webhooks(mesh.plane)
    yield
    mesh.istiod.revive()


def validators(mesh: Mesh) -> dict[str, Any]:
    """Each validating webhook configuration: its policies, and whether it is marked as relaxed."""
    items = mesh.plane.api.request("GET", f"/apis/admissionregistration.k8s.io/v1/{VALIDATORS}")["items"]
    return {
        item["metadata"]["name"]: (
            [hook["failurePolicy"] for hook in item["webhooks"]],
            MARK in item["metadata"].get("annotations", {}),
        )
        for item in items
        if "istio" in item["metadata"]["name"]
    }


def actions(ran: Ran) -> list[tuple[str, str]]:
    return [(change["action"], change["name"]) for change in ran.data["plan"]["changes"]]


def refused(mesh: Mesh) -> None:
    """The premise of these tests: the API server takes no configuration now."""
    with pytest.raises(Exception, match="failed calling webhook"):
        mesh.patch("virtualservice", "web", '{"metadata": {"labels": {"probe": "1"}}}')


def wait_until_refused(mesh: Mesh, why: str, timeout: float = 30.0) -> None:
    """The API server follows webhooks by a watch."""
    deadline = time.monotonic() + timeout
    said = ""
    while why not in said:
        assert time.monotonic() < deadline, said
        try:
            mesh.kubectl("label", "virtualservice", "web", "-n", "shop", "probe=1", "--dry-run=server")
        except TestbedError as error:
            said = str(error)


def wait_until_nobody_serves(mesh: Mesh, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while mesh.istiod.versions():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_dead_istiod_that_is_no_part_of_the_difference(mesh: Mesh) -> None:
    before = mesh.dump()
    closed = validators(mesh)
    small_drift(mesh)
    mesh.istiod.kill_istiod()
    refused(mesh)
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert ran.data["proof"]["residual"] == []
    planned = actions(ran)
    relaxed = [name for action, name in planned if action == "relax"]
    assert relaxed, "the plan says which webhooks it relaxes"
    assert [action for action, _ in planned[: len(relaxed)]] == ["relax"] * len(relaxed)
    assert [name for _, name in planned[-len(relaxed) :]] == relaxed, "and puts them back last"
    assert any("fails closed" in warning for warning in ran.data["plan"]["warnings"])
    assert validators(mesh) == closed, "as closed as before, and without a mark"
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)
    refused(mesh)


@pytest.fixture
def distrusting(mesh: Mesh) -> Iterator[str]:
    """A validator of a revision whose istiod is gone: nobody gives it the mesh's CA. It does not fail closed yet."""
    path, name = f"/apis/admissionregistration.k8s.io/v1/{VALIDATORS}", "istio-validator-gone"
    own = mesh.plane.api.request("GET", f"{path}/istiod-default-validator")
    bundle = base64.b64encode(mesh.plane.authority.read_bytes()).decode()
    hooks = [
        {**hook, "failurePolicy": "Ignore", "clientConfig": {**hook["clientConfig"], "caBundle": bundle}}
        for hook in own["webhooks"]
    ]
    metadata = {"name": name, "labels": {**own["metadata"]["labels"], "istio.io/rev": "gone"}}
    mesh.plane.api.request("POST", path, {"metadata": metadata, "webhooks": hooks})
    yield name
    mesh.plane.api.request("DELETE", f"{path}/{name}")


def test_a_validator_that_trusts_another_ca_is_relaxed_and_put_back(mesh: Mesh, distrusting: str) -> None:
    """istiod is well and answers; the API server hangs up on it."""
    mesh.plugin.ok("snapshot", "--name", "distrusting")
    before = mesh.dump()
    small_drift(mesh)
    policy = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"}]
    mesh.patch(VALIDATORS, distrusting, json.dumps(policy), how="json")
    wait_until_refused(mesh, "x509: certificate signed by unknown authority")
    closed = validators(mesh)
    ran = mesh.plugin.ok("rollback", "distrusting", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert [name for action, name in actions(ran) if action == "relax"] == [distrusting]
    assert actions(ran)[0] == ("relax", distrusting)
    assert actions(ran)[-1][1] == distrusting
    assert any("does not have the mesh's root certificate" in warning for warning in ran.data["plan"]["warnings"])
    assert validators(mesh) == closed
    left = compare(before, mesh.dump())
    closed_since = {f"{VALIDATORS}.admissionregistration.k8s.io /{distrusting}": ("metadata.managedFields",)}
    assert (left.added, left.removed, left.recreated) == ((), (), ())
    assert {name: paths[:1] for name, paths in left.changed.items()} == closed_since, "by its policy's owner, of now"


def test_what_a_run_that_died_left_relaxed_is_put_back(mesh: Mesh) -> None:
    before = mesh.dump()
    closed = validators(mesh)
    name = next(iter(closed))
    mesh.istiod.kill_istiod()
    path = f"/apis/admissionregistration.k8s.io/v1/{VALIDATORS}/{name}"
    hooks = mesh.plane.api.request("GET", path)["webhooks"]
    patch = {
        "metadata": {"annotations": {MARK: ",".join(hook["name"] for hook in hooks)}},
        "webhooks": [{**hook, "failurePolicy": "Ignore"} for hook in hooks],
    }
    mesh.patch(VALIDATORS, name, json.dumps(patch))
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert actions(ran) == [("update", name)]
    assert validators(mesh) == closed
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)


def test_an_istiod_whose_image_is_broken_is_restored_before_what_it_validates(mesh: Mesh) -> None:
    before = mesh.dump()
    closed = validators(mesh)
    small_drift(mesh)
    mesh.patch("deployment", "istiod", json.dumps(BROKEN), namespace="istio-system", how="strategic")
    wait_until_nobody_serves(mesh)
    refused(mesh)
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert "relax" not in {action for action, _ in actions(ran)}, "it was not needed"
    assert any("until this plan brings it back" in warning for warning in ran.data["plan"]["warnings"])
    assert_as_before(compare(before, settled(mesh)))
    assert validators(mesh) == closed
    assert ADDED not in mesh.dump()


def test_an_apply_brings_istiod_back_together_with_what_it_validates(mesh: Mesh, tmp_path: Path) -> None:
    """What could not be tried while nobody validated it is there, and has moved, when the proof asks about it."""
    before = mesh.dump()
    image = mesh.kubectl("get", "deployment/istiod", "-n", "istio-system", f"-o=jsonpath={IMAGE}")
    container = {"name": "discovery", "image": image}
    documents = (
        _document(
            "apps/v1", "Deployment", "istio-system", "istiod", {"template": {"spec": {"containers": [container]}}}
        ),
        _document("networking.istio.io/v1", "VirtualService", "shop", "web", {"hosts": ["elsewhere"]}),
    )
    (tmp_path / "mesh.json").write_text("".join(map(json.dumps, documents)), "utf-8")
    mesh.patch("deployment", "istiod", json.dumps(BROKEN), namespace="istio-system", how="strategic")
    wait_until_nobody_serves(mesh)
    refused(mesh)
    ran = mesh.plugin.ok("apply", "-f", str(tmp_path / "mesh.json"), "--force-conflicts", "--yes", "-o", "json")
    assert actions(ran) == [("update", "istiod"), ("update", "web")]
    route = ran.data["plan"]["changes"][1]
    assert [field["path"] for field in route["fields"]] == ["spec.hosts[0]"]
    assert "a webhook that checks it does not answer; this plan restores workloads first" in route["notes"][0]
    assert (ran.data["proof"]["holds"], ran.data["proof"]["identical"]) == (True, 2)
    mesh.plugin.ok("rollback", START, "--yes")
    assert_as_before(compare(before, settled(mesh)))


def _document(api_version: str, kind: str, namespace: str, name: str, spec: Any) -> Any:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def test_an_istiod_scaled_to_nothing_runs_again(mesh: Mesh) -> None:
    before = mesh.dump()
    small_drift(mesh)
    mesh.kubectl("scale", "deployment/istiod", "-n", "istio-system", "--replicas=0")
    wait_until_nobody_serves(mesh)
    refused(mesh)
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert ("update", "istiod") in actions(ran)
    assert ran.data["proof"]["holds"]
    assert mesh.istiod.versions()
    assert_as_before(compare(before, settled(mesh)))


def test_an_istiod_that_was_deleted_with_its_service_comes_back(mesh: Mesh) -> None:
    before = mesh.dump()
    small_drift(mesh)
    mesh.kubectl("delete", "deployment,service", "istiod", "-n", "istio-system")
    wait_until_nobody_serves(mesh)
    refused(mesh)
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert any("does not exist" in warning for warning in ran.data["plan"]["warnings"])
    assert ran.data["proof"]["holds"]
    after = compare(before, settled(mesh))
    assert (after.counts[:2], after.changed) == ((0, 0), {})
    address = {name for name in after.recreated if name.startswith("ipaddresses.")}
    assert set(after.recreated) - address == {ISTIOD, "services istio-system/istiod"}


def test_values_that_must_go_before_the_older_istiod_can_start(mesh: Mesh) -> None:
    """The newer istiod is dead, so its validator refuses the very write without which the older one never starts."""
    before = mesh.dump()
    closed = validators(mesh)
    mesh.install(NEW)
    mesh.patch("envoyfilter", "lua", json.dumps([WAYPOINT]), how="json")
    mesh.patch("deployment", "istiod", json.dumps(BROKEN), namespace="istio-system", how="strategic")
    wait_until_nobody_serves(mesh)
    refused(mesh)
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    written = [(change["action"], change["kind"]) for change in ran.data["plan"]["changes"]]
    assert written[0] == ("relax", "ValidatingWebhookConfiguration")
    assert written[-1] == ("update", "ValidatingWebhookConfiguration")
    assert written.index(("update", "EnvoyFilter")) < written.index(("update", "Deployment"))
    assert_as_before(compare(before, settled(mesh)))
    assert validators(mesh) == closed


def assert_as_before(found: Comparison) -> None:
    assert found.counts == (0, 0, 0, 0), str(found)
