"""The whole guide on a mesh that istioctl installed with settings of its own: there, and back to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import SETTINGS, installed_by_istioctl

pytestmark = pytest.mark.mesh


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    mesh: Mesh
    before: Dump
    dry_run: Ran
    untouched: Dump
    upgrade: Ran
    upgraded: Dump
    istiods: list[str]
    again: Ran
    report: Any
    rollback: Ran
    back: Dump


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("upgrade")
    with installed_by_istioctl(folder, *SETTINGS) as mesh:
        yield _tell(mesh, folder)


def _tell(mesh: Mesh, folder: Path) -> Story:
    before = settled(mesh)
    dry_run = mesh.plugin.ok("upgrade", "--to", NEW, "--dry-run")
    untouched = settled(mesh)
    upgrade = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "-o", "json", "--to-dir", str(folder / "out"))
    upgraded, istiods = settled(mesh), mesh.istiod.versions()
    again = mesh.plugin.ok("upgrade", "--to", NEW, "--yes")
    report = mesh.plugin.ok("report", "-o", "json").data
    rollback = mesh.plugin.ok("rollback", "--yes", "-o", "json")
    return Story(mesh, before, dry_run, untouched, upgrade, upgraded, istiods, again, report, rollback, settled(mesh))


def test_a_dry_run_changes_nothing(story: Story) -> None:
    assert compare(story.before, story.untouched).counts == (0, 0, 0, 0)
    assert "the server would accept every write" in story.dry_run.out


def test_the_new_release_runs_and_every_object_of_it_is_proved(story: Story) -> None:
    assert story.istiods == [NEW]
    proof = story.upgrade.data["proof"]
    assert proof["holds"]
    assert proof["residual"] == []
    assert proof["identical"] >= 38


def test_the_settings_survive_without_being_typed_again(story: Story) -> None:
    istiod = story.upgraded["deployments.apps istio-system/istiod"]["spec"]["template"]["spec"]
    assert istiod["containers"][0]["image"].endswith(f":{NEW}")
    assert istiod["containers"][0]["resources"] == {"requests": {"cpu": "10m", "memory": "100Mi"}}
    assert istiod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    mesh = story.upgraded["configmaps istio-system/istio"]["data"]["mesh"]
    assert "accessLogFile: /dev/stdout" in mesh
    assert "holdApplicationUntilProxyStarts: true" in mesh
    assert story.upgraded["services istio-system/istio-ingressgateway"]["spec"]["type"] == "ClusterIP"
    account = story.upgraded["serviceaccounts istio-system/istiod"]
    assert account["imagePullSecrets"] == [{"name": "registry"}]


def test_only_what_the_release_changes_has_changed(story: Story) -> None:
    assert compare(story.before, story.upgraded).counts[:2] == (0, 0), "objects were added or removed"


def test_the_settings_are_told_to_be_proved(story: Story) -> None:
    assert f"proved: istioctl {OLD} would change nothing with them" in story.upgrade.err
    assert "will not survive" not in story.upgrade.err


def test_a_second_run_finds_nothing_to_do(story: Story) -> None:
    assert "nothing to do" in story.again.out


def test_the_record_has_the_phases_the_findings_and_the_settings(story: Story) -> None:
    phases = {phase["phase"]: phase["outcome"] for phase in story.report["phases"]}
    assert phases["apply"] == phases["after"] == "done"
    assert story.report["ending"] == "proved"
    assert "accessLogFile: /dev/stdout" in story.report["settings"]


def test_what_a_pipeline_needs_is_written_where_it_was_asked_for(story: Story) -> None:
    folder = story.mesh.plugin.store.parent / "out"
    assert (folder / "istio-version").read_text() == f"{NEW}\n"
    again = story.mesh.plane.istioctl(NEW, "manifest", "generate", "-f", str(folder / "istio-operator.yaml"))
    assert "accessLogFile: /dev/stdout" in again


def test_a_rollback_makes_every_object_what_it_was(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    assert compare(story.before, story.back).counts == (0, 0, 0, 0), str(compare(story.before, story.back))
