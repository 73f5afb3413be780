"""Manifests that cannot be meant, that the server would not take, or that could not be taken back: none is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Mesh, config_map, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

Manifest = Callable[..., str]

WRONG_FIELD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wrong, namespace: shop}
spec: {hosts: [wrong], httpp: []}
"""
WRONG_TYPE = WRONG_FIELD.replace("httpp: []", "http: 7")
UNKNOWN_KIND = WRONG_FIELD.replace("kind: VirtualService", "kind: VirtualServise")


DEFINITION = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.istio.io}\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big, namespace: istio-system}\n"

COMMANDS = (("apply", "--yes", "-f"), ("diff", "live", "-f"), ("snapshot", "--from-file"))
"""Everything that reads manifests."""

CANNOT_BE_MEANT = (
    ("a: [", "YAML"),
    ("just words", "manifest.yaml"),
    ("", "manifest.yaml"),
    ("# nothing but a comment\n", "manifest.yaml"),
    ("kind: ConfigMap\nmetadata: {name: x}\n", "no apiVersion"),
    ("apiVersion: v1\nmetadata: {name: x}\n", "no kind"),
    ("apiVersion: v1\nkind: ConfigMap\n", "without metadata"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x}\n", "without metadata.name"),
    (UNKNOWN_KIND, "the cluster does not know VirtualServise in networking.istio.io/v1"),
    (f"{WRONG_FIELD}\n---{WRONG_FIELD}", "twice"),
    (f"{WRONG_FIELD}\n---{WRONG_FIELD.replace('/v1', '/v1beta1')}", "twice"),
    ("a: 1\na: 2\n", "manifest.yaml"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "line 4, column 1: found character"),
    ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: [a]}\n", "labels is not a mapping of texts"),
    ("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: cGxhaW4=\n", "Secret x: data is not a mapping"),
    (f"{DEFINITION}spec: {{versions: [v1]}}\n", "spec.group is not a text"),
)


def test_what_cannot_be_meant(program: Program, mesh: Mesh, view: StoreView, manifest: Manifest) -> None:
    """Whatever reads manifests says the same of it."""
    with mesh.unchanged():
        for text, words in CANNOT_BE_MEANT:
            file = manifest(text)
            for command in COMMANDS:
                result = program(*command, file).failed(2, words, file)
                assert "cGxhaW4=" not in result.err
    assert view.refs == ""


def test_files_that_are_no_manifests(program: Program, mesh: Mesh, view: StoreView, tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    (tmp_path / "wide.yaml").write_text(WRONG_FIELD, "utf-16")
    (tmp_path / "circle.yaml").symlink_to(tmp_path / "circle.yaml")
    (tmp_path / "folder").mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "1.yaml").symlink_to(tmp_path / "gone.yaml")
    wrong = {
        "binary.yaml": "not UTF-8: byte 128",
        "wide.yaml": "not UTF-8: byte 0",
        "circle.yaml": "Too many levels of symbolic links",
        "folder": "no Kubernetes object in",
        "links": "1.yaml: No such file or directory",
    }
    with mesh.unchanged():
        for name, words in wrong.items():
            for command in COMMANDS:
                program(*command, str(tmp_path / name)).failed(2, words, name)
    assert view.refs == ""


def test_a_file_of_fifty_megabytes(program: Program, mesh: Mesh, view: StoreView, manifest: Manifest) -> None:
    """The server would break the connection off, which says nothing."""
    file = manifest(f"{CONFIG_MAP}data: {{big: {'x' * (50 << 20)}}}\n")
    with mesh.unchanged():
        result = program("apply", "-f", file, "--yes").failed(3, "would not accept 1 object; nothing was changed")
    assert "istio-system/big: 50.0 MiB, and the API server takes 3 at most" in result.err
    assert len(result.err) < 1_000
    assert view.refs == ""


def test_a_file_whose_name_is_no_text(program: Program, mesh: Mesh, manifest: Manifest) -> None:
    """The record of the operation names it all the same."""
    odd = virtual_service("odd")
    mesh.adopt(odd)
    file = manifest(odd, name="caf\udce9.yaml")
    assert "caf?.yaml" in program("apply", "-f", file, "--yes").done().err + program("history").done().out
    assert mesh.get(odd)


def test_no_such_file(program: Program, tmp_path: Path, view: StoreView) -> None:
    for command in (["apply", "--yes"], ["diff", "live"]):
        program(*command, "-f", str(tmp_path / "missing.yaml")).failed(2, "missing.yaml")
    program("snapshot", "--from-file", str(tmp_path / "missing.yaml")).failed(2, "missing.yaml")
    assert view.refs == ""


def test_an_empty_standard_input(program: Program) -> None:
    program("apply", "-f", "-", "--yes", stdin="").failed(2, "no Kubernetes object in")


@pytest.mark.parametrize(
    ("text", "words"), [(WRONG_FIELD, "spec.httpp: field not declared in schema"), (WRONG_TYPE, "spec.http"), ("", "")]
)
def test_what_the_server_would_not_take(
    program: Program, mesh: Mesh, view: StoreView, manifest: Manifest, text: str, words: str
) -> None:
    """The last: of three documents, only the second is bad. None is written."""
    bad = text or WRONG_FIELD
    documents = [bad] if text else [virtual_service("first"), bad, virtual_service("third")]
    file = manifest(*documents)
    with mesh.unchanged():
        for mode in ("--yes", "--dry-run"):
            result = program("apply", "-f", file, mode).failed(3, "would not accept 1 object; nothing was changed")
            assert "shop/wrong" in result.err
            assert words in result.err
            assert result.hints == []
    assert view.refs == ""


@pytest.mark.parametrize("namespace", ["shop", "default"])
def test_an_object_outside_the_mesh(
    program: Program, mesh: Mesh, view: StoreView, manifest: Manifest, namespace: str
) -> None:
    file = manifest(virtual_service("inside"), config_map("outside", namespace))
    with mesh.unchanged():
        refused = program("apply", "-f", file, "--yes").failed(3, "not part of the mesh", hint="kubectl apply")
    assert f"configmaps {namespace}/outside" in refused.err
    assert "inside" not in refused.err
    assert view.refs == ""


def test_a_namespace_that_is_not_there(program: Program, mesh: Mesh, manifest: Manifest) -> None:
    lost = virtual_service("lost")
    lost["metadata"]["namespace"] = "nowhere"
    with mesh.unchanged():
        program("apply", "-f", manifest(lost), "--yes").failed(3, 'namespaces "nowhere" not found')


def test_a_field_of_another_manager(program: Program, mesh: Mesh, view: StoreView, manifest: Manifest) -> None:
    owned = virtual_service("owned", "theirs")
    mesh.add(owned, manager="helm")
    file = manifest(virtual_service("owned", "ours"))
    with mesh.unchanged():
        refused = program("apply", "-f", file, "--yes").failed(3, "conflict with", "helm", hint="--force-conflicts")
    assert ".spec.hosts" in refused.err
    assert view.refs == ""
    done = program("apply", "-f", file, "--yes", "--force-conflicts", "-o", "json").done().json
    assert done["proof"]["holds"]
    assert [change["action"] for change in done["plan"]["changes"]] == ["update"]
    now = mesh.get(owned)
    assert now
    assert now["spec"]["hosts"] == ["ours"]
    program("rollback", done["before"], "--yes").done()
    back = mesh.get(owned)
    assert back
    assert back["spec"]["hosts"] == ["theirs"]


def test_applying_what_is_there_already(program: Program, mesh: Mesh, view: StoreView, manifest: Manifest) -> None:
    there = virtual_service("there")
    file = manifest(there)
    mesh.adopt(there)
    assert "1 object identical" in program("apply", "-f", file, "--yes").done().out
    refs = view.refs
    with mesh.unchanged():
        assert "nothing to do" in program("apply", "-f", file, "--yes").done().out
    assert view.refs == refs


def test_a_dry_run_changes_nothing(program: Program, mesh: Mesh, view: StoreView, manifest: Manifest) -> None:
    file = manifest(virtual_service("dry"))
    with mesh.unchanged():
        result = program("apply", "-f", file, "--dry-run").done()
        planned = program("apply", "-f", file, "--dry-run", "-o", "json").done().json
    assert "create   VirtualService shop/dry" in result.out
    assert "nothing was changed" in result.out
    assert [change["action"] for change in planned["plan"]["changes"]] == ["create"]
    assert view.refs == ""


def test_a_backup_without_a_mesh(program: Program, view: StoreView, manifest: Manifest) -> None:
    file = manifest(config_map("outside", "default"))
    program("snapshot", "--from-file", file).failed(2, "nothing in these files is state of an Istio mesh")
    assert view.refs == ""


def test_a_namespace_narrows_a_comparison_with_manifests(program: Program, mesh: Mesh, manifest: Manifest) -> None:
    """It is the default namespace, too: of the two, only the one that names no other counts."""
    there, elsewhere = virtual_service("here"), config_map("elsewhere")
    del there["metadata"]["namespace"]
    file = manifest(there, elsewhere)
    diffs = program("diff", "live", "-f", file, "-n", "shop", "-o", "json").done(1).json["objects"]
    assert [(diff["kind"], diff["namespace"], diff["name"]) for diff in diffs] == [("VirtualService", "shop", "here")]
