"""A group whose API server is down, as an aggregated one is that cannot start: in nobody's way, once it is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh, config_map, virtual_service
from .program import Program, wait_for
from .proxy import Proxy
from .test_unfinished import kill

pytestmark = pytest.mark.cluster

GROUP = "broken.example"
WITHOUT = ("--exclude-type", f"*.{GROUP}")
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


@pytest.fixture
def breaks(mesh: Mesh) -> Iterator[Callable[[], None]]:
    """Breaks the group: an APIService that leads to nobody."""
    spec = {"group": GROUP, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100}
    service = {"name": "nobody", "namespace": "shop"}
    body = {"metadata": {"name": f"v1.{GROUP}"}, "spec": {**spec, "service": service, "insecureSkipTLSVerify": True}}

    def is_known() -> bool:
        return any(group["name"] == GROUP for group in mesh.plane.api.request("GET", "/apis")["groups"])

    def broken() -> None:
        mesh.plane.api.request("POST", APISERVICES, body)
        wait_for(is_known, "the group did not come")

    yield broken
    mesh.plane.api.request("DELETE", f"{APISERVICES}/v1.{GROUP}")
    wait_for(lambda: not is_known(), "the group did not go")


def test_it_is_named_with_the_way_round(breaks: Callable[[], None], program: Program, view: StoreView) -> None:
    breaks()
    refused = program("snapshot").failed(5, "cannot tell its types", f"{GROUP}: version v1 is stale")
    assert any(f"--exclude-type '*.{GROUP}'" in hint for hint in refused.hints)
    assert view.refs == ""


def test_left_out_on_record_the_mesh_is_taken_back(
    breaks: Callable[[], None], program: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    changed = virtual_service("changed")
    mesh.add(changed)
    program("snapshot", "--name", "whole").done()
    mesh.patch(changed, {"spec": {"hosts": ["elsewhere"]}})
    breaks()
    program("rollback", "whole", "--yes").failed(5, "cannot tell its types")
    done = program("rollback", "whole", "--yes", *WITHOUT, "-o", "json").done().json
    assert [change["name"] for change in done["plan"]["changes"]] == ["changed"]
    assert done["plan"]["notCompared"] == [f"*.{GROUP}"]
    assert done["proof"]["holds"]
    applied = config_map("applied")
    mesh.adopt(applied)
    program("apply", "-f", manifest(applied), "--yes", *WITHOUT).done()
    assert mesh.get(applied)
    newest = program("history", "-o", "json").done().json[0]
    assert newest["notCaptured"] == [{"resource": f"*.{GROUP}", "reason": "excluded with --exclude-type"}]
    program("rbac", *WITHOUT).done()
    program("store", "verify").done()


@pytest.mark.parametrize("end", ["resume", "abort"])
def test_what_it_broke_into_ends_without_it(
    breaks: Callable[[], None], proxied: Program, program: Program, proxy: Proxy, drifted: Json, mesh: Mesh, end: str
) -> None:
    proxy.hold(lambda seen: seen.writes)
    running = proxied.start("rollback", "--yes")
    proxy.wait_held()
    kill(running)
    proxy.release()
    breaks()
    program(end, "--yes").failed(5, "cannot tell its types")
    program(end, "--yes", *WITHOUT).done()
    assert program("status", *WITHOUT, "-o", "json").done().json["unfinished"] is None


def test_a_group_that_meshes_are_made_of_stays_in(program: Program, view: StoreView) -> None:
    for group in ("networking.istio.io", "gateway.networking.k8s.io", "apps", "rbac.authorization.k8s.io"):
        program("snapshot", "--exclude-type", f"*.{group}").failed(2, "meshes are made of", hint="plural.group")
    for nothing in ("*", "*.", "*.*", "*.Example", "things.*.example"):
        program("snapshot", "--exclude-type", nothing).failed(2, "no such type", hint="*.group")
    assert view.refs == ""
