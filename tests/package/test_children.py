"""What the packed program starts (git, credential plugins, istioctl, helm) gets the user's own environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.mesh import Mesh
from tests.cli.program import Program, clean_environment
from tests.controlplane import istioctl_path
from tests.controlplane.build import ensure_built
from tests.mesh.helm_bed import charts, install
from tests.mesh.helm_story import HelmMesh, empty
from tests.mesh.mesh import NEW

pytestmark = pytest.mark.package

RECORDING = """\
#!/bin/sh
{{ env; echo; }} >> {log}
exec {command}
"""


def recorder(path: Path, log: Path, command: str) -> None:
    """A program that writes its environment down, and then does what it should."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECORDING.format(log=log, command=command))
    path.chmod(0o755)


def recorded(log: Path) -> list[dict[str, str]]:
    blocks = log.read_text().strip().split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


SHELL = {"PWD", "OLDPWD", "SHLVL", "_"}
STORE = {"LC_ALL", "LANGUAGE", "SSH_ASKPASS_REQUIRE"}
CREDENTIALS = {"KUBERNETES_EXEC_INFO"}
TOOLS = {"KUBECONFIG", "ISTIOCONFIG", "NO_COLOR", "TERM", "LC_ALL"}
"""What the recorder's shell, and whoever starts a program, set on purpose."""


def ours(environment: dict[str, str], on_purpose: set[str]) -> dict[str, str]:
    """The rest, which must be the user's."""
    left = {*environment} - SHELL - on_purpose
    return {name: environment[name] for name in left if not name.startswith("GIT_")}


@pytest.mark.parametrize("library_path", [None, "/opt/mine"])
def test_git_gets_the_users_environment(unpacked: Path, tmp_path: Path, library_path: str | None) -> None:
    log, tools = tmp_path / "log", tmp_path / "tools"
    git = shutil.which("git")
    recorder(tools / "git", log, f'{git} "$@"')
    environment = clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(tmp_path / "store"))
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    program = Program(environment, (str(unpacked),))
    program("store", "init").done()
    program("__complete", "show", "").done()
    seen = recorded(log)
    assert len(seen) >= 3
    for one in seen:
        assert ours(one, STORE) == ours(environment, STORE)


@pytest.mark.cluster
def test_a_credential_plugin_gets_the_users_environment(unpacked: Path, mesh: Mesh, tmp_path: Path) -> None:
    log, plugin = tmp_path / "log", tmp_path / "plugins" / "credentials"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": mesh.plane.state.tokens["admin"]},
    }
    answer = tmp_path / "credential.json"
    answer.write_text(json.dumps(credential))
    recorder(plugin, log, f"cat {answer}")
    document = yaml.safe_load(mesh.plane.kubeconfig.read_text())
    document["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document))
    environment = clean_environment(
        tmp_path, ISTIO_UPGRADE_STORE=str(tmp_path / "store"), KUBECONFIG=str(kubeconfig), LD_LIBRARY_PATH="/opt/mine"
    )
    Program(environment, (str(unpacked),))("snapshot", "-q").done()
    (seen,) = recorded(log)
    assert ours(seen, CREDENTIALS) == ours(environment, CREDENTIALS)


@pytest.fixture
def helm_mesh(tmp_path: Path) -> Iterator[HelmMesh]:
    """A real mesh that Helm has installed."""
    with empty(tmp_path / "unused") as mesh:
        install(mesh)
        yield mesh


@pytest.mark.mesh
def test_istioctl_and_helm_get_the_users_environment(unpacked: Path, helm_mesh: HelmMesh, tmp_path: Path) -> None:
    """The real ones, in an upgrade up to its first write: istioctl checks, and helm renders."""
    programs = {"istioctl": istioctl_path(NEW), "helm": ensure_built("helm")["helm"], "git": shutil.which("git")}
    for name, command in programs.items():
        recorder(tmp_path / "tools" / name, tmp_path / f"{name}.log", f'{command} "$@"')
    environment = clean_environment(
        tmp_path,
        ISTIO_UPGRADE_STORE=str(tmp_path / "store"),
        KUBECONFIG=str(helm_mesh.plane.kubeconfig),
        LD_LIBRARY_PATH="/opt/mine",
    )
    environment["PATH"] = f"{tmp_path / 'tools'}{os.pathsep}{environment['PATH']}"
    arguments = [str(unpacked), "upgrade", "--to", NEW, "--dry-run", "--charts", str(charts(tmp_path / "charts"))]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert "the server would accept every write" in done.stdout
    for name in programs:
        seen = recorded(tmp_path / f"{name}.log")
        assert seen, f"{name} was not started"
        on_purpose = STORE if name == "git" else TOOLS
        assert all(ours(one, on_purpose) == ours(environment, on_purpose) for one in seen), name
