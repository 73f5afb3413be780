"""A user who may do everything but look at one type: named, left out on record, and never taken for deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh, sidecar, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

SIDECARS = "sidecars.networking.istio.io"
RULES = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def limited(program: Program, mesh: Mesh) -> Iterator[Callable[[str], Program]]:
    """The product, run by a user who may do everything, but to one type."""
    subject = {"kind": "User", "name": "limited", "apiGroup": "rbac.authorization.k8s.io"}
    reference = {"kind": "ClusterRole", "name": "all-but-one", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "all-but-one"}, "subjects": [subject], "roleRef": reference}

    def all_but(resource: str) -> Program:
        role = {"metadata": {"name": "all-but-one"}, "rules": _rules(mesh, resource)}
        mesh.plane.api.request("POST", f"{RULES}/clusterroles", role)
        mesh.plane.api.request("POST", f"{RULES}/clusterrolebindings", binding)
        mesh.plane.kubectl("auth", "can-i", "list", "nodes", user="limited")
        return program.having(KUBECONFIG=str(mesh.plane.kubeconfig_for("limited")))

    yield all_but
    for plural in ("clusterrolebindings", "clusterroles"):
        mesh.plane.api.request("DELETE", f"{RULES}/{plural}/all-but-one")


def _rules(mesh: Mesh, forbidden: str) -> list[Json]:
    names = mesh.plane.kubectl("api-resources", "-o", "name").split()
    rules = []
    for name in names:
        plural, _, group = name.partition(".")
        if name != forbidden:
            rules.append({"apiGroups": [group], "resources": [plural], "verbs": ["*"]})
    return rules


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        (SIDECARS, "in the whole cluster"),
        ("secrets", "in namespace istio-system"),
        ("namespaces", "namespaces"),
    ],
)
def test_the_type_is_named(
    limited: Callable[[str], Program], mesh: Mesh, view: StoreView, resource: str, where: str
) -> None:
    program = limited(resource)
    with mesh.unchanged():
        result = program("snapshot").failed(5, "may not", resource, where)
    assert re.search(f"user 'limited' may not (list|get) {resource}", result.errors[0])
    assert any(re.search(f"auth can-i (list|get) {resource}", hint) for hint in result.hints)
    assert view.refs == ""


def test_left_out_on_record_it_is_let_through(limited: Callable[[str], Program], mesh: Mesh) -> None:
    program = limited(SIDECARS)
    refused = program("snapshot").failed(5)
    assert any("--exclude-type" in hint for hint in refused.hints)
    result = program("snapshot", "--exclude-type", SIDECARS).done()
    assert f"not captured: {SIDECARS}" in result.out
    [entry] = program("history", "-o", "json").done().json
    assert entry["notCaptured"] == [{"resource": SIDECARS, "reason": "excluded with --exclude-type"}]
    assert SIDECARS in program("show", "latest").done().out


def test_an_unknown_type_to_leave_out(program: Program, view: StoreView) -> None:
    program("snapshot", "--exclude-type", "sidecar").failed(2, "no such type", hint="plural.group")
    assert view.refs == ""


def test_what_was_left_out_is_never_deleted(program: Program, mesh: Mesh) -> None:
    """Neither way round: a snapshot without the type, then one with it."""
    one, other = sidecar("one"), sidecar("other")
    mesh.add(one)
    program("snapshot", "--exclude-type", SIDECARS, "--name", "without").done()
    mesh.add(other)
    program("snapshot", "--name", "with").done()
    for sides in (["without"], ["without", "live"], ["with", "without"], ["without", "with"]):
        compared = program("diff", *sides, "-o", "json").done().json
        assert (compared["objects"], compared["notCompared"]) == ([], [SIDECARS])
        assert f"not compared: {SIDECARS}" in program("diff", *sides).done().out
    planned = program("rollback", "without", "--yes", "-o", "json").done().json["plan"]
    assert (planned["changes"], planned["notCompared"]) == ([], [SIDECARS])
    assert mesh.get(one)
    assert mesh.get(other)


def test_what_the_user_may_not_see_is_not_recreated(limited: Callable[[str], Program], mesh: Mesh) -> None:
    """The snapshot has the type, this reading has not: its objects are not missing, they are not known."""
    one, changed = sidecar("one"), virtual_service("changed")
    mesh.add(one)
    mesh.add(changed)
    program = limited(SIDECARS)
    admin = program.having(KUBECONFIG=str(mesh.plane.kubeconfig))
    admin("snapshot", "--name", "whole").done()
    mesh.patch(changed, {"spec": {"hosts": ["elsewhere"]}})
    program("rollback", "whole", "--yes").failed(5, f"may not list {SIDECARS}")
    before = mesh.get(one)
    done: Any = program("rollback", "whole", "--yes", "--exclude-type", SIDECARS, "-o", "json").done().json
    assert [change["name"] for change in done["plan"]["changes"]] == ["changed"]
    assert done["plan"]["notCompared"] == [SIDECARS]
    assert done["proof"]["holds"]
    assert mesh.get(one) == before


def test_nothing_is_applied_to_a_type_that_is_left_out(
    program: Program, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    """The safety snapshot would not hold it, so it could not be taken back."""
    one = sidecar("one")
    mesh.add(one)
    with mesh.unchanged():
        arguments = ("apply", "-f", manifest(one), "--yes", "--exclude-type", SIDECARS)
        program(*arguments).failed(3, f"{SIDECARS} shop/one", hint="could not undo")
