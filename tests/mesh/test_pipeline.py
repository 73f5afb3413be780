"""The recipes of docs/pipeline, run as a pipeline runs them: through kubectl, with nobody at a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import istioctl_path

from .mesh import NEW, OLD, Mesh
from .upgrades import tools

pytestmark = pytest.mark.mesh

RECIPES = Path(__file__).parents[2] / "docs" / "pipeline"


def run(mesh: Mesh, folder: Path, recipe: str, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(RECIPES / recipe), *args],
        cwd=folder,
        env={**mesh.plugin.environment(), "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def test_no_drift_lets_a_pipeline_pass(mesh: Mesh, tmp_path: Path) -> None:
    ran = run(mesh, tmp_path, "drift.sh")
    assert (ran.returncode, ran.stdout) == (0, "no drift\n"), ran.stderr
    assert written(tmp_path, "drift.json")["summary"]["changed"] == 0


def test_drift_stops_a_pipeline_and_is_named(mesh: Mesh, tmp_path: Path) -> None:
    mesh.patch("virtualservice", "web", '{"spec": {"hosts": ["web", "other"]}}')
    ran = run(mesh, tmp_path, "drift.sh")
    assert ran.returncode == 1, ran.stderr
    assert "VirtualService shop/web" in ran.stdout
    assert written(tmp_path, "drift.json")["summary"]["changed"] == 1


def test_a_pipeline_that_cannot_look_does_not_pass(mesh: Mesh, tmp_path: Path) -> None:
    ran = run(mesh, tmp_path, "drift.sh", KUBECONFIG=str(mesh.plane.kubeconfig_for("nobody")))
    assert ran.returncode == 5
    assert "not known" in ran.stderr


def test_an_upgrade_that_nothing_is_in_the_way_of_passes_its_gate(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", tools(tmp_path / "running", OLD)["PATH"])
    ran = run(mesh, tmp_path, "upgrade-gate.sh", NEW, "--istioctl", str(istioctl_path(NEW)))
    assert (ran.returncode, ran.stdout) == (0, f"nothing is in the way of {NEW}\n"), ran.stderr
    assert written(tmp_path, "plan.json")["blocked"] is False


def test_a_blocked_upgrade_stops_at_its_gate_with_the_reason(mesh: Mesh, tmp_path: Path) -> None:
    ran = run(mesh, tmp_path, "upgrade-gate.sh", "1.31.0")
    assert ran.returncode == 3, ran.stderr
    assert "jump-too-far" in ran.stdout
    assert written(tmp_path, "plan.json")["blocked"] is True
