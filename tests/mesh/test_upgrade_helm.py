"""The whole guide on a mesh that Helm installed: by `helm upgrade` of each release, and back with its records.

All the while the shell is set up for another cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import Ran

from .comparison import Dump, compare
from .helm_bed import ASTRAY, charts, install, sealed_store, variables
from .helm_story import HelmMesh, empty
from .mesh import NEW, OLD, settled
from .workloads import Standing, standings

pytestmark = pytest.mark.mesh


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    mesh: HelmMesh
    before: Dump
    upgrade: Ran
    upgraded: Dump
    istiods: list[str]
    again: Ran
    rollback: Ran
    back: Dump
    history: list[str]
    gateways: tuple[dict[str, Standing], ...]
    """At first, after the upgrade, and after the rollback."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("helm")
    with empty(folder / "store.git", {**variables(folder / "bin"), **ASTRAY}) as mesh:
        yield _tell(mesh, folder)


def _tell(mesh: HelmMesh, folder: Path) -> Story:
    install(mesh)
    key = sealed_store(mesh.plugin, folder)
    before, first = settled(mesh), standings(mesh)
    fetched = str(charts(folder / "charts"))
    upgrade = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "-o", "json", "--charts", fetched)
    mesh.istiod.wait_ready(NEW)
    upgraded, done, istiods = settled(mesh), standings(mesh), mesh.istiod.versions()
    again = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "--charts", fetched)
    rollback = mesh.plugin.ok("rollback", "--yes", "-o", "json", "--identity", str(key))
    back = settled(mesh)
    history = [f"{each['revision']} {each['status']}" for each in mesh.history("istiod")]
    gateways = (first, done, standings(mesh))
    return Story(mesh, before, upgrade, upgraded, istiods, again, rollback, back, history, gateways)


def test_every_release_is_upgraded_and_keeps_its_values(story: Story) -> None:
    assert set(story.istiods) == {NEW}
    mesh = story.upgraded["configmaps istio-system/istio"]["data"]["mesh"]
    assert "accessLogFile: /dev/stdout" in mesh
    assert story.upgraded["services istio-system/istio-ingress"]["spec"]["type"] == "ClusterIP"
    assert story.upgraded["horizontalpodautoscalers.autoscaling istio-system/istiod"]["spec"]["minReplicas"] == 2


def test_every_object_of_the_charts_is_proved(story: Story) -> None:
    assert story.upgrade.data["proof"]["holds"]


def test_the_gateway_whose_image_is_injected_runs_the_new_release_and_then_the_old_one_again(story: Story) -> None:
    images = [standing["istio-ingress"].images for standing in story.gateways]
    old, new = (frozenset({f"docker.io/istio/proxyv2:{release}"}) for release in (OLD, NEW))
    assert images == [old, new, old]


def test_a_second_run_finds_nothing_to_do(story: Story) -> None:
    assert "nothing to do" in story.again.out


def test_a_rollback_takes_objects_and_records_back(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    assert compare(story.before, story.back).counts == (0, 0, 0, 0), str(compare(story.before, story.back))
    assert story.history == ["1 deployed"]
