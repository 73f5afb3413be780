"""Users who may not do everything, and servers that do not take every pod: nothing is guessed silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.cli import Plugin

from .mesh import NEW, OLD, START, Mesh
from .test_restart_parts import CERTIFICATES
from .workloads import break_injection, looked_at, planned, restarted, standings, wait_for

pytestmark = pytest.mark.mesh

PROXY = "docker.io/istio/proxyv2:"
USER = "limited"
ONLY_THERE = ("--components-in", "istio-system", "--workloads-in", "shop", "--workloads-in", "istio-system")
QUOTA = """
apiVersion: v1
kind: ResourceQuota
metadata: {name: pods, namespace: shop}
spec: {hard: {pods: "2"}}
"""


@pytest.fixture
def outdated(mesh: Mesh) -> Iterator[Mesh]:
    """`web` runs another proxy than is injected now."""
    break_injection(mesh, NEW)
    yield mesh
    mesh.plugin.ok("rollback", START, "--yes")


def limited(mesh: Mesh, *arguments: str) -> Plugin:
    """The plugin as a user with the roles that `rbac` prints."""
    roles = mesh.plugin.ok("rbac", "--for", f"user:{USER}", *arguments).out
    mesh.kubectl("apply", "-f-", manifest=roles)
    wait_for(lambda: mesh.plane.kubectl("auth", "can-i", "list", "pods", "-A", user=USER, check=False).strip() == "yes")
    return replace(mesh.plugin, kubeconfig=mesh.plane.kubeconfig_for(USER))


@pytest.fixture
def roles(mesh: Mesh) -> Iterator[None]:
    yield
    names = [f"kubectl-istio-upgrade-{use}" for use in ("reader", "writer", "restarter")]
    for kind in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"):
        for namespace in ("istio-system", "shop", "kube-system") if not kind.startswith("cluster") else ("",):
            where = ("-n", namespace) if namespace else ()
            mesh.kubectl("delete", kind, *names, *where, "--ignore-not-found")


def web(ran: Any) -> Any:
    return looked_at(ran)["web"]


def test_with_the_role_for_workloads_everything_goes(outdated: Mesh, roles: None) -> None:
    plugin = limited(outdated, *ONLY_THERE)
    assert web(plugin.ok("restart", "--plan", "-o", "json"))["notes"] == []
    assert plugin.ok("restart", "--yes", "-o", "json").data["proof"]["holds"]
    assert restarted(outdated) == {"web"}
    assert plugin("validate").code in (0, 1)
    plugin.ok("rollback", START, "--yes")
    assert restarted(outdated) == set()


def edit_role(mesh: Mesh, change: Callable[[Any], Any], use: str = "restarter") -> None:
    """Change the rules of the role for workloads, or for another use, in both namespaces."""
    for namespace in ("shop", "istio-system"):
        path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/kubectl-istio-upgrade-{use}"
        if body := mesh.plane.api.get(path):
            body["rules"] = [rule for rule in map(change, body["rules"]) if rule]
            mesh.plane.api.request("PUT", path, body)


def without_patch(rule: Any) -> Any:
    return {**rule, "verbs": [verb for verb in rule["verbs"] if verb != "patch"]}


def test_who_may_not_restart_istiod_is_refused_by_name(mesh: Mesh, roles: None) -> None:
    plugin = limited(mesh, *ONLY_THERE)
    for use in ("restarter", "writer"):
        edit_role(mesh, without_patch, use)
    asked = ("auth", "can-i", "patch", "deployments.apps", "-n", "istio-system")
    wait_for(lambda: mesh.plane.kubectl(*asked, user=USER, check=False).strip() == "no")
    mesh.kubectl("apply", "-f-", manifest=CERTIFICATES)
    try:
        ran = plugin.ending(3, "restart", "--yes", "--workloads", "none")
        assert "\n  patch deployments.apps in namespace istio-system" in ran.err
        assert restarted(mesh) == set()
    finally:
        mesh.kubectl("delete", "-f-", manifest=CERTIFICATES)


def test_what_is_missing_is_named_before_the_first_write(outdated: Mesh, roles: None) -> None:
    plugin = limited(outdated, *ONLY_THERE)
    edit_role(outdated, without_patch)
    wait_for(lambda: "patch deployments.apps" in plugin("restart", "--yes", "--workloads", "deployment/w*").err)
    ran = plugin.ending(3, "restart", "--yes")
    assert "\n  patch deployments.apps in namespace shop" in ran.err
    assert "`kubectl istio-upgrade rbac --workloads` prints the roles" in ran.err
    assert restarted(outdated) == set()


def test_who_may_not_create_pods_compares_by_image_and_says_so(outdated: Mesh, roles: None) -> None:
    plugin = limited(outdated, *ONLY_THERE)
    edit_role(outdated, lambda rule: None if rule["resources"] == ["pods"] else rule)
    wait_for(lambda: web(plugin.ok("restart", "--plan", "-o", "json"))["notes"] != [])
    row = web(plugin.ok("restart", "--plan", "-o", "json"))
    assert row["currency"] == "out of date"
    assert row["reasons"] == [f"istio-proxy: image {PROXY}{OLD}, now {PROXY}{NEW}"]
    assert row["notes"] == ["compared by image and revision only: pods may not be created there, not even as a dry run"]
    plugin.ok("restart", "--yes")
    assert standings(outdated)["web"].images == {f"{PROXY}{NEW}"}
    assert planned(plugin.ok("restart", "--plan", "-o", "json")) == set()


def test_pods_that_the_server_would_refuse_are_not_restarted_into_nothing(outdated: Mesh) -> None:
    """The sidecar's init container is not what the restricted standard allows; what runs was there before it."""
    outdated.kubectl("label", "namespace", "shop", "pod-security.kubernetes.io/enforce=restricted")
    try:
        row = web(outdated.plugin.ok("restart", "--plan", "-o", "json"))
        assert row["currency"] == "out of date"
        assert row["obstacle"].startswith("its new pods would be refused: ")
        assert "violates PodSecurity" in row["obstacle"]
        assert not row["restart"]
        assert "nothing to restart" in outdated.plugin.ok("restart", "--yes").out
    finally:
        outdated.kubectl("label", "namespace", "shop", "pod-security.kubernetes.io/enforce-")


def test_a_quota_that_is_used_up_is_an_obstacle_only_where_pods_come_first(outdated: Mesh) -> None:
    outdated.kubectl("apply", "-f-", manifest=QUOTA)
    path = "/api/v1/namespaces/shop/resourcequotas/pods"
    try:
        wait_for(lambda: outdated.plane.api.request("GET", path).get("status", {}).get("used") == {"pods": "2"})
        row = web(outdated.plugin.ok("restart", "--plan", "-o", "json"))
        assert "exceeded quota" in row["obstacle"]
        first = '{"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}}'
        outdated.patch("deployment", "web", first)
        row = web(outdated.plugin.ok("restart", "--plan", "-o", "json"))
        assert (row["obstacle"], row["restart"]) == ("", True)
        assert "exceeded quota" in row["notes"][0]
    finally:
        outdated.kubectl("delete", "resourcequota", "pods", "-n", "shop")
        usual = '{"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}}}'
        outdated.patch("deployment", "web", usual)


def test_pods_that_should_have_a_proxy_and_those_that_should_not(mesh: Mesh) -> None:
    mesh.kubectl("label", "namespace", "shop", "istio-injection-")
    try:
        row = web(mesh.plugin.ok("restart", "--plan", "-o", "json"))
        assert row["currency"] == "with a proxy that it should not have"
        assert row["reasons"] == [f"it runs {PROXY}{OLD}; new pods would get no proxy"]
        mesh.plugin.ok("restart", "--yes")
        assert standings(mesh)["web"].images == frozenset()
    finally:
        mesh.kubectl("label", "namespace", "shop", "istio-injection=enabled")
    row = web(mesh.plugin.ok("restart", "--plan", "-o", "json"))
    assert row["currency"] == "without the proxy that it should have"
    mesh.plugin.ok("restart", "--yes")
    assert standings(mesh)["web"].images == {f"{PROXY}{OLD}"}
    mesh.plugin.ok("rollback", START, "--yes")
    assert restarted(mesh) == set(), "two restarts, taken back as one"
