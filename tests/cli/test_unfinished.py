"""An operation that died: what the next commands see of it, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kubectl_istio_upgrade.apply.execution import PARALLEL

from .mesh import Json, Mesh, secret, virtual_service
from .program import Program, Running, wait_for
from .proxy import Proxy

pytestmark = pytest.mark.cluster

MANY = 3 * PARALLEL

HALF = 12
"""Writes that pass. As many as go side by side are on their way by then, and some are never begun."""
MANAGER = "kubectl-istio-upgrade"


@pytest.fixture
def drifted(program: Program, mesh: Mesh) -> list[Json]:
    """A mesh with a snapshot called `then`, and objects that have changed since."""
    bodies = [virtual_service(f"drifted-{number}", "then") for number in range(MANY)]
    for body in bodies:
        mesh.add(body, manager="kubectl-edit")
    program("snapshot", "-q", "--name", "then").done()
    for body in bodies:
        mesh.patch(body, {"spec": {"hosts": ["now"]}})
    return bodies


def hosts(mesh: Mesh, bodies: list[Json]) -> set[str]:
    return {(mesh.get(body) or {})["spec"]["hosts"][0] for body in bodies}


def settle(mesh: Mesh, bodies: list[Json]) -> None:
    """Return when nothing has written to these objects for a moment."""

    def versions() -> list[str]:
        return [(mesh.get(body) or {})["metadata"]["resourceVersion"] for body in bodies]

    before = None
    while before != (before := versions()):
        time.sleep(0.5)


def killed_while_it_writes(proxied: Program, proxy: Proxy, *command: str, after: int = HALF) -> None:
    """SIGKILL, with a write on its way that the server then carries out, and others before it on record."""
    journals = Path(proxied.environment["ISTIO_UPGRADE_STORE"])
    proxy.hold(lambda seen: seen.writes, after=after, every=True)
    running = proxied.start(*command)
    proxy.wait_held()
    if after:
        wait_for(lambda: any('"done"' in file.read_text() for file in journals.rglob("open.jsonl")), "no outcome")
    kill(running)
    proxy.release()


def kill(running: Running) -> None:
    os.killpg(running.process.pid, signal.SIGKILL)
    running.process.communicate()


@pytest.fixture
def killed(proxied: Program, proxy: Proxy, drifted: list[Json], mesh: Mesh) -> list[Json]:
    """A rollback that is half-way."""
    killed_while_it_writes(proxied, proxy, "rollback", "then", "--yes")
    assert hosts(mesh, drifted) == {"then", "now"}
    return drifted


def test_status_names_it_and_the_commands_that_end_it(killed: list[Json], program: Program) -> None:
    text = program("status").done().out
    assert "unfinished:    rollback to snapshot" in text
    assert f"of {MANY} writes made" in text
    assert "next:          kubectl istio-upgrade resume, or kubectl istio-upgrade abort" in text
    data = program("status", "-o", "json").done().json["unfinished"]
    assert (data["kind"], data["planned"], data["aim"]) == ("rollback", MANY, "target")
    assert 0 < data["written"] < MANY
    assert data["unsure"]


@pytest.mark.parametrize(
    "command",
    [
        ("rollback", "then", "--yes"),
        ("apply", "-f", "-", "--yes"),
        ("restart", "--yes"),
        ("promote", "canary", "--yes"),
        ("retire", "canary", "--yes"),
        ("upgrade", "--to", "1.29.1", "--yes"),
        ("upgrade", "--to", "1.29.1", "--revision", "canary", "--yes"),
    ],
    ids=lambda command: command[0],
)
def test_nothing_else_may_begin(killed: list[Json], program: Program, command: tuple[str, ...]) -> None:
    stdin = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: istio-system}\n"
    program(*command, stdin=stdin).failed(4, "the rollback to snapshot", "is unfinished", hint="resume")


def test_a_dry_run_and_a_snapshot_may(killed: list[Json], program: Program) -> None:
    program("rollback", "then", "--dry-run").done()
    program("snapshot", "-q").done()
    program("abort", "--yes").done()


def test_resume_finishes_it_and_leaves_nothing_behind(killed: list[Json], program: Program, mesh: Mesh) -> None:
    result = program("resume", "--yes").done()
    assert "proved: " in result.out
    assert hosts(mesh, killed) == {"then"}
    for body in killed:
        assert "kubectl-edit" in managers(mesh, body)
        assert MANAGER not in managers(mesh, body)
    assert not mesh.leases()
    assert program("diff", "then").done().out.strip()
    assert program("status", "-o", "json").done().json["unfinished"] is None
    program("resume", "--yes").failed(3, "there is no unfinished operation")


def test_abort_takes_it_back(killed: list[Json], program: Program, mesh: Mesh) -> None:
    result = program("abort", "--yes").done()
    assert "proved: " in result.out
    assert hosts(mesh, killed) == {"now"}
    assert not mesh.leases()
    program("rollback", "--yes").done()  # by default to where the abort led
    assert hosts(mesh, killed) == {"now"}


def test_abort_may_be_killed_too_and_either_way_is_still_open(
    killed: list[Json], proxied: Program, program: Program, proxy: Proxy, mesh: Mesh
) -> None:
    killed_while_it_writes(proxied, proxy, "abort", "--yes", after=0)
    assert program("status", "-o", "json").done().json["unfinished"]["aim"] == "before"
    program("resume", "--yes").done()
    assert hosts(mesh, killed) == {"then"}


def test_what_somebody_else_does_meanwhile_stays_elsewhere(killed: list[Json], program: Program, mesh: Mesh) -> None:
    stranger = virtual_service("stranger", "mine")
    mesh.add(stranger)
    program("abort", "--yes").done()
    assert hosts(mesh, [stranger]) == {"mine"}


def test_a_dry_run_of_either_shows_the_plan_and_ends_nothing(killed: list[Json], program: Program, mesh: Mesh) -> None:
    for verb in ("resume", "abort"):
        assert "to update" in program(verb, "--dry-run").done().out
    assert hosts(mesh, killed) == {"then", "now"}
    program("abort", "--yes").done()


def test_an_apply_is_resumed_from_its_journal(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    wanted = [virtual_service(f"wanted-{number}", "wanted") for number in range(MANY)]
    for body in wanted:
        mesh.adopt(body)
    file = manifest(*wanted)
    killed_while_it_writes(proxied, proxy, "apply", "-f", file, "--yes")
    Path(file).unlink()
    program("resume", "--yes").done()
    assert hosts(mesh, wanted) == {"wanted"}


def test_an_apply_is_taken_back_with_what_it_created(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    wanted = [virtual_service(f"wanted-{number}", "wanted") for number in range(MANY)]
    password = secret("made-by-apply", password="hunter2")
    for body in (*wanted, password):
        mesh.adopt(body)
    killed_while_it_writes(proxied, proxy, "apply", "-f", manifest(*wanted, password), "--yes")
    program("resume", "--yes").failed(2, "hold Secrets", hint="resume -f FILE")
    program("abort", "--yes").done()
    assert [mesh.get(body) for body in (*wanted, password)] == [None] * (MANY + 1)


def test_an_apply_with_secrets_is_resumed_with_its_files_and_no_others(
    proxied: Program, program: Program, proxy: Proxy, mesh: Mesh, manifest: Callable[..., str]
) -> None:
    made = [secret(f"made-{number}", password="hunter2") for number in range(MANY)]
    for body in made:
        mesh.adopt(body)
    file = manifest(*made)
    killed_while_it_writes(proxied, proxy, "apply", "-f", file, "--yes")
    other = manifest(*made[1:], name="other.yaml")
    program("resume", "-f", other, "--yes").failed(2, "these are not the manifests")
    program("resume", "-f", file, "--yes").done()
    assert all(mesh.get(body) for body in made)


def test_two_stores_cannot_change_one_mesh_at_the_same_time(
    proxied: Program, program: Program, proxy: Proxy, drifted: list[Json], mesh: Mesh, store: Path, tmp_path: Path
) -> None:
    second = program.having(ISTIO_UPGRADE_STORE=str(copied(store, tmp_path)))
    proxy.hold(lambda seen: seen.writes, after=5, every=True)
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    settle(mesh, drifted)  # the writes before that one are on their way
    second("rollback", "then", "--yes").failed(3, "the mesh is being changed by", "rollback to snapshot", hint="20 s")
    proxy.release()
    running.end().done()
    assert hosts(mesh, drifted) == {"then"}
    second("rollback", "then", "--yes").done()


def test_of_two_that_lock_the_cluster_at_the_same_moment_one_runs_and_the_other_is_told_who(
    program: Program, mesh: Mesh, drifted: list[Json], store: Path, tmp_path: Path
) -> None:
    stores = store, copied(store, tmp_path)
    with ExitStack() as stack:
        proxies = [stack.enter_context(closing(Proxy(mesh.plane))) for _ in stores]
        running = []
        for proxy, own in zip(proxies, stores, strict=True):
            proxy.hold(lambda seen: seen.method == "POST" and "/leases" in seen.target)
            kubeconfig = str(proxy.kubeconfig(tmp_path / f"{own.name}.kubeconfig"))
            behind = program.having(KUBECONFIG=kubeconfig, ISTIO_UPGRADE_STORE=str(own))
            running.append(behind.start("rollback", "then", "--yes"))
        for proxy in proxies:
            proxy.wait_held()  # neither has seen a lock, and each is about to make one
        for proxy in proxies:
            proxy.release()
            proxy.hold(lambda seen: seen.writes, every=True)
        wait_for(lambda: any(each.process.poll() is not None for each in running), "both wait")
        first, second = sorted(running, key=lambda each: each.process.poll() is not None)
        (lease,) = mesh.leases()
        holder = lease["spec"]["holderIdentity"]
        assert f"/{first.process.pid}-" in holder
        second.end().failed(3, f"the mesh is being changed by {holder}: rollback to snapshot", hint="20 s")
        assert hosts(mesh, drifted) == {"now"}
        for proxy in proxies:
            proxy.release()
        first.end().done()
    assert hosts(mesh, drifted) == {"then"}
    assert not mesh.leases()


def test_a_killed_holder_frees_its_store_at_once_and_the_cluster_after_its_term(
    killed: list[Json], program: Program, mesh: Mesh, store: Path, tmp_path: Path
) -> None:
    """The real term is waited for, on the clock of the API server's Lease."""
    second = program.having(ISTIO_UPGRADE_STORE=str(copied(store, tmp_path)))
    shutil.rmtree(tmp_path / "second" / "istio-upgrade" / "journals")
    spec = mesh.leases()[0]["spec"]
    term = timedelta(seconds=spec["leaseDurationSeconds"])
    over = datetime.fromisoformat(spec["renewTime"]) + term
    refused = 0
    while (result := second("rollback", "then", "--yes")).code != 0:
        result.failed(3, f"the mesh is being changed by {spec['holderIdentity']}", hint="20 s")
        refused += 1
        assert datetime.now(UTC) < over + term, "it is still locked long after its term"
        time.sleep(1)
    assert refused
    assert datetime.now(UTC) > over
    assert "took the lock of the cluster over" in result.err
    assert hosts(mesh, killed) == {"then"}
    assert not mesh.leases()
    program("resume", "--yes").done()  # in the first store it is still unfinished, and ends at once


def test_losing_the_lock_stops_the_run_before_the_next_write(
    proxied: Program, program: Program, proxy: Proxy, drifted: list[Json], mesh: Mesh
) -> None:
    proxy.hold(lambda seen: seen.writes and seen.method == "PUT", every=True)
    running = proxied.start("rollback", "then", "--yes")
    proxy.wait_held()
    mesh.change_lease(holderIdentity="mallory@elsewhere/1-ffffff")
    proxy.wait_for(lambda seen: seen.method == "GET" and "/leases/" in seen.target)
    on_their_way = len(proxy.writes)
    proxy.release()
    running.end().failed(4, "the lock of the cluster was taken over by mallory@elsewhere")
    assert len(proxy.writes) == on_their_way < MANY
    assert hosts(mesh, drifted) == {"then", "now"}
    mesh.drop_lease()
    program("abort", "--yes").done()
    assert hosts(mesh, drifted) == {"now"}


def managers(mesh: Mesh, body: Json) -> set[str]:
    found = mesh.get(body) or {}
    return {entry["manager"] for entry in found["metadata"]["managedFields"]}


def copied(store: Path, tmp_path: Path) -> Path:
    """Another store with the same snapshots, as a colleague would have it."""
    return Path(shutil.copytree(store, tmp_path / "second"))
