"""The program without a command: useful, and no failure, whatever is missing."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.models.permissions import Permission
from tests.store.meshes import CLUSTER, draft, small_mesh

from .mesh import Mesh, virtual_service
from .permissions import USER, Roles
from .program import Program, Result
from .test_connection import kubeconfig

HELP = "kubectl istio-upgrade --help"


def facts(result: Result) -> dict[str, str]:
    """By their names; a fact of several lines is one text."""
    found: dict[str, str] = {}
    name = ""
    for line in result.out.partition("\n\n")[0].splitlines():
        if line[:1].strip():
            name, _, _ = line.partition(":")
        found[name] = f"{found.get(name, '')} {line[15:].strip()}".strip()
    return found


def test_neither_a_store_nor_a_cluster(offline: Program, store: Path) -> None:
    result = offline().done()
    assert result.err == ""
    found = facts(result)
    assert "no kubeconfig" in found["cluster"]
    assert f"there is no store at {store}" in found["store"]
    assert "--context NAME" in found["next"]
    assert HELP in result.out
    assert not store.exists()


def test_a_store_without_a_cluster(offline: Program, store: Path) -> None:
    with GitStore.open(store, create=True) as opened:
        info = opened.commit(opened.branch_of(CLUSTER), draft(small_mesh()), name="friday")
    found = facts(offline().done())
    assert found["last snapshot"] == f"{info.short} of 2026-11-23 08:00:00Z (friday)"
    assert "no kubeconfig" in found["cluster"]


@pytest.mark.cluster
def test_a_cluster_that_is_down(taken: Program, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        down = kubeconfig(taken, tmp_path, server=f"https://127.0.0.1:{unused.getsockname()[1]}")
        found = facts(down().done())
    assert "connection refused" in found["cluster"]
    assert "(friday)" in found["last snapshot"]
    assert found["next"] == "kubectl istio-upgrade history, which works while the cluster does not"


@pytest.mark.cluster
def test_a_cluster_without_a_store(program: Program, store: Path) -> None:
    found = facts(program().done())
    assert found["cluster"].startswith("testbed (")
    assert found["control plane"] == "istio 1.28.3 in istio-system"
    assert "there is no store" in found["store"]
    assert found["next"] == "kubectl istio-upgrade snapshot"
    assert not store.exists(), "looking makes nothing"


@pytest.mark.cluster
def test_whoever_may_not_read_all_of_the_mesh_is_told_of_the_rest(program: Program, mesh: Mesh, store: Path) -> None:
    limited = program.having(KUBECONFIG=str(mesh.plane.kubeconfig_for(USER)))
    assert "may not get namespaces/kube-system" in facts(limited().done())["cluster"]
    roles = Roles(mesh)
    roles.give(program("rbac", "--read-only", "--for", f"user:{USER}").done().out)
    try:
        with roles.without(Permission("list", "apps", "deployments")):
            found = facts(limited().done())
    finally:
        roles.remove()
    assert found["cluster"].startswith("testbed (")
    assert "may not list deployments.apps" in found["control plane"]
    assert "there is no store" in found["store"]
    assert not store.exists()


@pytest.mark.cluster
def test_as_status_when_both_are_there(taken: Program, mesh: Mesh) -> None:
    result = taken("-q").done()
    assert result.out.startswith(taken("status", "-q").done().out)
    assert "nothing to do" in facts(result)["next"]
    mesh.add(virtual_service("added"))
    assert "kubectl istio-upgrade diff" in facts(taken().done())["next"]


@pytest.mark.cluster
def test_a_server_that_is_silent_is_not_waited_for(taken: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program = kubeconfig(taken, tmp_path, server=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "no answer in time" in facts(program("--request-timeout", "1s").done())["cluster"]


def test_no_git(offline: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "git is not installed" in facts(offline.having(PATH=str(tmp_path / "empty"))().done())["store"]


def test_a_wrong_option_or_configuration_is_still_an_error(offline: Program, tmp_path: Path) -> None:
    offline("--contxt", "x").failed(2, "no such option", "--context")
    (tmp_path / "config.yaml").write_text("stor: x\n")
    offline.having(ISTIO_UPGRADE_CONFIG=str(tmp_path / "config.yaml"))().failed(2, "there is no setting 'stor'")
