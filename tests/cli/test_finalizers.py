"""Finalizers belong to the controllers that set them, and not to a snapshot."""

from __future__ import annotations

import pytest

from .mesh import Json, Mesh
from .program import Program

pytestmark = pytest.mark.cluster

NAME = {"name": "edge", "namespace": "istio-system"}
EDGE: Json = {"apiVersion": "v1", "kind": "Service", "metadata": NAME, "spec": {"ports": [{"port": 80}]}}
BALANCED = {"spec": {"type": "LoadBalancer"}, "metadata": {"finalizers": ["cloud.example/resources"]}}


def finalizers(mesh: Mesh) -> list[str]:
    found = mesh.get(EDGE)
    assert found
    return list(found["metadata"].get("finalizers", ()))


def let_go(mesh: Mesh) -> None:
    """As a controller does that has cleaned up, or somebody for one that has left."""
    mesh.patch(EDGE, {"metadata": {"finalizers": None}})


def test_what_a_controller_has_set_since_stays_so_that_it_can_clean_up(program: Program, mesh: Mesh) -> None:
    mesh.add(EDGE)
    program("snapshot", "-q", "--name", "then").done()
    mesh.patch(EDGE, BALANCED, manager="load-balancer-controller")
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    found = mesh.get(EDGE)
    assert found
    assert found["spec"]["type"] == "ClusterIP"
    assert finalizers(mesh) == ["cloud.example/resources"]
    assert done["proof"]["holds"]
    program("diff", "then").done()
    let_go(mesh)
    program("diff", "then").done()


def test_one_of_a_controller_that_has_left_does_not_come_back(program: Program, mesh: Mesh) -> None:
    mesh.add(EDGE)
    mesh.patch(EDGE, BALANCED)
    program("snapshot", "-q", "--name", "then").done()
    let_go(mesh)
    mesh.patch(EDGE, {"spec": {"type": "ClusterIP"}})
    program("rollback", "then", "--yes").done()
    assert finalizers(mesh) == []
    mesh.delete(EDGE)
    assert mesh.get(EDGE) is None
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    assert finalizers(mesh) == []
    assert done["proof"]["holds"]
    mesh.delete(EDGE)
    assert mesh.get(EDGE) is None, "nothing holds it"
