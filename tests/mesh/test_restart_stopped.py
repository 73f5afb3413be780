"""Restarts that stop half-way: by Ctrl-C, by a kill, by pods that never get ready, by a budget, by a dead injector."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane.install import wait_webhooks
from tests.support.cli import SCRIPT, Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, START, Mesh, settled
from .workloads import (
    RESTARTABLE,
    break_injection,
    looked_at,
    planned,
    restarted,
    standings,
    wait_for,
    wait_ready,
    workloads,
)

pytestmark = pytest.mark.mesh

PROXY = "docker.io/istio/proxyv2:"
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: back, namespace: shop}
spec: {minAvailable: %s, selector: {matchLabels: {tier: back}}}
"""
TAKES_ONE = '{"spec": {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}}'
UNHEALTHY = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: unhealthy, namespace: shop}
spec:
  selector: {matchLabels: {app: unhealthy}}
  template:
    metadata: {labels: {app: unhealthy, tier: back, sidecar.istio.io/inject: "false"}}
    spec: {containers: [{name: x, image: "docker.io/istio/proxyv2:none"}]}
"""


@pytest.fixture
def full(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh with workloads of every kind."""
    with workloads(mesh):
        yield mesh


def stopped_at(mesh: Mesh, how: signal.Signals, workloads_done: int, *arguments: str) -> Ran:
    """Run a command that restarts one workload after another, and stop it once so many have the annotation."""
    process = subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=mesh.plugin.environment(),
        start_new_session=True,
    )
    wait_for(lambda: len(restarted(mesh)) >= workloads_done or process.poll() is not None)
    os.killpg(process.pid, how)
    out, err = process.communicate(timeout=60)
    return Ran(arguments, process.returncode, out, err)


def started_pods(mesh: Mesh) -> dict[str, int]:
    """How often each workload has begun to replace its pods."""
    return {name: standing.generation for name, standing in standings(mesh).items()}


def once_more(before: dict[str, int], now: dict[str, int]) -> set[str]:
    """Who has restarted, and exactly once."""
    changed = {name for name in before.keys() & now.keys() if now[name] != before[name]}
    assert all(now[name] == before[name] + 1 for name in changed), (before, now)
    return changed - {"istiod", "istio-ingressgateway"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_resume_goes_on_with_what_is_left_and_restarts_nothing_twice(full: Mesh, how: signal.Signals) -> None:
    mesh = full
    mesh.install(NEW)
    before = started_pods(mesh)
    ran = stopped_at(mesh, how, 2, "restart", "--yes", "--batch", "1")
    assert ran.code == (4 if how is signal.SIGINT else -how), str(ran)
    assert 2 <= len(restarted(mesh)) < len(RESTARTABLE), "the premise: it is cut short"
    assert mesh.plugin.ok("status", "-o", "json").data["unfinished"]["kind"] == "restart"
    assert "unfinished" in mesh.plugin.ending(4, "restart", "--yes").err
    done = mesh.plugin.ok("resume", "--yes", "-o", "json").data
    assert done["proof"]["holds"]
    assert once_more(before, started_pods(mesh)) == RESTARTABLE
    assert {standings(mesh)[name].images for name in RESTARTABLE} == {frozenset({f"{PROXY}{NEW}"})}
    assert mesh.plugin.ok("status", "-o", "json").data["unfinished"] is None
    mesh.plugin.ok("rollback", START, "--yes")
    assert restarted(mesh) == set(), "those of the first run are on record, too"


def test_resume_names_what_was_approved_and_cannot_be_restarted_any_more(full: Mesh) -> None:
    mesh = full
    mesh.install(NEW)
    stopped_at(mesh, signal.SIGINT, 2, "restart", "--yes", "--batch", "1")
    name = max({"api", "edge", "web"} - restarted(mesh))
    mesh.patch("deployment", name, '{"spec": {"paused": true}}')
    done = mesh.plugin.ok("resume", "--yes", "-o", "json").data
    (kept,) = (change for change in done["plan"]["changes"] if change["action"] == "keep")
    assert (kept["name"], "paused" in kept["reason"]) == (name, True)
    (left,) = done["plan"]["followUps"]
    assert left["why"] == f"it says why these stay with an outdated proxy: shop/{name}"
    assert restarted(mesh) == RESTARTABLE - {name}
    mesh.patch("deployment", name, '{"spec": {"paused": null}}')
    mesh.plugin.ok("rollback", START, "--yes")


def test_abort_gives_those_that_were_restarted_their_template_of_before(full: Mesh) -> None:
    mesh = full
    mesh.kubectl("rollout", "restart", "deployment/api", "-n", "shop")
    wait_ready(mesh)
    by_hand = standings(mesh)["api"].restarted
    mesh.install(NEW)
    before: Dump = settled(mesh)
    ran = stopped_at(mesh, signal.SIGINT, 4, "restart", "--yes", "--batch", "2")
    assert ran.code == 4, str(ran)
    assert len(restarted(mesh)) >= 3
    aborted = mesh.plugin.ok("abort", "--yes", "-o", "json").data
    assert aborted["proof"]["holds"]
    assert restarted(mesh) == {"api"}
    assert standings(mesh)["api"].restarted == by_hand, "the time that somebody else had set"
    assert compare(before, settled(mesh)).counts == (0, 0, 0, 0), "owners included"


def test_a_workload_that_never_gets_ready_stops_the_run_and_is_explained(full: Mesh) -> None:
    mesh = full
    break_injection(mesh, "none")
    rows = looked_at(mesh.plugin.ok("restart", "--plan", "-o", "json"))
    assert rows["api"]["reasons"][0] == f"istio-proxy: image {PROXY}{OLD}, now {PROXY}none"
    ran = mesh.plugin.ending(4, "restart", "--yes", "--batch", "1", "--timeout", "5")
    assert len(restarted(mesh)) == 1, "it stopped at the first"
    (name,) = restarted(mesh)
    assert f"shop/{name}" in ran.err
    assert f'istio-proxy is waiting: ImagePullBackOff: Back-off pulling image "{PROXY}none"' in ran.err
    assert "`kubectl istio-upgrade resume` finishes it, `kubectl istio-upgrade abort` takes it back" in ran.err
    break_injection(mesh, OLD)
    mesh.plugin.ok("abort", "--yes")
    assert restarted(mesh) == set()
    wait_ready(mesh)
    mesh.plugin.ok("rollback", START, "--yes")


def test_a_budget_that_never_allows_it_is_a_reason_to_skip(full: Mesh) -> None:
    mesh = full
    mesh.patch("deployment", "api", TAKES_ONE)
    mesh.kubectl("apply", "-f-", manifest=BUDGET % 2)
    try:
        mesh.install(NEW)
        wait_for(lambda: "disruptionsAllowed" in budget(mesh))
        rows = looked_at(mesh.plugin.ok("restart", "--plan", "-o", "json"))
        assert rows["api"]["obstacle"] == (
            "its rollout takes a pod away at once, which PodDisruptionBudget shop/back never allows"
        )
        mesh.plugin.ok("restart", "--yes")
        assert restarted(mesh) == RESTARTABLE - {"api"}
    finally:
        mesh.kubectl("delete", "pdb", "back", "-n", "shop")


def kept_by(ran: Ran) -> dict[str, Any]:
    return {change["name"]: change for change in ran.data["plan"]["changes"] if change["action"] == "keep"}


@pytest.mark.parametrize("options", [(), ("--workloads", "stale")])
def test_nor_does_a_rollback_wait_for_a_budget_that_never_allows_it(full: Mesh, options: tuple[str, ...]) -> None:
    """It could not end, and no `resume` of it."""
    mesh = full
    mesh.patch("deployment", "api", TAKES_ONE)
    mesh.install(NEW)
    mesh.plugin.ok("restart", "--yes")
    assert restarted(mesh) == RESTARTABLE
    mesh.kubectl("apply", "-f-", manifest=BUDGET % 2)
    try:
        wait_for(lambda: "disruptionsAllowed" in budget(mesh))
        kept = kept_by(mesh.plugin.ok("rollback", START, "--yes", *options, "-o", "json"))
        assert "PodDisruptionBudget shop/back never allows" in kept["api"]["reason"]
        assert restarted(mesh) == {"api"}
    finally:
        mesh.kubectl("delete", "pdb", "back", "-n", "shop")
    mesh.plugin.ok("rollback", START, "--yes")
    assert restarted(mesh) == set()


def test_a_budget_is_waited_for_and_nothing_happens_if_it_stays_so(full: Mesh) -> None:
    """Another workload that it covers is unhealthy, so no pod may go now."""
    mesh = full
    mesh.patch("deployment", "api", TAKES_ONE)
    mesh.kubectl("apply", "-f-", manifest=UNHEALTHY)
    mesh.kubectl("apply", "-f-", manifest=BUDGET % 2)
    try:
        mesh.install(NEW)
        wait_for(lambda: budget(mesh).get("expectedPods") == 3)
        assert budget(mesh)["disruptionsAllowed"] == 0, "the premise"
        before = started_pods(mesh)
        ran = mesh.plugin.ending(3, "restart", "--workloads", "deployment/api", "--yes", "--timeout", "3")
        assert "nothing was changed" in ran.err
        assert "its rollout may take 1 pod away at once, PodDisruptionBudget shop/back allows 0" in ran.err
        assert once_more(before, started_pods(mesh)) == set()
        mesh.kubectl("delete", "deployment", "unhealthy", "-n", "shop")
        mesh.patch("pdb", "back", '{"spec": {"minAvailable": 1}}')
        mesh.plugin.ok("restart", "--workloads", "deployment/api", "--yes", "--timeout", "60")
        assert once_more(before, started_pods(mesh)) == {"api"}
    finally:
        mesh.kubectl("delete", "pdb", "back", "-n", "shop")
        mesh.kubectl("delete", "deployment", "unhealthy", "-n", "shop", "--ignore-not-found")


def budget(mesh: Mesh) -> dict[str, int]:
    status = mesh.plane.api.request("GET", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/back").get("status")
    return dict(status or {})


def test_with_a_dead_injector_nothing_is_restarted(mesh: Mesh) -> None:
    """Its pods could not be made anew, and would be gone."""
    break_injection(mesh, NEW)
    mesh.istiod.kill_istiod()
    try:
        before = started_pods(mesh)
        ran = mesh.plugin.ending(3, "restart", "--yes")
        assert "nothing was changed" in ran.err
        assert "its injector does not answer: its service istio-system/istiod has no ready endpoint" in ran.err
        assert planned(mesh.plugin.ending(3, "restart", "--dry-run", "-o", "json")) == set()
        assert once_more(before, started_pods(mesh)) == set()
    finally:
        mesh.istiod.revive()
        mesh.istiod.wait_ready(OLD)
        wait_webhooks(mesh.plane)
        time.sleep(1)


def test_no_terminal_and_no_yes_is_refused_before_any_work(mesh: Mesh) -> None:
    ran = mesh.plugin.ending(3, "restart")
    assert "without confirmation" in ran.err
    assert "reading the mesh" not in ran.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("none", "all"), "stand alone"),
        (("nonsense",), "cannot read selector 'nonsense'"),
        (("service/web",), "cannot read selector 'service/web'"),
        (("deployment/web", "deployment/webb"), "no workload of the mesh is 'deployment/webb'"),
    ],
)
def test_a_selector_that_means_or_fits_nothing_is_a_usage_error(mesh: Mesh, words: tuple[str, ...], text: str) -> None:
    options = [option for word in words for option in ("--workloads", word)]
    assert text in mesh.plugin.ending(2, "restart", "--plan", *options).err
