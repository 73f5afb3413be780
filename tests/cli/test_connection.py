"""A cluster that is not there, does not answer, or does not let us: exit code 5 (2 for a kubeconfig), nothing done."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from .conftest import StoreView
from .mesh import Mesh
from .program import Program

pytestmark = pytest.mark.cluster

NEEDS_CLUSTER = (["snapshot"], ["diff", "live", "live"], ["rollback", "--yes"], ["rollback", "--dry-run"])


@pytest.fixture(autouse=True)
def untouched(taken: Program, mesh: Mesh, view: StoreView) -> Iterator[None]:
    """Nothing that fails may change the store or the cluster."""
    refs = view.refs
    with mesh.unchanged():
        yield
    assert view.refs.startswith(refs) or "through_kubectl" in view.path.parent.name
    view.check()


def kubeconfig(program: Program, tmp_path: Path, **changes: str) -> Program:
    """A kubeconfig that differs in its server, or in its user's token."""
    document = yaml.safe_load(Path(program.environment["KUBECONFIG"]).read_text("utf-8"))
    if "server" in changes:
        document["clusters"][0]["cluster"] = {"server": changes["server"]}
    if "token" in changes:
        document["users"][0]["user"] = {"token": changes["token"]}
    path = tmp_path / "changed.kubeconfig"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return program.having(KUBECONFIG=str(path))


def test_no_such_context(taken: Program) -> None:
    for arguments in NEEDS_CLUSTER:
        taken(*arguments, "--context", "testbet").failed(2, 'no context "testbet" in the kubeconfig', hint="testbed")


@pytest.mark.parametrize(("option", "what"), [("--cluster", "cluster"), ("--user", "user")])
def test_no_such_cluster_or_user(taken: Program, option: str, what: str) -> None:
    taken("snapshot", option, "other").failed(2, f'no {what} "other" in the kubeconfig')


def test_no_kubeconfig(taken: Program, tmp_path: Path) -> None:
    without = taken.having(KUBECONFIG=str(tmp_path / "missing"))
    for arguments in NEEDS_CLUSTER:
        without(*arguments).failed(2, "no kubeconfig", "missing does not exist", hint="--kubeconfig FILE")


def test_a_named_kubeconfig_that_does_not_exist(taken: Program) -> None:
    taken("snapshot", "--kubeconfig", "missing").failed(2, "kubeconfig missing does not exist")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clusters: [", "not readable as YAML"),
        ("just a word", "kubeconfig"),
        ("clusters: nothing\n", "kubeconfig"),
        ("contexts: [{context: {}}]\n", "an entry of contexts has no name"),
        ("", "no context is selected"),
        ("current-context: gone\n", 'no context "gone"'),
    ],
)
def test_a_broken_kubeconfig(taken: Program, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text, "utf-8")
    taken("snapshot", "--kubeconfig", str(path)).failed(2, words)


def test_server_down(taken: Program, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # and does not listen
        server = f"https://127.0.0.1:{unused.getsockname()[1]}"
        down = kubeconfig(taken, tmp_path, server=server)
        for arguments in NEEDS_CLUSTER:
            down(*arguments).failed(5, f"{server}: cannot connect (connection refused)", hint="is the cluster running")


def test_history_and_show_work_while_the_server_is_down(taken: Program, tmp_path: Path) -> None:
    down = kubeconfig(taken, tmp_path, server="https://127.0.0.1:1")
    assert "testbed-" in down("show", "latest").done().out
    assert len(down("history", "-o", "json").done().json) == 1
    assert len(down("history", "-o", "json", "--context", "testbed").done().json) == 1
    down("diff", "latest", "latest").done()


def test_unknown_host(taken: Program, tmp_path: Path) -> None:
    elsewhere = kubeconfig(taken, tmp_path, server="https://no-such-host.invalid:6443")
    elsewhere("snapshot").failed(5, "its host name does not resolve", hint="kubeconfig")


def test_a_server_that_is_silent(taken: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = f"http://127.0.0.1:{silent.getsockname()[1]}"
        program = kubeconfig(taken, tmp_path, server=server)
        program("snapshot", "--request-timeout", "1s").failed(5, "no answer in time", hint="--request-timeout")


def test_not_the_servers_certificate(taken: Program, mesh: Mesh, tmp_path: Path) -> None:
    stranger = kubeconfig(taken, tmp_path, server=mesh.plane.server)
    stranger("snapshot").failed(5, "TLS failed", hint="certificate-authority")


def test_a_bad_token(taken: Program, tmp_path: Path) -> None:
    stranger = kubeconfig(taken, tmp_path, token="not-a-token")
    for arguments in NEEDS_CLUSTER:
        result = stranger(*arguments).failed(5, "does not accept the credentials of context 'testbed' (401)")
        assert any("auth whoami" in hint for hint in result.hints)
        assert "not-a-token" not in result.err


def test_through_kubectl(program: Program, view: StoreView) -> None:
    """The name, the exit code and both streams as kubectl passes them on."""
    kubectl = Program(program.environment, ("kubectl", "istio-upgrade"))
    kubectl("snapshot", "--context", "testbet").failed(2, 'no context "testbet"', hint="testbed")
    assert kubectl("snapshot", "-q", "-o", "name").done().out.strip() in view.refs
    kubectl("rollback").failed(3, "refusing to roll back")
    assert kubectl("--help").done().out.startswith("Usage: kubectl istio-upgrade ")
