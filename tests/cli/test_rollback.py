"""Rollbacks on the real API server of what it, and others, do not leave as a plan would have it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .mesh import Json, Mesh, config_map
from .program import Program

pytestmark = pytest.mark.cluster

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def deployment(name: str, *, annotations: Json | None = None, **env: str) -> Json:
    """One without pods, for no controller runs here: see `rolled_out`."""
    labels = {"app": name}
    variables = [{"name": each, "value": value} for each, value in env.items()]
    template = {
        "metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})},
        "spec": {"containers": [{"name": "c", "image": "example.com/c", "env": variables}]},
    }
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return _object("apps/v1", "Deployment", name, spec)


def rolled_out(mesh: Mesh, body: Json) -> None:
    """What its controller would say, now and after the next changes."""
    mesh.patch_status(body, {"status": {"observedGeneration": 1000}})


def service(name: str, **spec: object) -> Json:
    return _object("v1", "Service", name, {"ports": [{"port": 80}], "selector": {"app": name}, **spec})


def _object(api_version: str, kind: str, name: str, spec: Json) -> Json:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "istio-system"},
        "spec": spec,
    }


def there(mesh: Mesh, body: Json) -> Json:
    found = mesh.get(body)
    assert found is not None
    return found


def actions(plan: Json) -> list[str]:
    return [change["action"] for change in plan["plan"]["changes"]]


def test_a_rollout_restart_is_no_difference(program: Program, mesh: Mesh) -> None:
    body = deployment("restarted")
    mesh.add(body)
    rolled_out(mesh, body)
    program("snapshot", "-q").done()
    mesh.plane.kubectl("rollout", "restart", "deployment/restarted", "-n", "istio-system")
    at = there(mesh, body)["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT]
    assert "no differences" in program("diff").done().out
    assert "nothing to do" in program("rollback", "--yes").done().out
    mesh.patch(body, {"metadata": {"labels": {"team": "new"}}})
    assert program("rollback", "--yes", "-o", "json").done().json["proof"]["holds"]
    after = there(mesh, body)
    assert "labels" not in after["metadata"]
    assert after["spec"]["template"]["metadata"]["annotations"] == {RESTARTED_AT: at}


def test_the_order_of_variables_comes_back_where_one_refers_to_another(
    program: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    """The API server keeps the order, and expands `$(A)` from what stands before it alone."""
    then, now = deployment("variables", A="1", B="$(A)"), deployment("variables", B="$(A)", A="1")
    mesh.add(then)
    rolled_out(mesh, then)
    program("snapshot", "-q").done()
    mesh.patch(then, {"spec": now["spec"]})
    assert names(mesh, then) == ["B", "A"]
    assert "no differences" not in program("diff").done(1).out
    assert program("rollback", "--yes", "-o", "json").done().json["proof"]["holds"]
    assert names(mesh, then) == ["A", "B"]
    assert (
        program("apply", "-f", manifest(now), "--force-conflicts", "--yes", "-o", "json").done().json["proof"]["holds"]
    )
    assert names(mesh, then) == ["B", "A"]


def names(mesh: Mesh, body: Json) -> list[str]:
    (container,) = there(mesh, body)["spec"]["template"]["spec"]["containers"]
    return [variable["name"] for variable in container["env"]]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"clusterIP": "None"}, {}),
        ({}, {"clusterIP": "None"}),
        ({"type": "LoadBalancer", "loadBalancerClass": "example.com/a"}, {"type": "LoadBalancer"}),
    ],
    ids=["headless", "with an address", "class"],
)
def test_a_service_that_cannot_be_changed_in_place_is_recreated_and_stops_nothing_else(
    program: Program, mesh: Mesh, then: Json, now: Json
) -> None:
    body, other = service("gateway", **then), config_map("other", a="1")
    for each in (body, other):
        mesh.add(each)
    program("snapshot", "-q").done()
    mesh.delete(body)
    mesh.add(service("gateway", **now))
    mesh.patch(other, {"data": {"a": "2"}})
    planned = program("rollback", "--dry-run").done().out
    assert "may not change once set" in planned
    done = program("rollback", "--yes", "-o", "json").done().json
    assert sorted(actions(done)) == ["recreate", "update"]
    assert done["proof"]["holds"]
    spec = there(mesh, body)["spec"]
    assert (spec["clusterIP"] == "None") == (then.get("clusterIP") == "None")
    assert spec.get("loadBalancerClass") == then.get("loadBalancerClass")
    assert there(mesh, other)["data"] == {"a": "1"}
    assert "nothing to do" in program("rollback", "--yes").done().out


def reference(owner: Json) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}


def owned(owner: Json, **data: str) -> Json:
    body = config_map("owned", **data)
    body["metadata"]["ownerReferences"] = [reference(owner)]
    return body


def owners(mesh: Mesh, body: Json) -> list[Json]:
    found: list[Json] = there(mesh, body)["metadata"].get("ownerReferences", [])
    return found


@pytest.mark.parametrize("deleted", [False, True], ids=["changed", "deleted"])
def test_an_owner_that_is_gone_is_not_put_back_and_the_rollback_is_proved(
    program: Program, mesh: Mesh, deleted: bool
) -> None:
    owner = config_map("owner", a="1")
    body = owned(mesh.add(owner), a="1")
    mesh.add(body)
    program("snapshot", "-q", "--name", "then").done()
    mesh.delete(owner)
    if deleted:
        mesh.delete(body)
    else:
        mesh.patch(body, {"metadata": {"ownerReferences": None}, "data": {"a": "2"}})
    only = ("--only", "configmap/owned")
    done = program("rollback", "then", *only, "--yes", "-o", "json").done().json
    assert actions(done) == ["create" if deleted else "update"]
    assert "owner references to ConfigMap owner" in done["plan"]["changes"][0]["notes"][0]
    assert done["proof"]["holds"]
    assert there(mesh, body)["data"] == {"a": "1"}
    assert owners(mesh, body) == []
    again = program("rollback", "then", *only, "--yes", "-o", "json").done().json
    assert actions(again) == ["keep"]


@pytest.mark.parametrize("deleted", [False, True], ids=["changed", "deleted"])
def test_an_owner_that_is_there_is_put_back(program: Program, mesh: Mesh, deleted: bool) -> None:
    owner = mesh.add(config_map("owner", a="1"))
    body = owned(owner, a="1")
    mesh.add(body)
    program("snapshot", "-q", "--name", "then").done()
    if deleted:
        mesh.delete(body)
    else:
        mesh.patch(body, {"metadata": {"ownerReferences": None}})
    assert program("rollback", "then", "--yes", "-o", "json").done().json["proof"]["holds"]
    assert owners(mesh, body) == [reference(owner)]
    assert "no differences" in program("diff", "then").done().out
