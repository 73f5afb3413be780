"""`upgrade` up to its first write: the difference that it shows, who says yes, and meshes that it leaves to others.

Nothing runs on this cluster, which has no nodes; its mesh was made from manifests. So there is much to ignore, and
whatever follows the first write is for the tests of a whole mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mesh.mesh import NEW, OLD
from tests.mesh.upgrades import tools

from .mesh import Json, Mesh
from .program import Program
from .proxy import Proxy
from .terminals import at_terminal

pytestmark = pytest.mark.cluster

DOWN = ("control-plane-down", "rollout-unfinished", "no-room")
"""What is in the way of an upgrade on a cluster without nodes."""
IGNORED = tuple(word for code in DOWN for word in ("--ignore", code))
UPGRADE = ("upgrade", "--to", NEW, *IGNORED)
QUESTION = "Change cluster testbed"
ISTIOD: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "istiod", "namespace": "istio-system"},
}


@pytest.fixture
def equipped(program: Program, tmp_path: Path) -> Program:
    """The product with the real istioctl of both releases on its PATH."""
    return program.having(PATH=tools(tmp_path / "bin")["PATH"])


def test_the_difference_is_shown_and_nothing_is_written(equipped: Program, mesh: Mesh) -> None:
    with mesh.unchanged():
        result = equipped(*UPGRADE, "--dry-run", "--diff").done()
    shown = result.out[result.out.index("\n~ Deployment istio-system/istiod: changed\n") :].splitlines()
    for sign, release in (("-", OLD), ("+", NEW)):
        assert any(line.startswith(sign) and line.endswith(f"/pilot:{release}") for line in shown)
    assert "-        - name: GOMEMLIMIT" in shown, "what the new release's manifests do not set any more"
    assert "the server would accept every write; nothing was changed" in result.out
    assert f"proved: istioctl {OLD} would change nothing with them" in result.err
    assert "to look at:" in result.err


def test_who_says_no_has_changed_nothing(equipped: Program, mesh: Mesh) -> None:
    with mesh.unchanged(), at_terminal(equipped, *UPGRADE) as terminal:
        terminal.wait_for(QUESTION)
        assert "update   Deployment istio-system/istiod" in terminal.text
        assert "~ Deployment" not in terminal.text, "nobody has asked for the difference"
        terminal.type("n\n")
        assert terminal.end() == 3
    assert "error: not confirmed; nothing was changed" in terminal.prose
    assert equipped("status", "-o", "json").done().json["unfinished"] is None


def test_no_terminal_and_no_yes(proxied: Program, proxy: Proxy, store: Path) -> None:
    proxied(*UPGRADE).failed(3, "refusing to upgrade without confirmation", hint="--yes")
    assert proxy.seen == []
    assert not store.exists()


def by_sail(mesh: Mesh) -> Json:
    """Marks of an istiod that the Sail operator has made; nothing collects garbage here, whatever an owner's UID is."""
    return {"ownerReferences": [{"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "x", "uid": "1"}]}


def by_operator(mesh: Mesh) -> Json:
    """Marks of an istiod that the operator of Istio until 1.23 has made, with its resource."""
    mesh.add(OPERATORS)
    mesh.plane.kubectl("wait", "--for=condition=Established", "crd/istiooperators.install.istio.io", "--timeout=60s")
    mesh.add(OPERATOR)
    owning = "install.operator.istio.io/owning-resource"
    return {"labels": {owning: "mine", f"{owning}-namespace": "istio-system"}}


OPERATOR: Json = {
    "apiVersion": "install.istio.io/v1alpha1",
    "kind": "IstioOperator",
    "metadata": {"name": "mine", "namespace": "istio-system"},
}
OPERATORS: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "istiooperators.install.istio.io"},
    "spec": {
        "group": "install.istio.io",
        "names": {"kind": "IstioOperator", "plural": "istiooperators"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@contextmanager
def marked(mesh: Mesh, marks: Json) -> Iterator[None]:
    """istiod with other metadata."""
    before = mesh.get(ISTIOD)
    assert before
    mesh.patch(ISTIOD, {"metadata": marks})
    try:
        yield
    finally:
        labels = before["metadata"]["labels"]
        gone = {name: None for name in marks.get("labels", {}) if name not in labels}
        mesh.patch(ISTIOD, {"metadata": {"ownerReferences": None, "labels": {**gone, **labels}}})


@pytest.mark.parametrize(
    ("marks", "method", "hint"),
    [
        (by_sail, "Sail operator", "set spec.version of its Istio resource"),
        (by_operator, "in-cluster operator", "upgrade the operator, which upgrades its control plane"),
    ],
)
def test_what_an_operator_installs_is_left_to_it(
    equipped: Program, mesh: Mesh, marks: Callable[[Mesh], Json], method: str, hint: str
) -> None:
    with marked(mesh, marks(mesh)), mesh.unchanged():
        result = equipped(*UPGRADE, "--yes").failed(3, f"the {method} installs this mesh", hint=hint)
        plan = equipped("upgrade", "--to", NEW, "--plan", "-o", "json").done(3).json
    assert "would undo an upgrade by others" in result.err
    assert method in plan["installation"]["methods"]
    (apply,) = (phase["does"] for phase in plan["phases"] if phase["phase"] == "apply")
    assert f"nothing: the {method} installs what its resource" in apply
    (found,) = (finding for finding in plan["findings"] if finding["code"] == "managed-elsewhere")
    assert found["severity"] == "blocker"
    assert {each["name"] for each in found["objects"]} == {"istiod"}
