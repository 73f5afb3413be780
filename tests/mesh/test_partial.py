"""Parts: a selection rolled back, manifests applied and taken back, folders written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .comparison import compare, managers
from .mesh import START, Mesh
from .story import ADDED, NOTES, POLICY, small_drift

pytestmark = pytest.mark.mesh

WEB = "virtualservices.networking.istio.io shop/web"
RULE = "destinationrules.networking.istio.io shop/web"
ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s, namespace: shop}
spec:
  hosts: [%s]
  http: [{route: [{destination: {host: web}, weight: %d}]}]
"""


def test_one_object(mesh: Mesh) -> None:
    before = mesh.dump()
    small_drift(mesh)
    mesh.plugin.ok("rollback", START, "--only", "virtualservice/web", "-n", "shop", "--yes")
    assert set(compare(before, mesh.dump()).changed) == {RULE, NOTES}
    mesh.plugin.ok("rollback", START, "--only", "destinationrule", "--only", "configmap/no*", "--yes")
    left = compare(before, mesh.dump())
    assert left.changed == {}
    assert left.added == (ADDED,)


def test_one_namespace(mesh: Mesh) -> None:
    before = mesh.dump()
    small_drift(mesh)
    mesh.plugin.ok("rollback", START, "-n", "shop", "--yes")
    left = compare(before, mesh.dump())
    assert set(left.changed) == {NOTES}
    assert left.counts == (0, 0, 1, 0)


def test_what_was_added_may_stay(mesh: Mesh) -> None:
    before = mesh.dump()
    small_drift(mesh)
    ran = mesh.plugin.ok("rollback", "--keep-added", "--yes", "-o", "json")
    (kept,) = ran.data["proof"]["kept"]
    assert kept["name"] == "added"
    left = compare(before, mesh.dump())
    assert left.added == (ADDED,)
    assert left.counts == (1, 0, 0, 0)


def test_dry_run_changes_nothing(mesh: Mesh) -> None:
    small_drift(mesh)
    drifted = mesh.dump()
    assert "nothing was changed" in mesh.plugin.ok("rollback", "--dry-run").out
    assert compare(drifted, mesh.dump()).counts == (0, 0, 0, 0)
    assert len(mesh.plugin.ok("history", "-o", "name").out.split()) == 1


def test_folder_of_manifests_is_taken_by_kubectl(mesh: Mesh, tmp_path: Path) -> None:
    before = mesh.dump()
    folder = tmp_path / "manifests"
    mesh.plugin.ok("rollback", START, "--to-dir", str(folder))
    assert (folder / "shop").is_dir()
    tried = mesh.kubectl("apply", "--dry-run=server", "--recursive", "-f", str(folder)).splitlines()
    assert len(tried) == len(list(folder.rglob("*.yaml")))
    assert not [line for line in tried if "created" in line], "every object is there under the same name"
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)


def test_apply_is_taken_back_by_default(mesh: Mesh, tmp_path: Path) -> None:
    before = mesh.dump()
    manifest = tmp_path / "routes.yaml"
    manifest.write_text("---".join((ROUTE % ("web", "web", 0), ROUTE % ("extra", "extra", 0), POLICY)))
    # Applied with kubectl before, so a part of it is somebody else's.
    refused = mesh.plugin.ending(3, "apply", "-f", str(manifest), "--yes")
    assert "conflict" in refused.err
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)
    mesh.plugin.ok("apply", "-f", str(manifest), "--force-conflicts", "--yes")
    applied = compare(before, mesh.dump())
    assert set(applied.changed) == {WEB}
    assert set(applied.added) == {ADDED, "virtualservices.networking.istio.io shop/extra"}
    mesh.plugin.ok("rollback", "--yes")
    after = mesh.dump()
    assert compare(before, after).counts == (0, 0, 0, 0)
    assert "kubectl-istio-upgrade" not in managers(after)


def test_apply_of_what_istiod_refuses_changes_nothing(mesh: Mesh) -> None:
    before = mesh.dump()
    manifest = ROUTE % ("fine", "fine", 100) + "---" + ROUTE % ("wrong", "wrong", -1)
    refused = mesh.plugin("apply", "-f", "-", "--yes", input=manifest)
    assert refused.code == 3, str(refused)
    assert "virtualservices.networking.istio.io shop/wrong" in refused.err
    assert "weight" in refused.err
    assert "nothing was changed" in refused.err
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)
    assert len(mesh.plugin.ok("history", "-o", "name").out.split()) == 1
