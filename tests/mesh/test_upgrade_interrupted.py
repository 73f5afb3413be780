"""Ctrl-C at each moment of an upgrade before its first write: nothing has happened, and the next one goes its way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.moments import Moment, Wrapped, moments_of, subcommand
from tests.cli.program import PATIENCE, Program, Running, wait_for
from tests.cli.proxy import Proxy, Seen
from tests.controlplane import istioctl_path

from .comparison import compare
from .mesh import NEW, OLD, Mesh
from .upgrades import installed_by_istioctl

pytestmark = pytest.mark.mesh

UPGRADE = ("upgrade", "--to", NEW, "--yes")
ISTIOCTL = ("version", "x", "analyze", "proxy-status", "manifest")
"""What istioctl of either release is asked for, the first word of it."""

KINDS = {
    "GET /version",
    "GET /api",
    "GET /apis",
    "the newest version",
    "a list",
    "POST /apis/authorization.k8s.io/v1",
    "GET /apis/coordination.k8s.io/v1",
    "a dry run",
}
"""Requests that every upgrade makes; others, such as another look at an object that has moved, are like these."""

PROMPTLY = 30.0
"""Seconds from Ctrl-C to the end, on a busy machine; istioctl takes its own time to end."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with installed_by_istioctl(tmp_path_factory.mktemp("interrupted")) as mesh:
        mesh.plugin.ok("snapshot", "--quiet")
        yield mesh


@pytest.fixture
def proxy(shared: Mesh) -> Iterator[Proxy]:
    proxy = Proxy(shared.plane)
    yield proxy
    proxy.close()


@pytest.fixture
def program(shared: Mesh, proxy: Proxy, tmp_path: Path) -> Program:
    """The product behind the proxy, and with it the programs that it runs."""
    leading_here = proxy.kubeconfig(tmp_path / "proxied.kubeconfig")
    return Program({**shared.plugin.environment(), "KUBECONFIG": str(leading_here)})


def refs(mesh: Mesh) -> str:
    """Every snapshot of the store, as plain git sees them."""
    command = ["git", "-C", str(mesh.plugin.store), "for-each-ref"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


@contextmanager
def started(program: Program) -> Iterator[Running]:
    """An upgrade; whatever goes wrong, it does not go on."""
    running = program.start(*UPGRADE)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGKILL)
        with running.process:
            pass


def stop(running: Running, proxy: Proxy) -> None:
    """Ctrl-C, and what a user may rely on then."""
    running.interrupt()
    result = running.end(PROMPTLY)
    proxy.release()
    result.failed(130, "interrupted; nothing was changed")
    assert proxy.writes == []


def wrapped(folder: Path, word: str = "") -> dict[str, Wrapped]:
    """istioctl of both releases, and git, in one folder."""
    istioctl = {f"istioctl-{version}": istioctl_path(version) for version in (OLD, NEW)}
    programs: dict[str, Path | None] = {**istioctl, "git": None}
    return {name: Wrapped.of(name, folder, word, real) for name, real in programs.items()}


def of_the_lock(seen: Seen) -> bool:
    return seen.method == "POST" and "/leases" in seen.target


def test_at_every_request_before_the_first_write(shared: Mesh, proxy: Proxy, program: Program) -> None:
    """Those of a run that goes as far as to the cluster's lock, in every one of its steps."""
    before, snapshots = shared.dump(), refs(shared)
    proxy.fail = of_the_lock
    program(*UPGRADE).failed(5)
    moments = [Moment(moment.kind, moment.after // 2) for moment in moments_of(proxy.seen) if moment.kind in KINDS]
    assert {moment.kind for moment in moments} == KINDS
    assert len(moments) == len(KINDS) + 2, "one in the middle of the lists, and of the dry runs"
    for moment in moments:
        print(moment)
        proxy.seen.clear()
        proxy.hold(moment.is_kind, after=moment.after)
        with started(program) as running:
            wait_for(lambda: proxy.held.is_set() or running.process.poll() is not None, "it hangs", 2 * PATIENCE)
            assert proxy.held.is_set(), "it did not ask"
            stop(running, proxy)
    assert refs(shared) == snapshots
    assert compare(before, shared.dump()).counts[:3] == (0, 0, 0)


def test_at_every_start_of_a_program_before_the_first_write(
    shared: Mesh, proxy: Proxy, program: Program, tmp_path: Path
) -> None:
    """Of istioctl, and of git where it commits the snapshot before."""
    before, snapshots = shared.dump(), refs(shared)
    for word in (*ISTIOCTL, "fast-import", "update-ref"):
        print(word)
        proxy.seen.clear()
        programs = wrapped(tmp_path / word, word)
        with started(program.having(PATH=f"{tmp_path / word}{os.pathsep}{program.environment['PATH']}")) as running:
            wait_for(programs["git"].held.exists, f"{word} was not held", 2 * PATIENCE)
            stop(running, proxy)
    words = {subcommand(call) for call in programs["git"].calls}
    assert words & {*ISTIOCTL} == {*ISTIOCTL}, "all that istioctl is asked for"
    assert words - {*ISTIOCTL} <= {"cat-file", "config", "for-each-ref", "fast-import", "update-ref", "version"}
    assert refs(shared) == snapshots
    assert compare(before, shared.dump()).counts[:3] == (0, 0, 0)
