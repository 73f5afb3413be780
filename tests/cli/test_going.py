"""Objects of which somebody has asked for the deletion, and which finalizers hold: they count as gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh, virtual_service
from .program import Program, wait_for
from .test_services import FINALIZER, PORT, ports_of, service

pytestmark = pytest.mark.cluster

HELD = f", held by {FINALIZER}"
FREE: Json = {"metadata": {"finalizers": None}}


def held(body: Json) -> Json:
    return {**body, "metadata": {**body["metadata"], "finalizers": [FINALIZER]}}


@pytest.fixture
def freed(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh; what a test that fails leaves held is let go."""
    yield mesh
    for body in (service("gateway"), service("other"), virtual_service("route")):
        if mesh.get(body):
            mesh.patch(body, FREE)


def uid_of(mesh: Mesh, body: Json) -> str | None:
    found = mesh.get(body)
    return str(found["metadata"]["uid"]) if found else None


@pytest.mark.parametrize("body", [service("gateway"), virtual_service("route")], ids=["Service", "VirtualService"])
def test_what_was_deleted_and_is_not_gone_yet_is_waited_for_and_made_anew(
    program: Program, freed: Mesh, body: Json
) -> None:
    """A cloud's load balancer holds its Service for a while: an update would be taken, and vanish with it."""
    before = freed.add(held(body))["metadata"]["uid"]
    program("snapshot", "-q", "--name", "then").done()
    freed.delete(body)
    running = program.start("rollback", "then", "--yes", "-o", "json")
    wait_for(lambda: bool(freed.leases()), "the writing has not begun")
    assert uid_of(freed, body) == before, "it cannot go before it is let go"
    freed.patch(body, FREE)
    ended = running.end().done()
    assert f"is being deleted{HELD}: it counts as gone" in ended.err
    (change,) = ended.json["plan"]["changes"]
    assert change["action"] == "recreate"
    assert f"it is waited for{HELD}" in change["reason"]
    assert ended.json["proof"]["holds"]
    assert uid_of(freed, body) not in (None, before)
    program("diff", "then").done()


def test_what_is_not_let_go_in_time_leaves_the_operation_to_resume(program: Program, freed: Mesh) -> None:
    body = service("gateway")
    freed.add(held(body))
    program("snapshot", "-q", "--name", "then").done()
    freed.delete(body)
    failed = program("rollback", "then", "--yes", "--timeout", "1").failed(4, f"is still there after 1 s{HELD}")
    assert any("resume" in hint for hint in failed.hints)
    freed.patch(body, FREE)
    program("resume", "--yes").done()
    assert uid_of(freed, body)


def test_a_deletion_that_takes_its_time_is_told_and_proved(program: Program, freed: Mesh, view: StoreView) -> None:
    """And no snapshot holds what goes: it would come back from there, though nobody wants it."""
    body = service("other")
    program("snapshot", "-q", "--name", "then").done()
    freed.add(held(body))
    assert [line["name"] for line in program("diff", "then", "-o", "json").done(1).json["objects"]] == ["other"]
    done = program("rollback", "then", "--yes", "-o", "json").done()
    assert done.json["proof"]["holds"]
    assert f"services istio-system/other is being deleted{HELD}: it counts as gone" in done.err
    assert uid_of(freed, body)
    assert "other.yaml" not in view.git("ls-tree", "-r", "--name-only", done.json["after"])
    freed.patch(body, FREE)
    assert program("rollback", done.json["after"], "--yes", "-o", "json").done().json["plan"]["changes"] == []


def test_who_goes_and_still_has_a_node_port_is_waited_for(program: Program, freed: Mesh) -> None:
    old, other = service("gateway"), service("other")
    freed.add(old)
    before = ports_of(freed, old)
    program("snapshot", "-q", "--name", "then").done()
    freed.delete(old)
    freed.add(held(other))
    freed.delete(other)
    failed = program("rollback", "then", "--yes", "--timeout", "1").failed(4, "not ready after 1 s")
    assert f"services istio-system/other: still there{HELD}" in failed.err
    freed.patch(other, FREE)
    program("resume", "--yes").done()
    assert ports_of(freed, old) == before
    assert before["https"] == PORT


def test_what_is_being_deleted_cannot_be_applied(program: Program, freed: Mesh, manifest: Callable[..., str]) -> None:
    body = virtual_service("route")
    freed.add(held(body))
    freed.delete(body)
    with freed.unchanged():
        program("apply", "-f", manifest(body), "--yes").failed(
            3, f"virtualservices.networking.istio.io shop/route: its deletion was asked for{HELD}", hint="wait"
        )
