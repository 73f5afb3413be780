"""The whole guide on a mesh that istioctl installed with settings of its own: there, and back to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.browser.devtools import Browser
from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import SETTINGS, check_settings, installed_by_istioctl
from .workloads import RESTARTABLE, Standing, standings, workloads

pytestmark = pytest.mark.mesh


PROXY = "docker.io/istio/proxyv2:"


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    mesh: Mesh
    before: Dump
    first: dict[str, Standing]
    dry_run: Ran
    untouched: Dump
    upgrade: Ran
    upgraded: Dump
    done: dict[str, Standing]
    istiods: list[str]
    again: Ran
    after_again: dict[str, Standing]
    valid: Ran
    report: Any
    page: Path
    rollback: Ran
    back: Dump
    last: dict[str, Standing]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("upgrade")
    with installed_by_istioctl(folder, *SETTINGS) as mesh, workloads(mesh):
        yield _tell(mesh, folder)


def _tell(mesh: Mesh, folder: Path) -> Story:
    before, first = settled(mesh), standings(mesh)
    dry_run = mesh.plugin.ok("upgrade", "--to", NEW, "--dry-run")
    untouched = settled(mesh)
    upgrade = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "-o", "json", "--to-dir", str(folder / "out"))
    upgraded, done, istiods = settled(mesh), standings(mesh), mesh.istiod.versions()
    again = mesh.plugin.ok("upgrade", "--to", NEW, "--yes")
    after_again, valid = standings(mesh), mesh.plugin("validate", "-o", "json")
    page = folder / "report.html"
    report = mesh.plugin.ok("report", "-o", "json", "--html", str(page)).data
    rollback = mesh.plugin.ok("rollback", "--yes", "-o", "json")
    return Story(
        mesh, before, first, dry_run, untouched, upgrade, upgraded, done, istiods, again, after_again, valid, report,
        page, rollback, settled(mesh), standings(mesh),
    )  # fmt: skip


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
    check_settings(story.upgraded)


def test_only_what_the_release_changes_has_changed(story: Story) -> None:
    assert compare(story.before, story.upgraded).counts[:2] == (0, 0), "objects were added or removed"


def test_the_settings_are_told_to_be_proved(story: Story) -> None:
    assert f"proved: istioctl {OLD} would change nothing with them" in story.upgrade.err
    assert "will not survive" not in story.upgrade.err


def test_what_will_be_restarted_is_told_before(story: Story) -> None:
    out = story.dry_run.out
    assert f"then {len(RESTARTABLE)} restarts" in out
    assert f"restart  afterwards, as far as can be told before: {len(RESTARTABLE)} workloads" in out
    assert f"istio-proxy: image {PROXY}{OLD}, then {PROXY}{NEW}" in out
    assert {change["name"] for change in story.upgrade.data["plan"]["foreseen"]} == RESTARTABLE


def test_what_ran_an_outdated_proxy_is_restarted_once_and_nothing_else(story: Story) -> None:
    own = {"istiod", "istio-ingressgateway"}  # which the new release itself changes
    changed = {name for name, now in story.done.items() if now.generation != story.first[name].generation}
    assert changed == RESTARTABLE | own
    assert {name for name, now in story.done.items() if now.restarted} == RESTARTABLE
    for name in RESTARTABLE:
        assert story.done[name].generation == story.first[name].generation + 1
        assert story.first[name].images == {f"{PROXY}{OLD}"}
        assert story.done[name].images == {f"{PROXY}{NEW}"}
    assert story.upgrade.data["proof"]["restarted"] == len(RESTARTABLE)


def test_what_could_not_be_restarted_is_named_at_the_end(story: Story) -> None:
    (left,) = story.upgrade.data["plan"]["followUps"]
    assert left["command"] == "kubectl istio-upgrade restart --plan"
    for name in ("bare", "by-hand", "paused", "set"):
        assert f"shop/{name}" in left["why"]


def test_a_second_run_finds_nothing_to_do_and_restarts_nothing(story: Story) -> None:
    assert "nothing to do" in story.again.out
    assert {name: now.generation for name, now in story.after_again.items()} == {
        name: now.generation for name, now in story.done.items()
    }


def test_then_only_what_could_not_be_restarted_is_of_another_release(story: Story) -> None:
    failed = {check["id"]: check["details"] for check in story.valid.data["checks"] if check["status"] == "failed"}
    assert failed.keys() - {"analysis"} == {"versions"}, "the configuration of this mesh is not faultless"
    assert {line.split(" is of ")[0].rpartition("/")[2] for line in failed["versions"]} == {
        "bare",
        "by-hand",
        "paused",
        "set",
    }


def test_the_record_has_the_phases_the_findings_and_the_settings(story: Story) -> None:
    phases = {phase["phase"]: phase["outcome"] for phase in story.report["phases"]}
    assert phases["apply"] == phases["validate"] == phases["workloads"] == phases["after"] == "done"
    assert phases["control-plane"] == "skipped"
    assert story.report["ending"] == "proved"
    assert "accessLogFile: /dev/stdout" in story.report["settings"]
    assert {restart["object"].rpartition("/")[2] for restart in story.report["restarts"]} == RESTARTABLE
    assert {restart["outcome"] for restart in story.report["restarts"]} == {"done"}
    checks = {check["check"]: check for check in story.report["checks"]}
    assert checks["istiod runs"]["outcome"] == "ok"
    assert "as before" in checks["istioctl analyze finds no error"]["detail"]


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 380])
def test_the_page_of_it_shows_the_figures_without_a_complaint_or_a_request(
    story: Story, chromium: Browser, width: int, dark: bool
) -> None:
    seen = chromium.page(story.page.as_uri(), width=width, dark=dark)
    assert seen.complaints == []
    assert seen.requests == [seen.address]
    assert seen.overflow == 0
    text = seen.value("document.body.innerText")
    proof = story.upgrade.data["proof"]
    for figure in (
        f"Upgrade to Istio {NEW}",
        "PROVED",
        f"{proof['identical']} objects are identical to what was planned",
        f"{OLD} to {NEW}",
        f"kubectl istio-upgrade rollback {story.upgrade.data['before'][:7]}",
        f"docker.io/istio/pilot:{NEW}",
        *RESTARTABLE,
    ):
        assert figure in text, figure


def test_what_a_pipeline_needs_is_written_where_it_was_asked_for(story: Story) -> None:
    folder = story.mesh.plugin.store.parent / "out"
    assert (folder / "istio-version").read_text() == f"{NEW}\n"
    again = story.mesh.plane.istioctl(NEW, "manifest", "generate", "-f", str(folder / "istio-operator.yaml"))
    assert "accessLogFile: /dev/stdout" in again
    objects = {
        (each["kind"], each["metadata"]["name"]): each
        for each in yaml.safe_load_all((folder / "manifest.yaml").read_text())
    }
    (container,) = objects["Deployment", "istiod"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"docker.io/istio/pilot:{NEW}"
    assert objects["Service", "istio-ingressgateway"]["spec"]["type"] == "ClusterIP"


def test_a_rollback_makes_every_object_what_it_was(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    assert compare(story.before, story.back).counts == (0, 0, 0, 0), str(compare(story.before, story.back))


def test_a_rollback_gives_the_workloads_their_proxies_of_before(story: Story) -> None:
    assert not {name for name, now in story.last.items() if now.restarted}
    assert {name: now.images for name, now in story.last.items()} == {
        name: now.images for name, now in story.first.items()
    }
