"""Restarts by somebody else, and restarts that a rollback makes by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .mesh import NEW, OLD, START, Mesh
from .workloads import planned, restarted, standings

pytestmark = pytest.mark.mesh

PROXY = "docker.io/istio/proxyv2:"


@pytest.fixture
def upgraded(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh at the new release; afterwards nobody has restarted anything."""
    mesh.install(NEW)
    yield mesh
    mesh.patch("deployment", "web", '{"spec": {"template": {"metadata": {"annotations": null}}}}')
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")


def by_somebody_else(mesh: Mesh) -> None:
    mesh.kubectl("rollout", "restart", "deployment/web", "-n", "shop")
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")


def test_those_whom_somebody_else_restarted_stay_and_are_named(upgraded: Mesh) -> None:
    mesh = upgraded
    mesh.plugin.ok("restart", "--yes", "--workloads", "deployment/web")
    by_somebody_else(mesh)
    by_hand = standings(mesh)["web"].restarted
    ran = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    kept = {change["name"]: change["reason"] for change in ran.data["plan"]["changes"] if change["action"] == "keep"}
    assert "restarted by somebody else since" in kept["web"]
    assert standings(mesh)["web"].restarted == by_hand
    (follow_up,) = ran.data["plan"]["followUps"]
    assert follow_up["command"] == "kubectl istio-upgrade restart --plan"
    assert "shop/web" in follow_up["why"]
    assert planned(mesh.plugin.ok("restart", "--plan", "-o", "json")) == {"web"}, "as it says"
    assert restarted(mesh) == {"web"}


def test_stale_restarts_them_with_the_rollback(upgraded: Mesh) -> None:
    mesh = upgraded
    by_somebody_else(mesh)
    assert standings(mesh)["web"].images == {f"{PROXY}{NEW}"}
    ran = mesh.plugin.ok("rollback", START, "--yes", "--workloads", "stale", "-o", "json")
    assert planned(ran) == {"web"}
    assert standings(mesh)["web"].images == {f"{PROXY}{OLD}"}
