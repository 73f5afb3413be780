"""Ctrl-C once it writes: the way back is named, or it has ended. Before that: `test_interrupted_early`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh
from .moments import MANY, PROMPTLY, interrupting_at, is_list, of_the_lock
from .program import Program, Result
from .proxy import Proxy

pytestmark = pytest.mark.cluster


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
    many_drifted: list[Json],
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
    assert "now" in hosts(mesh, many_drifted), "it went on to the end"
    view.check()
    unfinished(result, program, view)
    program(end, "--yes").done()
    assert hosts(mesh, many_drifted) == {"then" if end == "resume" else "now"}
    program("rollback", "then", "--yes").done()
    assert hosts(mesh, many_drifted) == {"then"}


def test_while_it_proves(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, many_drifted: list[Json], view: StoreView
) -> None:
    proxy.hold(lambda seen: is_list(seen) and bool(proxy.writes))
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    running.interrupt()
    result = running.end(PROMPTLY).failed(4, "interrupted")
    assert hosts(mesh, many_drifted) == {"then"}
    unfinished(result, program, view)
    program("abort", "--yes").done()
    assert hosts(mesh, many_drifted) == {"now"}


def test_the_server_goes_away_while_it_proves(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, many_drifted: list[Json], view: StoreView
) -> None:
    """Not exit code 5, which would say that nothing was changed."""
    proxy.fail = lambda seen: is_list(seen) and bool(proxy.writes)
    result = proxied("rollback", "then", "--yes").failed(4, "before the mesh was proved")
    unfinished(result, program, view)
    assert hosts(mesh, many_drifted) == {"then"}
    assert "is unfinished" not in program("resume", "--yes").done().err
    program("rollback", "then", "--yes").done()


def test_while_the_lock_is_given_back_the_operation_has_ended(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, many_drifted: list[Json], view: StoreView
) -> None:
    proxy.hold(of_the_lock("DELETE"))
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    running.interrupt()
    result = running.end(PROMPTLY).done()
    proxy.release()
    assert "the lock of the cluster stays until it expires: interrupted" in result.err
    assert "nothing was changed" not in result.err
    assert hosts(mesh, many_drifted) == {"then"}
    assert "is unfinished" not in program("rollback", "then", "--yes").done().err


def test_while_the_journal_ends_the_operation_has_ended(
    proxied: Program, program: Program, mesh: Mesh, many_drifted: list[Json], view: StoreView, tmp_path: Path
) -> None:
    result = interrupting_at(proxied, tmp_path, "finish")("rollback", "then", "--yes").done()
    assert "interrupted" not in result.err
    assert hosts(mesh, many_drifted) == {"then"}
    assert not list(view.path.rglob("open.jsonl"))
