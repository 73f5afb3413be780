"""Ctrl-C at every kind of moment before the first write: nothing has happened.

The moments are enumerated: a proxy holds each kind of request, a wrapper each start of git, an import holds itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh
from .moments import PROMPTLY, Wrapped, interrupting_at, is_list, moments_of, of_the_lock, subcommand
from .program import Program, Result, Running, wait_for
from .proxy import Proxy

pytestmark = pytest.mark.cluster

COMMANDS = {
    "snapshot": ("snapshot",),
    "apply": ("apply", "--yes", "--force-conflicts", "-f"),
    "rollback": ("rollback", "then", "--yes"),
}
"""Those that write: to the store, or to the cluster, too."""

WRITING = pytest.mark.parametrize("arguments", ["apply", "rollback"], indirect=True)


@pytest.fixture(params=COMMANDS)
def arguments(
    request: pytest.FixtureRequest, many_drifted: list[Json], manifest: Callable[..., str]
) -> tuple[str, ...]:
    """A command line that has much to do."""
    command = COMMANDS[request.param]
    return (*command, manifest(*many_drifted)) if request.param == "apply" else command


def nothing_happened(result: Result, proxy: Proxy, view: StoreView) -> None:
    """What a user may rely on after Ctrl-C before the first write."""
    result.failed(130, "interrupted; nothing was changed")
    assert proxy.writes == []
    assert not list(view.path.rglob("*.lock"))
    view.check()


def stop(running: Running, proxy: Proxy, view: StoreView, refs: str) -> None:
    """Ctrl-C, at a moment before the first write."""
    running.interrupt()
    nothing_happened(running.end(PROMPTLY), proxy, view)
    assert view.refs == refs


def test_at_every_request_before_the_first_write(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, view: StoreView, arguments: tuple[str, ...]
) -> None:
    """Those of a run that goes as far as to the cluster's lock."""
    proxy.fail = of_the_lock("POST")
    assert proxied(*arguments).code == (5 if "--yes" in arguments else 0)
    moments, proxy.fail = moments_of(proxy.seen), None
    kinds = {moment.kind for moment in moments}
    assert {"a list", "the newest version", "GET /version", "GET /api", "GET /apis"} <= kinds
    assert ("a dry run" in kinds) is ("--yes" in arguments)
    refs = view.refs
    with mesh.unchanged():
        for moment in moments:
            print(moment)
            proxy.seen.clear()
            proxy.hold(moment.is_kind, after=moment.after)
            running = proxied.start(*arguments)
            proxy.wait_held()
            stop(running, proxy, view, refs)
            proxy.release()
    program("snapshot", "-q").done()


def test_at_every_start_of_git_before_the_first_write(
    proxied: Program, proxy: Proxy, mesh: Mesh, view: StoreView, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """And at those that commit the snapshot before."""
    proxy.fail = of_the_lock("POST")
    recorded = Wrapped.of("git", tmp_path / "recorded")
    with_path(proxied, recorded)(*arguments)
    proxy.fail = None
    words = {subcommand(call) for call in recorded.calls} | {"fast-import", "update-ref"}
    refs = view.refs
    with mesh.unchanged():
        for word in sorted(words):
            print(word)
            proxy.seen.clear()
            git = Wrapped.of("git", tmp_path / word, word)
            running = with_path(proxied, git).start(*arguments)
            wait_for(git.held.exists, f"git {word} was not held")
            stop(running, proxy, view, refs)
    assert words >= {"cat-file", "for-each-ref", "version"}


def test_a_command_that_only_reads(proxied: Program, program: Program, proxy: Proxy, view: StoreView) -> None:
    program("snapshot", "-q").done()
    refs = view.refs
    proxy.hold(is_list, after=20)
    running = proxied.start("diff")
    proxy.wait_held()
    stop(running, proxy, view, refs)


def test_no_file_with_what_the_kubeconfig_holds_is_left(program: Program, tmp_path: Path) -> None:
    """TLS takes certificates and keys from files."""
    files = tmp_path / "files"
    files.mkdir()
    git = Wrapped.of("git", tmp_path / "git", "version")
    running = with_path(program.having(TMPDIR=str(files)), git).start("snapshot")
    wait_for(git.held.exists, "git version was not held")
    assert list(files.iterdir()) != []
    running.interrupt()
    running.end(PROMPTLY).failed(130, "interrupted; nothing was changed")
    assert list(files.iterdir()) == []


def with_path(program: Program, wrapped: Wrapped) -> Program:
    """The product, which finds a wrapped program first."""
    return program.having(PATH=f"{wrapped.folder}{os.pathsep}{program.environment['PATH']}")


IMPORTS_INTERRUPTED = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED_IMPORT"]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize(
    "module", ["kubernetes", "urllib3", "git", "yaml", "orjson", "kubectl_istio_upgrade.cli.rollback"]
)
def test_while_a_library_is_imported(
    proxied: Program, proxy: Proxy, many_drifted: list[Json], view: StoreView, tmp_path: Path, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(IMPORTS_INTERRUPTED, "utf-8")
    refs = view.refs
    program = proxied.having(PYTHONPATH=str(tmp_path), INTERRUPTED_IMPORT=module)
    nothing_happened(program("rollback", "then", "--yes"), proxy, view)
    assert view.refs == refs


@WRITING
def test_while_the_cluster_is_being_locked(
    proxied: Program, proxy: Proxy, mesh: Mesh, view: StoreView, arguments: tuple[str, ...]
) -> None:
    """The request is on its way: what it makes is taken back."""
    refs = view.refs
    proxy.hold(of_the_lock("POST"))
    with mesh.unchanged():
        running = proxied.start(*arguments)
        proxy.wait_held()
        running.interrupt()
        proxy.release()
        result = running.end(PROMPTLY)
    nothing_happened(result, proxy, view)
    assert view.refs == refs
    assert mesh.leases() == []


@WRITING
def test_while_the_journal_begins(
    proxied: Program,
    program: Program,
    proxy: Proxy,
    mesh: Mesh,
    view: StoreView,
    arguments: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Nothing is left of it that would be in the way of the next operation."""
    with mesh.unchanged():
        result = interrupting_at(proxied, tmp_path, "_begun")(*arguments)
    nothing_happened(result, proxy, view)
    assert not list(view.path.rglob("open.jsonl"))
    assert mesh.leases() == []
    program("rollback", "then", "--yes").done()
