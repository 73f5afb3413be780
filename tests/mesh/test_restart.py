"""Exactly what is out of date restarts after an upgrade, once; and a rollback takes that back with the mesh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.cli import Ran

from .comparison import Comparison, Dump, compare
from .mesh import NEW, OLD, START, Bed, Mesh, settled
from .workloads import (
    RESTARTABLE,
    Standing,
    looked_at,
    planned,
    record_of,
    standings,
    wait_for,
    wait_ready,
    workloads,
)

pytestmark = pytest.mark.mesh

LATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: late, namespace: shop}
spec:
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}}
    spec: {containers: [{name: x, image: "example/x:1"}]}
"""
BACK = RESTARTABLE | {"paused"}
"""What has been restarted by the end, in two operations."""
PROXY = "docker.io/istio/proxyv2:"


@dataclass(frozen=True)
class Story:
    """What was seen at each point."""

    before: Dump
    first: dict[str, Standing]
    fresh: Ran
    plan: Ran
    upgraded: dict[str, Standing]
    skewed: Ran
    allowed: Ran
    run: Ran
    done: dict[str, Standing]
    again: Ran
    after_again: dict[str, Standing]
    valid: Ran
    histories: tuple[str, str]
    record: Any
    back: Ran
    left: Comparison
    last: dict[str, Standing]


@pytest.fixture(scope="module")
def story(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with bed.lend(tmp_path_factory.mktemp("restart") / "store.git") as mesh, workloads(mesh):
        yield _told(mesh)


def _told(mesh: Mesh) -> Story:
    plugin = mesh.plugin
    before, first = settled(mesh), standings(mesh)
    fresh = plugin.ok("restart", "--plan", "-o", "json")
    mesh.install(NEW)
    mesh.kubectl("apply", "-f-", manifest=LATE)
    mesh.kubectl("rollout", "status", "deployment/late", "-n", "shop", "--timeout=60s")
    plan, upgraded = plugin.ok("restart", "--plan", "-o", "json"), standings(mesh)
    skewed, allowed = plugin.ending(1, "validate", "-o", "json"), plugin.ok("validate", "--allow-skew", "-o", "json")
    run = plugin.ok("restart", "--yes", "--batch", "2", "-o", "json")
    done, history = standings(mesh), plugin.ok("history", "-o", "json")
    again = plugin.ok("restart", "--yes")
    after_again = standings(mesh)
    for name in ("bare", "set-0", "by-hand"):  # by hand, as the skipped ones are told
        mesh.kubectl("delete", "pod", "-n", "shop", "-l", f"app={name.partition('-0')[0]}", "--grace-period=0")
    mesh.patch("deployment", "paused", '{"spec": {"paused": false}}')
    mesh.plugin.ok("restart", "--yes", "--workloads", "deployment/paused")
    wait_for(lambda: not standings(mesh)["by-hand"].images - {f"{PROXY}{NEW}"})
    valid = plugin("validate", "-o", "json")
    back = plugin.ok("rollback", START, "--yes", "-o", "json")
    mesh.kubectl("delete", "deployment", "late", "-n", "shop")
    wait_ready(mesh)
    mesh.patch("deployment", "paused", '{"spec": {"paused": true}}')
    left, last = compare(before, settled(mesh)), standings(mesh)
    record = record_of(mesh, run.data["after"])
    histories = (history.out, plugin.ok("history", "-o", "json").out)
    return Story(
        before, first, fresh, plan, upgraded, skewed, allowed, run, done, again, after_again, valid, histories, record,
        back, left, last,
    )  # fmt: skip


def test_nothing_is_out_of_date_before_an_upgrade(story: Story) -> None:
    rows = looked_at(story.fresh)
    assert {row["currency"] for row in rows.values()} == {"up to date"}
    assert rows.keys() >= RESTARTABLE
    assert "outside" not in rows, "it has nothing to do with the mesh"
    assert story.fresh.data["plan"]["changes"] == []


def test_the_plan_names_what_is_out_of_date_and_why(story: Story) -> None:
    rows = looked_at(story.plan)
    assert planned(story.plan) == RESTARTABLE
    assert rows["web"]["reasons"][0] == f"istio-proxy: image {PROXY}{OLD}, now {PROXY}{NEW}"
    assert rows["edge"]["gateway"]
    assert rows["late"]["currency"] == "up to date", "it was made after the upgrade"
    assert rows["istio-ingressgateway"]["currency"] == "up to date", "the upgrade itself rolled it out"


def test_what_is_out_of_date_and_stays_so_is_named_with_the_reason(story: Story) -> None:
    rows = looked_at(story.plan)
    stale = {name for name, row in rows.items() if row["currency"] == "out of date"}
    obstacles = {name: rows[name]["obstacle"] for name in stale - RESTARTABLE}
    assert obstacles.keys() == {"by-hand", "paused", "set", "bare"}
    assert "OnDelete" in obstacles["by-hand"]
    assert "paused" in obstacles["paused"]
    assert "no Deployment owns it" in obstacles["set"]
    assert "nothing would create it anew" in obstacles["bare"]
    assert rows["bare"]["notes"] == ["compared by image and revision only: there is no template to make pods from"]


def test_the_matrix_has_a_row_for_every_part(story: Story) -> None:
    parts = {part["component"]: part for part in story.plan.data["parts"]}
    assert {name: part["need"] for name, part in parts.items()} == {
        "istiod": "not needed",
        "gateways": "needed",
        "applications": "needed",
    }
    assert all(part["reason"] and part["source"] for part in parts.values())


def test_exactly_those_are_restarted_and_each_once(story: Story) -> None:
    changed = {name for name, now in story.done.items() if now.generation != story.upgraded[name].generation}
    assert changed == RESTARTABLE
    assert all(story.done[name].generation == story.upgraded[name].generation + 1 for name in changed)
    assert {name for name, now in story.done.items() if now.restarted} == RESTARTABLE
    assert len({story.done[name].restarted for name in RESTARTABLE}) == 1, "one operation, one time"


def test_what_restarted_runs_the_new_proxy(story: Story) -> None:
    for name in RESTARTABLE:
        assert story.first[name].images == story.upgraded[name].images == {f"{PROXY}{OLD}"}
        assert story.done[name].images == {f"{PROXY}{NEW}"}
    assert story.run.data["proof"] == {
        "holds": True, "identical": 0, "reads": 1, "restarted": len(RESTARTABLE), "kept": [], "residual": [],
    }  # fmt: skip


def test_a_second_run_restarts_nothing(story: Story) -> None:
    assert "nothing to restart" in story.again.out
    names = story.done.keys() - {"istiod", "istio-ingressgateway"}  # whose status moves by itself
    assert {name: story.done[name].version for name in names} == {
        name: story.after_again[name].version for name in names
    }


def test_validation_says_no_while_proxies_lag_and_yes_afterwards(story: Story) -> None:
    skewed, allowed, valid = (
        {check["id"]: check for check in ran.data["checks"]} for ran in (story.skewed, story.allowed, story.valid)
    )
    assert skewed["versions"]["status"] == "failed"
    assert f"Deployment shop/web is of {OLD}, its istiod of {NEW}" in skewed["versions"]["details"]
    assert allowed["versions"]["status"] == "warning", "one minor release behind is what Istio supports"
    assert valid["versions"]["status"] == "ok"
    assert story.valid.code == 0, str(story.valid)


def test_the_restarts_are_on_record(story: Story) -> None:
    entries = {entry["object"]: entry for entry in story.record["restarts"]}
    assert {name.rpartition("/")[2] for name in entries} == RESTARTABLE
    entry = entries["deployments.apps shop/web"]
    assert (entry["before"], entry["after"], entry["outcome"]) == (None, story.done["web"].restarted, "done")
    assert entry["reason"].startswith("istio-proxy: image")


def test_a_rollback_takes_them_back(story: Story) -> None:
    assert planned(story.back) == BACK
    actions = [change["action"] for change in story.back.data["plan"]["changes"]]
    assert actions[-len(BACK) :] == ["restart"] * len(BACK), "after the mesh itself"
    proof = story.back.data["proof"]
    assert (proof["holds"], proof["restarted"]) == (True, len(BACK))
    assert not {name for name, now in story.last.items() if now.restarted}
    for name in BACK:
        assert story.last[name].images == {f"{PROXY}{OLD}"}, "the old injector made their pods anew"


def test_and_then_every_object_is_as_it_was_owners_included(story: Story) -> None:
    left = story.left
    assert left.counts == (0, 0, 0, 0), str(left)
