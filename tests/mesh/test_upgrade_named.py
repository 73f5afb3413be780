"""A mesh whose only control plane has a revision: it is upgraded in place, and what follows it is restarted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import ACCESS_LOG, NEW, OLD, Mesh, settled
from .upgrades import installed_by_istioctl
from .workloads import Standing, standings

pytestmark = pytest.mark.mesh

PROXY = "docker.io/istio/proxyv2:"
UPGRADE = ("upgrade", "--to", NEW, "--revision", "blue")


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    before: Dump
    dry_run: Any
    upgrade: Ran
    done: dict[str, Standing]
    istiods: list[str]
    report: Any
    back: Dump
    last: dict[str, Standing]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("named")
    with installed_by_istioctl(folder, "--set", "revision=blue", *ACCESS_LOG) as mesh:
        yield _tell(mesh)


def _tell(mesh: Mesh) -> Story:
    mesh.kubectl("label", "namespace", "shop", "istio-injection-", "istio.io/rev=blue")
    mesh.kubectl("delete", "pod", "-n", "shop", "-l", "app=web", "--grace-period=0")
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
    before = settled(mesh)
    assert standings(mesh)["web"].images == {f"{PROXY}{OLD}"}, "the premise: it follows the revision"
    dry_run = mesh.plugin.ok(*UPGRADE, "--dry-run", "-o", "json").data
    upgrade = mesh.plugin.ok(*UPGRADE, "--yes", "-o", "json")
    done, istiods = standings(mesh), mesh.istiod.versions()
    report = mesh.plugin.ok("report", "-o", "json").data
    mesh.plugin.ok("rollback", "--yes")
    return Story(before, dry_run, upgrade, done, istiods, report, settled(mesh), standings(mesh))


def restarts(data: Any) -> set[str]:
    """What a plan says will be restarted afterwards."""
    return {change["name"] for change in data["plan"]["foreseen"]}


def test_the_plan_tells_of_the_restarts_and_the_upgrade_makes_them(story: Story) -> None:
    assert restarts(story.dry_run) == restarts(story.upgrade.data) == {"web"}
    assert {name for name, now in story.done.items() if now.restarted} == {"web"}
    assert story.done["web"].images == {f"{PROXY}{NEW}"}
    assert story.istiods == [NEW]
    assert story.upgrade.data["proof"]["restarted"] == 1


def test_the_record_says_why_parts_of_the_control_plane_are_not_restarted(story: Story) -> None:
    phases = {phase["phase"]: phase for phase in story.report["phases"]}
    assert phases["workloads"]["outcome"] == "done"
    assert phases["control-plane"]["outcome"] == "skipped"
    assert "nothing that they read at their start alone" in phases["control-plane"]["reason"]


def test_a_rollback_makes_every_object_and_its_proxies_what_they_were(story: Story) -> None:
    assert compare(story.before, story.back).counts == (0, 0, 0, 0), str(compare(story.before, story.back))
    assert story.last["web"].images == {f"{PROXY}{OLD}"}
    assert story.last["web"].restarted is None
