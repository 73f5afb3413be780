"""Meshes whose releases do not look like Istio's guide has them: base and istiod in a platform's chart; no labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.tools.helm import HelmProgram
from kubectl_istio_upgrade.adapters.tools.process import Program
from kubectl_istio_upgrade.errors import ToolError
from kubectl_istio_upgrade.models.settings import ReleaseRecord
from tests.controlplane import chart_path, wait_webhooks
from tests.controlplane.build import ensure_built
from tests.support.cli import Ran

from .comparison import Comparison, Dump, compare
from .helm_bed import charts, install_control_plane, sealed_store, variables
from .helm_story import NAMESPACE, HelmMesh, empty
from .mesh import NEW, OLD, settled

pytestmark = pytest.mark.mesh

VALUES = {
    "base": {"defaultRevision": "default"},
    "istiod": {
        "global": {"hub": "docker.io/istio", "tag": OLD},
        "meshConfig": {"accessLogFile": "/dev/stdout"},
    },
}
"""Nested, as those of subcharts are: istiod's own chart would ignore them."""

NOTES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "platform-notes"}, "data": {"of": "platform"}}


def platform(folder: Path, version: str) -> Path:
    """A chart with base and istiod of this release in it, and an object of its own."""
    chart = folder / f"platform-{version}"
    (chart / "templates").mkdir(parents=True)
    (chart / "charts").mkdir()
    about = {"apiVersion": "v2", "name": "platform", "version": "0.1.0"}
    values = json.loads(json.dumps(VALUES).replace(OLD, version))
    for name, content in {"Chart.yaml": about, "values.yaml": values, "templates/notes.yaml": NOTES}.items():
        (chart / name).write_text(json.dumps(content))
    for part in ("base", "istiod"):
        (chart / "charts" / f"{part}-{version}.tgz").symlink_to(chart_path(version, part))
    return chart


def installed(mesh: HelmMesh, folder: Path, version: str) -> None:
    """The whole of it, ready."""
    mesh.plane.helm("upgrade", "--install", "mesh", str(platform(folder, version)), "-n", NAMESPACE, *forced(version))
    mesh.kubectl("rollout", "status", "deployment/istiod", "-n", NAMESPACE, "--timeout=180s")
    mesh.istiod.wait_ready(version)
    wait_webhooks(mesh.plane)


def forced(version: str) -> tuple[str, ...]:
    """istiod has set fields of its webhooks by the time of an upgrade."""
    return ("--force-conflicts",) if version != OLD else ()


@dataclass(frozen=True)
class Story:
    """What the plugin said of the platform's mesh, and how that was before and after."""

    plan: Ran
    refused: Ran
    unread: Ran
    """The same where nobody but helm may see its records."""
    canary: Ran
    record: ReleaseRecord
    """As helm gives it."""
    unknown: str
    """What it says of a release that is not there."""
    untouched: Comparison
    rollback: Ran
    """After its people have upgraded their chart, and the mesh was found to be valid."""
    back: Comparison


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("wrapped")
    with empty(folder / "store.git", variables(folder / "bin")) as mesh:
        yield _tell(mesh, folder)


def _tell(mesh: HelmMesh, folder: Path) -> Story:
    mesh.kubectl("create", "namespace", NAMESPACE)
    installed(mesh, folder, OLD)
    key = sealed_store(mesh.plugin, folder)
    before = settled(mesh)
    upgrade = ("upgrade", "--to", NEW, "--yes", "--charts", str(charts(folder / "charts")))
    plan = mesh.plugin.ending(3, "upgrade", "--to", NEW, "--plan", "-o", "json")
    refused = mesh.plugin.ending(3, *upgrade)
    unread = mesh.plugin.ending(3, *upgrade, "--exclude-type", "secrets")
    canary = mesh.plugin.ending(3, *upgrade, "--revision", "canary")
    helm = HelmProgram(Program(ensure_built("helm")["helm"], {"KUBECONFIG": str(mesh.plane.kubeconfig)}), "")
    record = helm.record("mesh", NAMESPACE)
    with pytest.raises(ToolError) as unknown:
        helm.record("nothing", NAMESPACE)
    untouched = compare(before, settled(mesh))
    mesh.plugin.ok("snapshot")
    installed(mesh, folder, NEW)
    mesh.plugin.ok("validate")
    rollback = mesh.plugin.ok("rollback", "latest", "--yes", "-o", "json", "--identity", str(key))
    back = compare(before, settled(mesh))
    return Story(plan, refused, unread, canary, record, unknown.value.message, untouched, rollback, back)


def test_a_platforms_chart_is_a_blocker_of_the_plan(story: Story) -> None:
    (finding,) = [each for each in story.plan.data["findings"] if each["code"] == "release-wrapped"]
    assert finding["severity"] == "blocker"
    assert finding["message"].startswith(
        f"Helm release {NAMESPACE}/mesh is of chart platform, with Istio's base and istiod in it"
    )


def test_its_upgrade_is_refused_before_anything_is_written_with_what_to_do_instead(story: Story) -> None:
    for ran in (story.refused, story.canary):
        told = " ".join(ran.err.split())
        assert "is of chart platform, with Istio's base and istiod in it" in told
        assert "`kubectl istio-upgrade snapshot` and `kubectl istio-upgrade validate`" in told
        assert "--ignore" not in told
    assert story.untouched.counts == (0, 0, 0, 0), str(story.untouched)


def test_where_its_records_are_not_read_nothing_is_upgraded_either(story: Story) -> None:
    assert "is of a chart of its own, with Istio's base and istiod in it" in " ".join(story.unread.err.split())


def test_helm_itself_tells_the_chart_of_a_release_and_how_it_applied_it(story: Story) -> None:
    assert story.record == ReleaseRecord("platform", "0.1.0", server_side=True)
    assert story.unknown == f"the metadata of Helm release {NAMESPACE}/nothing cannot be read: release: not found"


def test_what_its_people_upgrade_is_validated_and_taken_back(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    assert story.back.counts == (0, 0, 0, 0), str(story.back)


@dataclass(frozen=True)
class Unlabelled:
    """A mesh whose objects do not name their chart: what was tried, and what came of it."""

    canary: Ran
    upgrade: Ran
    upgraded: Dump
    history: list[dict[str, Any]]


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unlabelled]:
    folder = tmp_path_factory.mktemp("unlabelled")
    with empty(folder / "store.git", variables(folder / "bin")) as mesh:
        yield _without_labels(mesh, folder)


def _without_labels(mesh: HelmMesh, folder: Path) -> Unlabelled:
    install_control_plane(mesh)
    kinds = mesh.kubectl("api-resources", "--verbs=list,patch", "-o", "name").split()
    mesh.kubectl("label", ",".join(kinds), "-A", "-l", "helm.sh/chart", "helm.sh/chart-")
    fetched = ("--charts", str(charts(folder / "charts")))
    canary = mesh.plugin.ok("upgrade", "--to", NEW, "--revision", "canary", "--dry-run", *fetched)
    upgrade = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "-o", "json", *fetched)
    return Unlabelled(canary, upgrade, settled(mesh), mesh.history("istio-base"))


def test_releases_of_charts_that_label_nothing_are_found_and_upgraded(unlabelled: Unlabelled) -> None:
    assert unlabelled.upgrade.data["proof"]["holds"]
    istiod = unlabelled.upgraded[f"deployments.apps {NAMESPACE}/istiod"]
    assert istiod["metadata"]["labels"]["helm.sh/chart"] == f"istiod-{NEW}"
    assert [each["chart"] for each in unlabelled.history] == [f"base-{OLD}", f"base-{NEW}"]


def test_so_is_a_canary_of_them(unlabelled: Unlabelled) -> None:
    assert "istiod-canary" in unlabelled.canary.out
