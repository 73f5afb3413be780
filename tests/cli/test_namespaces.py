"""Namespaces, of which only the labels that steer Istio are anybody's business here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .mesh import Json, Mesh, virtual_service
from .program import Program, wait_for

pytestmark = pytest.mark.cluster

_NAMESPACES = "/api/v1/namespaces"

LABELS = {"istio-injection": "enabled", "team": "dresses"}


def namespace(name: str, **labels: str) -> Json:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def remove(mesh: Mesh, name: str) -> None:
    """Delete a namespace that is empty, and do what only its controller would do on this control plane."""
    api, path = mesh.plane.api, f"{_NAMESPACES}/{name}"
    if (found := api.get(path)) is None:
        return
    api.request("DELETE", path)
    api.request("PUT", f"{path}/finalize", {**found, "metadata": {"name": name}, "spec": {"finalizers": []}})
    wait_for(lambda: api.get(path) is None, "it does not go")


@pytest.fixture
def dress(mesh: Mesh) -> Iterator[Json]:
    """An object in a namespace of its own, which is injected."""
    mesh.plane.api.request("POST", _NAMESPACES, namespace("boutique", **LABELS))
    body = virtual_service("dress")
    body["metadata"]["namespace"] = "boutique"
    yield mesh.add(body)
    mesh.remove_made()
    remove(mesh, "boutique")


def labels_of(mesh: Mesh, name: str) -> Any:
    labels = mesh.plane.api.request("GET", f"{_NAMESPACES}/{name}")["metadata"]["labels"]
    return {name: value for name, value in labels.items() if name != "kubernetes.io/metadata.name"}


@pytest.mark.parametrize("selection", [("-n", "boutique"), ("--only", "virtualservice/dress"), ()])
def test_a_namespace_that_comes_back_for_what_was_chosen_in_it_is_injected_again(
    program: Program, mesh: Mesh, dress: Json, selection: tuple[str, ...]
) -> None:
    program("snapshot", "-q", "--name", "then").done()
    mesh.delete(dress)
    remove(mesh, "boutique")
    done = program("rollback", "then", *selection, "--yes", "-o", "json").done().json
    assert [(change["action"], change["kind"]) for change in done["plan"]["changes"]] == [
        ("create", "Namespace"),
        ("create", "VirtualService"),
    ]
    assert done["plan"]["warnings"] == []
    assert done["proof"]["holds"]
    assert labels_of(mesh, "boutique") == {"istio-injection": "enabled"}
    assert "nothing to do" in program("rollback", "then", "--yes").done().out
