"""The backups that Istio's upgrade guides tell to make, imported.

They hold no owners of fields, so nothing can put those back: the mesh is spent afterwards.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .comparison import compare
from .mesh import Mesh
from .story import ADDED, NOTES, small_drift

pytestmark = pytest.mark.mesh

ALLOW = "authorizationpolicies.security.istio.io shop/allow-all"


def test_backups_of_the_guide_bring_back_what_they_hold(mesh: Mesh, tmp_path: Path) -> None:
    before = mesh.dump()
    imported = mesh.plugin.ok("snapshot", *_backups(mesh, tmp_path), "-o", "json").data
    assert imported["purpose"] == "import"
    small_drift(mesh)
    mesh.kubectl("label", "deployment/istiod", "-n", "istio-system", "operator.istio.io/version=edited", "--overwrite")
    mesh.kubectl("delete", "authorizationpolicy", "allow-all", "-n", "shop")
    mesh.plugin.ok("rollback", "--yes")
    left = compare(before, mesh.dump(), ownership=False)
    assert left.removed == ()
    assert left.added == (ADDED,), "nothing is deleted on the word of a backup"
    assert set(left.changed) == {NOTES}, "config maps are in none of the guide's backups"
    assert left.recreated == (ALLOW,)


def _backups(mesh: Mesh, folder: Path) -> list[str]:
    """The files that Istio's upgrade guides tell to make, as options."""
    commands = (
        "get all -n istio-system -o yaml",
        "get crd -o yaml",
        "get istio-io -A -oyaml",
    )
    options = []
    for number, command in enumerate(commands):
        path = folder / f"backup-{number}.yaml"
        path.write_text(mesh.kubectl(*command.split()))
        options += ["--from-file", str(path)]
    return options
