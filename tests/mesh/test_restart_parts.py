"""Parts of the installation restart only when something has changed that they read at their start alone."""

from __future__ import annotations

import json

import pytest

from tests.controlplane.install import wait_webhooks

from .comparison import compare
from .mesh import OLD, START, Mesh, settled
from .workloads import looked_at, planned, restarted, standings

pytestmark = pytest.mark.mesh

CERTIFICATES = """
apiVersion: v1
kind: ConfigMap
metadata: {name: pilot-jwks-extra-cacerts, namespace: istio-system}
data: {extra.pem: "none"}
"""


def istiod(mesh: Mesh) -> tuple[str, str]:
    """What the matrix says of it."""
    parts = mesh.plugin.ok("restart", "--plan", "-o", "json").data["parts"]
    (row,) = [part for part in parts if part["component"] == "istiod"]
    return row["need"], row["reason"]


def test_what_istiod_reads_once_restarts_it_and_nothing_else(mesh: Mesh) -> None:
    before = settled(mesh)
    web = standings(mesh)["web"]
    mesh.kubectl("apply", "-f-", manifest=CERTIFICATES)
    need, reason = istiod(mesh)
    assert need == "needed"
    assert "configmaps pilot-jwks-extra-cacerts was changed after its pods started" in reason
    ran = mesh.plugin.ok("restart", "--yes", "-o", "json")
    assert planned(ran) == restarted(mesh) == {"istiod"}
    assert ran.data["proof"]["holds"]
    assert standings(mesh)["web"].generation == web.generation
    assert istiod(mesh)[0] == "not needed"
    mesh.istiod.wait_ready(OLD)
    back = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    assert [(change["action"], change["name"]) for change in back.data["plan"]["changes"]] == [
        ("delete", "pilot-jwks-extra-cacerts"),
        ("restart", "istiod"),
    ]
    mesh.istiod.wait_ready(OLD)
    wait_webhooks(mesh.plane)
    assert compare(before, settled(mesh)).counts == (0, 0, 0, 0)


def test_what_istiod_follows_while_it_runs_restarts_nothing(mesh: Mesh) -> None:
    text = mesh.plane.api.request("GET", "/api/v1/namespaces/istio-system/configmaps/istio")["data"]["mesh"]
    patch = json.dumps({"data": {"mesh": f"{text}\nenableTracing: false"}})
    mesh.patch("configmap", "istio", patch, namespace="istio-system")
    need, reason = istiod(mesh)
    assert need == "not needed"
    assert "its mesh configuration was written since" in reason
    assert "nothing to restart" in mesh.plugin.ok("restart", "--yes", "--workloads", "none").out
    assert restarted(mesh) == set()
    mesh.plugin.ok("rollback", START, "--yes")


def test_workloads_none_restarts_no_workload(mesh: Mesh) -> None:
    mesh.patch("deployment", "web", '{"spec": {"template": {"metadata": {"labels": {"new": "1"}}}}}')
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
    try:
        assert looked_at(mesh.plugin.ok("restart", "--plan", "-o", "json"))["web"]["currency"] == "up to date"
        assert planned(mesh.plugin.ok("restart", "--plan", "--workloads", "all", "-o", "json")) >= {"web"}
        assert planned(mesh.plugin.ok("restart", "--plan", "--workloads", "none", "-o", "json")) == set()
    finally:
        mesh.patch("deployment", "web", '{"spec": {"template": {"metadata": {"labels": {"new": null}}}}}')
        mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
