"""Who says yes: nobody, somebody who says no, and somebody who says yes to a mesh that has moved meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh, virtual_service
from .program import Program
from .proxy import Proxy
from .terminals import CTRL_C, at_terminal

pytestmark = pytest.mark.cluster

Manifest = Callable[..., str]

QUESTION = "Change cluster testbed"


@pytest.mark.parametrize("command", ["apply", "rollback"])
@pytest.mark.parametrize("stdin", ["", "y\n", None])
def test_no_terminal_and_no_yes(
    proxied: Program, proxy: Proxy, store: Path, manifest: Manifest, command: str, stdin: str | None
) -> None:
    """Refused before any work: not a request reaches the server, not a file is made."""
    arguments = ["apply", "-f", manifest(virtual_service("new"))] if command == "apply" else ["rollback"]
    proxied(*arguments, stdin=stdin).failed(3, "without confirmation", hint="--yes")
    assert proxy.seen == []
    assert not store.exists()


def test_no_standard_input_at_all(proxied: Program, proxy: Proxy) -> None:
    closed = proxied.under("bash", "-c", 'exec 0<&-; exec "$@"', "bash")
    closed("rollback").failed(3, "without confirmation")
    assert proxy.seen == []


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("n\n", 3, "error: not confirmed; nothing was changed"),
        ("\n", 3, "error: not confirmed; nothing was changed"),
        (CTRL_C, 130, "error: interrupted; nothing was changed"),
        ("\x04", 130, "error: interrupted; nothing was changed"),
    ],
)
def test_anything_but_yes(
    proxied: Program, proxy: Proxy, mesh: Mesh, drifted: Json, view: StoreView, answer: str, code: int, words: str
) -> None:
    refs = view.refs
    with mesh.unchanged(), at_terminal(proxied, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        assert "update   VirtualService shop/drifted" in terminal.text
        time.sleep(0.5)  # a signal between Python's prompt and its read would be noticed after the next key only
        terminal.type(answer)
        assert terminal.end() == code
    assert words in terminal.prose
    assert "Traceback" not in terminal.text
    assert proxy.writes == []
    assert view.refs == refs


def test_yes(program: Program, mesh: Mesh, drifted: Json) -> None:
    with at_terminal(program, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        terminal.type("y\n")
        assert terminal.end() == 0, terminal.text
    assert "proved: " in terminal.text
    assert hosts(mesh, drifted) == ["then"]


def hosts(mesh: Mesh, body: Json) -> list[str]:
    """The hosts that the VirtualService has now."""
    now = mesh.get(body)
    assert now
    found: list[str] = now["spec"]["hosts"]
    return found


def test_somebody_else_changes_what_is_about_to_be_updated(program: Program, mesh: Mesh, drifted: Json) -> None:
    with at_terminal(program, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        mesh.patch(drifted, {"spec": {"hosts": ["theirs"]}})
        terminal.type("y\n")
        assert terminal.end() == 3
    assert "virtualservices.networking.istio.io shop/drifted was changed by somebody else" in terminal.prose
    assert "nothing was changed" in terminal.prose
    assert program("status", "-o", "json").done().json["unfinished"] is None
    assert hosts(mesh, drifted) == ["theirs"]


def test_somebody_elses_noise_does_not_stop_it(program: Program, mesh: Mesh, drifted: Json) -> None:
    """Its status moves the resource version, as istiod and controllers do all day."""
    with at_terminal(program, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        mesh.patch_status(drifted, {"status": {"observedGeneration": "7"}})
        terminal.type("y\n")
        assert terminal.end() == 0, terminal.text
    assert hosts(mesh, drifted) == ["then"]


def test_somebody_else_recreates_what_is_about_to_be_deleted(program: Program, mesh: Mesh) -> None:
    program("snapshot", "-q").done()
    added = virtual_service("added", "first")
    mesh.add(added)
    with at_terminal(program, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        assert "delete   VirtualService shop/added" in terminal.text
        mesh.delete(added)
        mesh.add(virtual_service("added", "second"))
        terminal.type("y\n")
        assert terminal.end() == 3
    assert "virtualservices.networking.istio.io shop/added" in terminal.prose
    assert hosts(mesh, added) == ["second"]


def test_somebody_else_creates_what_is_about_to_be_recreated(program: Program, mesh: Mesh) -> None:
    gone = virtual_service("gone", "then")
    mesh.add(gone)
    program("snapshot", "-q").done()
    mesh.delete(gone)
    with at_terminal(program, "rollback") as terminal:
        terminal.wait_for(QUESTION)
        mesh.add(virtual_service("gone", "theirs"))
        terminal.type("y\n")
        assert terminal.end() == 3
    assert "shop/gone" in terminal.text
    assert hosts(mesh, gone) == ["theirs"]


@pytest.mark.parametrize("exists", [True, False])
def test_somebody_else_writes_what_is_about_to_be_applied(
    program: Program, mesh: Mesh, manifest: Manifest, exists: bool
) -> None:
    body = virtual_service("both", "then")
    if exists:
        mesh.add(body)
    file = manifest(virtual_service("both", "ours"))
    with at_terminal(program, "apply", "-f", file, "--force-conflicts") as terminal:
        terminal.wait_for(QUESTION)
        theirs = virtual_service("both", "theirs")
        if exists:
            mesh.patch(body, theirs)
        else:
            mesh.add(theirs)
        terminal.type("y\n")
        assert terminal.end() == 3
    assert "shop/both was " in terminal.prose
    assert "by somebody else after the plan was made" in terminal.prose
    assert hosts(mesh, body) == ["theirs"]


def test_noise_does_not_stop_an_apply(program: Program, mesh: Mesh, manifest: Manifest) -> None:
    body = virtual_service("noisy", "then")
    mesh.add(body)
    file = manifest(virtual_service("noisy", "ours"))
    with at_terminal(program, "apply", "-f", file, "--force-conflicts") as terminal:
        terminal.wait_for(QUESTION)
        mesh.patch_status(body, {"status": {"observedGeneration": "7"}})
        terminal.type("y\n")
        assert terminal.end() == 0, terminal.text
    assert hosts(mesh, body) == ["ours"]
