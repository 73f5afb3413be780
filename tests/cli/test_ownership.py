"""After a rollback every field belongs to whom it belonged before: by `Apply` or by `Update`, and none to this tool."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .mesh import NAMESPACE, Json, Mesh, config_map, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

US = "kubectl-istio-upgrade"
NAMESPACE_BODY = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def owners(found: Json | None) -> list[Json]:
    """Who owns which fields, whenever they wrote them, but for the status."""
    assert found is not None
    entries = found["metadata"]["managedFields"]
    plain = [{name: value for name, value in entry.items() if name != "time"} for entry in entries]
    assert US not in {entry["manager"] for entry in plain}
    return sorted((each for each in plain if not each.get("subresource")), key=lambda entry: str(entry["operation"]))


def shared(mesh: Mesh, body: Json) -> list[Json]:
    """Make an object that Helm applied and somebody labelled by hand."""
    mesh.adopt(body)
    mesh.plane.kubectl("apply", "--server-side", "--field-manager=helm", "-f", "-", input=json.dumps(body))
    return owners(mesh.patch(body, {"metadata": {"labels": {"team": "shop"}}}, manager="kubectl-label"))


def test_what_was_changed_is_owned_as_before(program: Program, mesh: Mesh) -> None:
    one, other = virtual_service("shared"), config_map("shared", a="1", b="2")
    before = [shared(mesh, one), shared(mesh, other)]
    assert [entry["operation"] for entry in before[0]] == ["Apply", "Update"]
    program("snapshot", "--quiet").done()
    mesh.patch(one, {"spec": {"hosts": ["elsewhere"]}, "metadata": {"labels": {"team": None, "new": "1"}}})
    mesh.patch(other, {"data": {"a": None, "b": "3", "c": "4"}}, manager="helm")
    program("rollback", "--yes").done()
    assert [owners(mesh.get(one)), owners(mesh.get(other))] == before


def test_what_was_deleted_is_owned_as_before(program: Program, mesh: Mesh) -> None:
    one, other = virtual_service("shared"), config_map("shared", a="1")
    before = [shared(mesh, one), shared(mesh, other)]
    program("snapshot", "--quiet").done()
    mesh.delete(one)
    mesh.delete(other)
    program("rollback", "--yes").done()
    assert [owners(mesh.get(one)), owners(mesh.get(other))] == before


def test_what_has_to_be_recreated_is_owned_as_before(program: Program, mesh: Mesh) -> None:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    body: Json = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "shared", "namespace": "istio-system"},
        "roleRef": role,
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
    }
    before = shared(mesh, body)
    program("snapshot", "--quiet").done()
    mesh.delete(body)
    mesh.add({**body, "roleRef": {**role, "name": "edit"}})
    plan = program("rollback", "--yes", "-o", "json").done().json["plan"]
    assert [change["action"] for change in plan["changes"]] == ["recreate"]
    assert owners(mesh.get(body)) == before


def test_labels_of_namespaces_and_of_secrets_are_owned_as_before(program: Program, mesh: Mesh) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shared", "namespace": "istio-system"}}
    before = [owners(mesh.get(NAMESPACE_BODY)), shared(mesh, {**secret, "stringData": {"password": "geheim"}})]
    program("snapshot", "--quiet").done()
    change = {"metadata": {"labels": {"istio-injection": "disabled", "istio.io/rev": "canary"}}}
    mesh.patch(NAMESPACE_BODY, change)
    mesh.patch(secret, {"metadata": {"labels": {"team": "other", "new": "1"}}})
    program("rollback", "--yes").done()
    assert [owners(mesh.get(NAMESPACE_BODY)), owners(mesh.get(secret))] == before


def test_an_import_without_owners_leaves_those_of_the_moment_before(
    program: Program, mesh: Mesh, tmp_path: Any
) -> None:
    body = virtual_service("shared")
    before = shared(mesh, body)
    backup = tmp_path / "backup.yaml"
    backup.write_text(mesh.plane.kubectl("get", "virtualservice", "shared", "-n", NAMESPACE, "-o", "yaml"))
    program("snapshot", "--quiet", "--from-file", str(backup)).done()
    mesh.patch(body, {"spec": {"hosts": ["elsewhere"]}}, manager="helm")
    program("rollback", "--yes").done()
    entries = owners(mesh.get(body))
    assert {entry["manager"] for entry in entries} == {entry["manager"] for entry in before}


def test_what_is_applied_is_ours(program: Program, mesh: Mesh, manifest: Any) -> None:
    body = virtual_service("ours")
    mesh.adopt(body)
    program("apply", "-f", manifest(body), "--yes").done()
    found = mesh.get(body)
    assert found is not None
    assert [(entry["manager"], entry["operation"]) for entry in found["metadata"]["managedFields"]] == [(US, "Apply")]
