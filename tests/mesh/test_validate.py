"""What `validate` says of a healthy mesh, and of meshes that are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane.build import istioctl_path
from tests.controlplane.install import wait_webhooks
from tests.support.cli import Ran

from .mesh import NEW, OLD, START, Mesh
from .workloads import break_injection, wait_for

pytestmark = pytest.mark.mesh

ASKED = ("reported", "synced", "analysis")
"""Checks that need an istioctl."""


@pytest.fixture(autouse=True)
def _no_istioctl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever istioctl this machine has is not what the tests are about."""
    monkeypatch.setenv("ISTIOCTL", "/nowhere/istioctl")


@pytest.fixture
def afterwards(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh; when the test is over istiod runs and serves its webhooks."""
    yield mesh
    mesh.istiod.revive()
    mesh.istiod.wait_ready(OLD)
    wait_webhooks(mesh.plane)


def checks(ran: Ran) -> dict[str, Any]:
    return {check["id"]: check for check in ran.data["checks"]}


def failed(ran: Ran) -> set[str]:
    return {name for name, check in checks(ran).items() if check["status"] == "failed"}


def test_a_healthy_mesh_is_valid_and_what_was_not_asked_is_said(mesh: Mesh) -> None:
    ran = mesh.plugin.ok("validate", "-o", "json")
    found = checks(ran)
    assert ran.data["holds"]
    assert {found[name]["status"] for name in found.keys() - set(ASKED)} == {"ok"}
    for name in ASKED:
        assert found[name]["status"] == "skipped"
        assert "--istioctl" in found[name]["summary"]
    assert found["versions"]["summary"] == f"istiod is of {OLD}, and so are 2 of 2 beside it"
    text = mesh.plugin.ok("validate").out
    assert text.splitlines()[-1] == "valid: 7 ok, 3 skipped"


def test_istioctl_is_asked_what_the_cluster_does_not_tell(mesh: Mesh) -> None:
    istioctl = str(istioctl_path(OLD))
    ran = mesh.plugin.ending(1, "validate", "--istioctl", istioctl, "-o", "json")
    assert failed(ran) == {"analysis"}
    assert any(line.startswith("IST0173 (DestinationRule shop/web)") for line in checks(ran)["analysis"]["details"])
    assert checks(ran)["reported"]["summary"] == f"istiod reports {OLD}; no proxy is connected"
    assert checks(ran)["synced"]["status"] == "warning", "nobody runs in these pods"
    mesh.patch("destinationrule", "web", '{"spec": {"subsets": null}}')
    mesh.patch("virtualservice", "web", '{"spec": {"http": [{"route": [{"destination": {"host": "web"}}]}]}}')
    wait_for(lambda: mesh.plugin("validate", "--istioctl", istioctl).code == 0)


def test_a_dead_istiod(afterwards: Mesh) -> None:
    mesh = afterwards
    mesh.istiod.kill_istiod()
    wait_for(lambda: not mesh.istiod.versions())
    ran = mesh.plugin.ending(1, "validate", "-o", "json")
    assert {"control-plane", "pods", "services", "webhooks"} <= failed(ran)
    assert any("istio-system/istiod" in line for line in checks(ran)["services"]["details"])
    assert any("fails closed" in line for line in checks(ran)["webhooks"]["details"])
    assert mesh.plugin.ending(1, "validate").out.splitlines()[-1].startswith("not valid")


def test_an_istiod_that_is_scaled_to_nothing(afterwards: Mesh) -> None:
    mesh = afterwards
    mesh.kubectl("scale", "deployment/istiod", "-n", "istio-system", "--replicas=0")
    wait_for(lambda: not mesh.istiod.versions())
    ran = mesh.plugin.ending(1, "validate", "-o", "json")
    assert checks(ran)["control-plane"]["details"] == ["Deployment istio-system/istiod: it is scaled to nothing"]
    mesh.plugin.ok("rollback", START, "--yes")


def test_a_proxy_of_another_release(mesh: Mesh) -> None:
    """Newer than its istiod, which Istio never supports: --allow-skew does not allow it."""
    break_injection(mesh, NEW)
    mesh.plugin.ok("restart", "--yes")
    for options in ((), ("--allow-skew",)):
        ran = mesh.plugin.ending(1, "validate", *options, "-o", "json")
        assert failed(ran) == {"versions"}
        (line,) = checks(ran)["versions"]["details"]
        assert line.startswith(f"Deployment shop/web is of {NEW}, its istiod of {OLD}, which Istio does not support")
    mesh.plugin.ok("rollback", START, "--yes")
    assert mesh.plugin.ok("validate", "-o", "json").data["holds"]


def test_a_revision_label_that_nobody_serves(mesh: Mesh) -> None:
    mesh.kubectl("label", "namespace", "default", "istio.io/rev=gone")
    try:
        ran = mesh.plugin.ending(1, "validate", "-o", "json")
        assert failed(ran) == {"revisions"}
        assert checks(ran)["revisions"]["details"] == [
            "namespace default asks for revision gone, which no injector serves"
        ]
    finally:
        mesh.kubectl("label", "namespace", "default", "istio.io/rev-")


def test_whoever_has_opted_out_asks_nobody_and_what_has_ended_is_not_to_be_ready(mesh: Mesh) -> None:
    """The label for injection goes before the one for a revision; Kubernetes keeps pods that were evicted."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evicted", "namespace": "istio-system"}}
    spec = {"nodeName": "nowhere", "containers": [{"name": "app", "image": "example/app:1"}]}
    mesh.kubectl("label", "namespace", "default", "istio.io/rev=gone", "istio-injection=disabled")
    mesh.kubectl("apply", "-f-", manifest=json.dumps({**pod, "spec": spec}))
    try:
        assert failed(mesh.plugin.ending(1, "validate", "-o", "json")) == {"pods"}
        ended = '{"status": {"phase": "Failed", "reason": "Evicted"}}'
        mesh.kubectl("patch", "pod/evicted", "-n", "istio-system", "--subresource=status", "--type=merge", "-p", ended)
        assert checks(mesh.plugin.ok("validate", "-o", "json"))["revisions"]["status"] == "ok"
    finally:
        mesh.kubectl("label", "namespace", "default", "istio.io/rev-", "istio-injection-")
        mesh.kubectl("delete", "pod/evicted", "-n", "istio-system", "--grace-period=0", "--force")


def test_an_istiod_whose_image_tells_no_release_is_an_istiod(afterwards: Mesh) -> None:
    mesh = afterwards
    image = {"containers": [{"name": "discovery", "image": f"registry.example.com/istio/pilot@sha256:{'0' * 64}"}]}
    patch = json.dumps({"spec": {"template": {"spec": image}}})
    mesh.patch("deployment", "istiod", patch, namespace="istio-system", how="strategic")
    found = checks(mesh.plugin.ending(1, "validate", "-o", "json"))
    assert found["control-plane"]["summary"] != "there is no istiod"
    assert "istio (its image tells no release) in istio-system" in mesh.plugin.ok("status").out
    mesh.plugin.ok("rollback", START, "--yes")


def test_a_gateway_that_does_not_roll_out_and_its_pod(mesh: Mesh) -> None:
    image = {"containers": [{"name": "istio-proxy", "image": "docker.io/istio/proxyv2:none"}]}
    patch = json.dumps({"spec": {"template": {"spec": image}}})
    mesh.patch("deployment", "istio-ingressgateway", patch, namespace="istio-system", how="strategic")
    wait_for(lambda: "pods" in failed(mesh.plugin("validate", "-o", "json")))
    ran = mesh.plugin.ending(1, "validate", "-o", "json")
    assert {"components", "pods", "versions"} & failed(ran) >= {"components", "pods"}
    assert any("ImagePullBackOff" in line for line in checks(ran)["pods"]["details"])
    mesh.plugin.ok("rollback", START, "--yes", "--timeout", "60")


def test_a_cluster_that_does_not_answer(mesh: Mesh, tmp_path: Any) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text(mesh.plugin.kubeconfig.read_text().replace(mesh.plane.server, "https://127.0.0.1:1"))
    ran = mesh.plugin("validate", "--kubeconfig", str(broken))
    assert (ran.code, ran.out) == (5, "")
