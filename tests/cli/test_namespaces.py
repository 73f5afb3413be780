"""Namespaces, of which only the labels that steer Istio are anybody's business here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


LEFT_OUT = (
    "of namespace boutique only the labels that steer Istio are applied, because no snapshot holds more of it; "
    "`kubectl apply` applies the rest: label team, label tier"
)


def test_what_a_manifest_wants_of_a_namespace_and_nobody_could_take_back_is_not_applied_and_told(
    program: Program, mesh: Mesh, dress: Json, manifest: Callable[..., str]
) -> None:
    file = manifest(namespace("boutique", team="shoes", tier="2"))
    with mesh.unchanged():
        alone = program("apply", "-f", file, "--yes").done().out
        assert program("apply", "-f", file, "--yes", "-o", "json").done().json["plan"]["warnings"] == [LEFT_OUT]
    assert f"warning: {LEFT_OUT}\n" in alone
    both = manifest(namespace("boutique", **{"istio-injection": "disabled", "team": "shoes", "tier": "2"}))
    done = program("apply", "-f", both, "--force-conflicts", "--yes", "-o", "json").done().json
    assert (done["plan"]["warnings"], done["proof"]["holds"]) == ([LEFT_OUT], True)
    assert labels_of(mesh, "boutique") == {"istio-injection": "disabled", "team": "dresses"}
    mesh.plane.kubectl("label", "--overwrite", "namespace", "boutique", "team=shoes", "tier=2")
    assert "warning" not in program("apply", "-f", both, "--yes").done().out


def test_a_comparison_with_manifests_looks_at_no_more_of_a_namespace(
    program: Program, mesh: Mesh, dress: Json, manifest: Callable[..., str]
) -> None:
    same = manifest(namespace("boutique", **LABELS), namespace("shop", team="any"))
    assert program("diff", "live", "-f", same).done().out == (
        "no differences between live and manifests: 2 objects the same\n"
    )
    other = manifest(namespace("boutique", **{"istio-injection": "disabled"}), namespace("new", team="any"))
    changes = program("diff", "live", "-f", other, "-o", "json").done(1).json["objects"]
    assert [(change["name"], change["change"]) for change in changes] == [("boutique", "changed"), ("new", "added")]
