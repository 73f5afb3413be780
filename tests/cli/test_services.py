"""Services that come back when another one has their node port or address."""

from __future__ import annotations

from typing import Any

import pytest

from .mesh import Json, Mesh
from .program import Program

pytestmark = pytest.mark.cluster

PORT = 31443
FINALIZER = "example.com/load-balancer"


def service(name: str, namespace: str = "istio-system", **spec: object) -> Json:
    """A Service that is reached from outside."""
    ports = [{"name": "https", "port": 443, "nodePort": PORT}, {"name": "http", "port": 80}]
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "NodePort", "ports": ports, **spec},
    }


OLD, NEW = service("old"), service("new")


def spec_of(mesh: Mesh, body: Json) -> Any:
    found = mesh.get(body)
    assert found
    return found["spec"]


def ports_of(mesh: Mesh, body: Json) -> dict[str, int]:
    return {port["name"]: port["nodePort"] for port in spec_of(mesh, body)["ports"]}


def replaced(program: Program, mesh: Mesh, other: Json) -> dict[str, int]:
    """Another Service takes the place of one that `then` has; the node ports of the old one."""
    mesh.add(OLD)
    before = ports_of(mesh, OLD)
    program("snapshot", "-q", "--name", "then").done()
    mesh.delete(OLD)
    mesh.add(other)
    return before


def test_a_service_gets_its_node_port_back_from_one_that_goes(program: Program, mesh: Mesh) -> None:
    """And the way back again, for which the same holds."""
    before = replaced(program, mesh, NEW)
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    assert [(change["action"], change["name"]) for change in done["plan"]["changes"]] == [
        ("delete", "new"),
        ("create", "old"),
    ]
    assert done["plan"]["changes"][1]["notes"][0] == (
        f"node port {PORT} comes back: Service istio-system/new, which has it now, is deleted first"
    )
    assert done["proof"]["holds"]
    assert ports_of(mesh, OLD) == before
    assert mesh.get(NEW) is None
    program("rollback", done["before"], "--yes").done()
    assert (mesh.get(OLD), ports_of(mesh, NEW)["https"]) == (None, PORT)


def test_what_a_service_outside_of_the_mesh_has_by_now_stays_its_own(program: Program, mesh: Mesh) -> None:
    mesh.add(OLD)
    address = spec_of(mesh, OLD)["clusterIP"]
    program("snapshot", "-q", "--name", "then").done()
    mesh.delete(OLD)
    stranger = service("stranger", "default", clusterIP=address)
    mesh.add(stranger)
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    (created,) = done["plan"]["changes"]
    assert created["notes"] == [
        f"cluster IP {address} is not put back: Service default/stranger has it now, and stays",
        f"node port {PORT} is not put back: Service default/stranger has it now, and stays",
    ]
    assert done["proof"]["holds"]
    now = spec_of(mesh, OLD)
    assert now["clusterIP"] != address
    assert ports_of(mesh, OLD)["https"] not in (PORT, 0)
    assert ports_of(mesh, stranger)["https"] == PORT


def test_a_service_that_does_not_go_is_waited_for(program: Program, mesh: Mesh) -> None:
    """A cloud's load balancer holds its Service until it has cleaned up."""
    held = {**NEW, "metadata": {**NEW["metadata"], "finalizers": [FINALIZER]}}
    before = replaced(program, mesh, held)
    failed = program("rollback", "then", "--yes", "--timeout", "2").failed(4, "not ready after 2 s", hint="resume")
    assert f"services istio-system/new: still there, held by {FINALIZER}" in failed.err
    assert mesh.get(OLD) is None
    mesh.patch(NEW, {"metadata": {"finalizers": None}})
    program("resume", "--yes").done()
    assert ports_of(mesh, OLD) == before


@pytest.mark.parametrize("namespace", ["istio-system", "default"], ids=["goes", "stays"])
def test_a_service_is_no_longer_headless_although_another_has_its_address(
    program: Program, mesh: Mesh, namespace: str
) -> None:
    """Nothing but a recreation gives it one: its own where the other one goes, else a new one."""
    mesh.add(OLD)
    address = spec_of(mesh, OLD)["clusterIP"]
    program("snapshot", "-q", "--name", "then").done()
    mesh.delete(OLD)
    mesh.add({**OLD, "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}})
    mesh.add(service("holder", namespace, clusterIP=address))
    done = program("rollback", "then", "--yes", "-o", "json").done().json
    assert "recreate" in {change["action"] for change in done["plan"]["changes"]}
    assert done["proof"]["holds"]
    now = spec_of(mesh, OLD)["clusterIP"]
    assert now != "None"
    assert (now == address) == (namespace == "istio-system")
