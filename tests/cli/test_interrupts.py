"""Ctrl-C at every kind of moment: before the first write nothing has happened; after it, the way back is named.

The moments are enumerated: a proxy holds a request, a wrapper holds git, an import holds itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh, virtual_service
from .program import PATIENCE, Program, Result, wait_for
from .proxy import Proxy, Seen

pytestmark = pytest.mark.cluster

PROMPTLY = 10.0
"""Seconds from Ctrl-C to the end, on a busy machine, while the server still does not answer."""

MANY = 20


def is_list(seen: Seen) -> bool:
    return "resourceVersionMatch=Exact" in seen.target


MOMENTS: dict[str, tuple[Callable[[Seen], bool], int]] = {
    "the first request": (lambda _: True, 0),
    "the cluster's identity": (lambda seen: "namespaces/kube-system" in seen.target, 0),
    "discovery": (lambda seen: seen.target.startswith("/apis"), 0),
    "the newest version": (lambda seen: "limit=1" in seen.target, 0),
    "the first list": (is_list, 0),
    "a list in the middle": (is_list, 30),
    "the last list": (is_list, 68),
    "the first dry run": (lambda seen: seen.tries, 0),
    "the last dry run": (lambda seen: seen.tries, MANY - 1),
}


@pytest.fixture
def drifted(program: Program, mesh: Mesh) -> list[Json]:
    """A mesh with a snapshot, and many objects that have changed since."""
    bodies = [virtual_service(f"drifted-{number}", "then") for number in range(MANY)]
    for body in bodies:
        mesh.add(body)
    program("snapshot", "-q", "--name", "then").done()
    for body in bodies:
        mesh.patch(body, {"spec": {"hosts": ["now"]}})
    return bodies


def nothing_happened(result: Result, proxy: Proxy, view: StoreView) -> None:
    """What a user may rely on after Ctrl-C before the first write."""
    result.failed(130, "interrupted; nothing was changed")
    assert proxy.writes == []
    assert not list(view.path.rglob("*.lock"))
    view.check()


@pytest.mark.parametrize("moment", MOMENTS)
def test_before_the_first_write(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, drifted: list[Json], view: StoreView, moment: str
) -> None:
    refs = view.refs
    test, after = MOMENTS[moment]
    proxy.hold(test, after=after)
    with mesh.unchanged():
        running = proxied.start("rollback", "then", "--yes")
        proxy.wait_held()
        running.interrupt()
        result = running.end(PROMPTLY)
        proxy.release()
    nothing_happened(result, proxy, view)
    assert view.refs == refs
    program("snapshot", "-q").done()


@pytest.mark.parametrize("command", [["snapshot"], ["diff"]])
def test_commands_that_only_read(
    proxied: Program, proxy: Proxy, mesh: Mesh, program: Program, view: StoreView, command: list[str]
) -> None:
    program("snapshot", "-q").done()
    refs = view.refs
    proxy.hold(is_list, after=20)
    running = proxied.start(*command)
    proxy.wait_held()
    running.interrupt()
    nothing_happened(running.end(PROMPTLY), proxy, view)
    assert view.refs == refs


@pytest.mark.parametrize("word", ["fast-import", "update-ref"])
def test_while_the_safety_snapshot_is_committed(
    proxied: Program, program: Program, proxy: Proxy, drifted: list[Json], view: StoreView, tmp_path: Path, word: str
) -> None:
    held = tmp_path / "held"
    slow = proxied.having(PATH=f"{slow_git(tmp_path, word, held)}{os.pathsep}{proxied.environment['PATH']}")
    refs = view.refs
    running = slow.start("rollback", "then", "--yes")
    wait_for(held.exists, "git was not held")
    running.interrupt()
    nothing_happened(running.end(PROMPTLY), proxy, view)
    assert view.refs == refs
    program("rollback", "then", "--yes", "-q").done()


def slow_git(folder: Path, word: str, held: Path) -> Path:
    """A folder with a git that waits before it does what this word says."""
    bin_ = folder / "slow"
    bin_.mkdir()
    script = f'#!/bin/sh\ncase " $* " in *" {word} "*) : > {held}; sleep {PATIENCE:.0f};; esac\n'
    (bin_ / "git").write_text(f'{script}exec {shutil.which("git")} "$@"\n', "utf-8")
    (bin_ / "git").chmod(0o755)
    return bin_


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
    proxied: Program, proxy: Proxy, drifted: list[Json], view: StoreView, tmp_path: Path, module: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(IMPORTS_INTERRUPTED, "utf-8")
    refs = view.refs
    program = proxied.having(PYTHONPATH=str(tmp_path), INTERRUPTED_IMPORT=module)
    nothing_happened(program("rollback", "then", "--yes"), proxy, view)
    assert view.refs == refs


def hosts(mesh: Mesh, bodies: list[Json]) -> set[str]:
    return {(mesh.get(body) or {})["spec"]["hosts"][0] for body in bodies}


def unfinished(result: Result, program: Program, view: StoreView) -> None:
    """The hints name both ends, the snapshot before is there, and nothing else may begin meanwhile."""
    assert any("istio-upgrade resume" in hint and "istio-upgrade abort" in hint for hint in result.hints)
    short = result.hints[-1].rpartition(" ")[2]
    assert view.git("for-each-ref", "--format=%(objectname)").startswith(short)
    program("rollback", "then", "--yes").failed(4, "is unfinished", "rollback to snapshot")


@pytest.mark.parametrize(("after", "end"), [(0, "abort"), (9, "abort"), (9, "resume")])
def test_while_it_writes(
    proxied: Program,
    program: Program,
    proxy: Proxy,
    mesh: Mesh,
    drifted: list[Json],
    view: StoreView,
    after: int,
    end: str,
) -> None:
    proxy.hold(lambda seen: seen.writes, after=after)
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    running.interrupt()
    proxy.release()
    result = running.end(PROMPTLY).failed(4, "interrupted", f"of {MANY} writes complete")
    assert 0 < len([seen for seen in proxy.writes if seen.method == "PUT"]) < MANY, "it did not stop"
    assert "now" in hosts(mesh, drifted), "it went on to the end"
    view.check()
    unfinished(result, program, view)
    program(end, "--yes").done()
    assert hosts(mesh, drifted) == {"then" if end == "resume" else "now"}
    program("rollback", "then", "--yes").done()
    assert hosts(mesh, drifted) == {"then"}


def test_while_it_proves(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, drifted: list[Json], view: StoreView
) -> None:
    proxy.hold(lambda seen: is_list(seen) and bool(proxy.writes))
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    running.interrupt()
    result = running.end(PROMPTLY).failed(4, "interrupted")
    assert hosts(mesh, drifted) == {"then"}
    unfinished(result, program, view)
    program("abort", "--yes").done()
    assert hosts(mesh, drifted) == {"now"}


def test_the_server_goes_away_while_it_proves(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, drifted: list[Json], view: StoreView
) -> None:
    """Not exit code 5, which would say that nothing was changed."""
    proxy.fail = lambda seen: is_list(seen) and bool(proxy.writes)
    result = proxied("rollback", "then", "--yes").failed(4, "before the mesh was proved")
    unfinished(result, program, view)
    assert hosts(mesh, drifted) == {"then"}
    assert "is unfinished" not in program("resume", "--yes").done().err
    program("rollback", "then", "--yes").done()


def of_the_lock(method: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == method and "/leases" in seen.target


def test_while_the_cluster_is_being_locked(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, drifted: list[Json], view: StoreView
) -> None:
    """The request is on its way: what it makes is taken back."""
    refs = view.refs
    proxy.hold(of_the_lock("POST"))
    with mesh.unchanged():
        running = proxied.start("rollback", "then", "--yes")
        proxy.wait_held()
        running.interrupt()
        proxy.release()
        result = running.end(PROMPTLY)
    nothing_happened(result, proxy, view)
    assert view.refs == refs
    assert mesh.leases() == []


def test_while_the_lock_is_given_back_the_operation_has_ended(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, drifted: list[Json], view: StoreView
) -> None:
    proxy.hold(of_the_lock("DELETE"))
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    running.interrupt()
    result = running.end(PROMPTLY).done()
    proxy.release()
    assert "the lock of the cluster stays until it expires: interrupted" in result.err
    assert "nothing was changed" not in result.err
    assert hosts(mesh, drifted) == {"then"}
    assert "is unfinished" not in program("rollback", "then", "--yes").done().err


INTERRUPTED_AT = """
import os, signal
from kubectl_istio_upgrade.adapters.store import durable, journal

def wrapped(module, name):
    call = getattr(module, name)
    def at(*given):
        result = call(*given)
        if "journals" in str(given[0]) and os.environ["INTERRUPTED_AT"] == name:
            os.kill(os.getpid(), signal.SIGTERM)
        return result
    setattr(module, name, at)

wrapped(journal, "_begun")
wrapped(journal, "finish")
"""


def interrupting_at(program: Program, folder: Path, name: str) -> Program:
    (folder / "sitecustomize.py").write_text(INTERRUPTED_AT, "utf-8")
    return program.having(PYTHONPATH=str(folder), INTERRUPTED_AT=name)


def test_while_the_journal_begins(
    proxied: Program,
    program: Program,
    proxy: Proxy,
    mesh: Mesh,
    drifted: list[Json],
    view: StoreView,
    tmp_path: Path,
) -> None:
    """Nothing is left of it that would be in the way of the next operation."""
    with mesh.unchanged():
        result = interrupting_at(proxied, tmp_path, "_begun")("rollback", "then", "--yes")
    nothing_happened(result, proxy, view)
    assert not list(view.path.rglob("open.jsonl"))
    assert mesh.leases() == []
    program("rollback", "then", "--yes").done()


def test_while_the_journal_ends_the_operation_has_ended(
    proxied: Program, program: Program, mesh: Mesh, drifted: list[Json], view: StoreView, tmp_path: Path
) -> None:
    result = interrupting_at(proxied, tmp_path, "finish")("rollback", "then", "--yes").done()
    assert "interrupted" not in result.err
    assert hosts(mesh, drifted) == {"then"}
    assert not list(view.path.rglob("open.jsonl"))
