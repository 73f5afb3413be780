"""A Helm mesh whose upgrade is killed inside `helm upgrade`, in place or as a canary: finished, or taken back.

So is one that fails; what others do meanwhile stays.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane import chart_path
from tests.controlplane.build import ensure_built
from tests.support.cli import SCRIPT, TIMEOUT, Ran

from .comparison import Dump, compare
from .helm_bed import charts, install, of_people, sealed_store
from .helm_story import NAMESPACE, HelmMesh, empty
from .mesh import NEW, OLD, settled
from .upgrades import tools

pytestmark = pytest.mark.mesh

REVISION = "canary"
TAGGED = "istiod-canary"
THEIRS = "theirs"
RECORD = f"sh.helm.release.v1.{THEIRS}.v1"
"""Of a release that others install meanwhile."""
ALONE = ("--set", "autoscaleMin=1")
"""No second replica that its autoscaler asks for in its own time, while the mesh is validated already."""


@dataclass(frozen=True)
class Bed:
    """The mesh as new, where helm and the charts of the new release are, and the identity that opens the store."""

    mesh: HelmMesh
    before: Dump
    folder: Path
    identity: tuple[str, str]

    @property
    def named(self) -> tuple[str, ...]:
        """What an upgrade is begun with, in a shell in this folder. Nothing else knows of it, and `resume` does."""
        return ("--charts", "charts", "--helm", "helm")

    @contextmanager
    def at_work(self, record: str, *options: str) -> Iterator[subprocess.Popen[str]]:
        """An upgrade whose helm has just written this record, which says that it is at work. Killed at the end."""
        command = [str(SCRIPT), "upgrade", "--to", NEW, "--yes", *self.named, *options]
        environment, pipe = self.mesh.plugin.environment(), subprocess.PIPE
        process = subprocess.Popen(command, cwd=self.folder, env=environment, text=True, stdout=pipe, stderr=pipe)
        try:
            deadline = time.monotonic() + TIMEOUT
            while not self.status(record).startswith("pending"):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def killed(self, record: str, *options: str) -> None:
        """Upgrade, and kill the tool as soon as helm is at work on this record."""
        with self.at_work(record, *options):
            pass
        assert self.status(record).startswith("pending"), "it was over before it could be killed"

    def status(self, record: str) -> str:
        """What a record of Helm's says; "" where there is none."""
        path = ("-o", "jsonpath={.metadata.labels.status}", "--ignore-not-found")
        return self.mesh.kubectl("get", "secret", f"sh.helm.release.v1.{record}", "-n", NAMESPACE, *path)

    def history(self, release: str) -> list[str]:
        """Each revision of a release."""
        return [f"{each['revision']} {each['status']} {each['chart']}" for each in self.mesh.history(release)]

    def as_new(self) -> None:
        """Every object, records of releases among them, is as it was."""
        found = compare(self.before, settled(self.mesh))
        assert found.counts[:3] == (0, 0, 0), str(found)

    def take_back(self) -> Ran:
        """Roll the finished upgrade back."""
        return self.mesh.plugin.ok("rollback", "--yes", "-o", "json", *self.identity)


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("killed")
    charts(folder / "charts")
    (folder / "helm").symlink_to(ensure_built("helm")["helm"])
    with empty(folder / "store.git", tools(folder / "bin")) as mesh:
        install(mesh)
        mesh.kubectl("create", "configmap", "notes", "-n", NAMESPACE)
        _write_notes(mesh, "no")
        identity = sealed_store(mesh.plugin, folder)
        yield Bed(mesh, settled(mesh), folder, ("--identity", str(identity)))


def test_an_upgrade_in_place_is_taken_back_with_the_record_that_was_left_pending(bed: Bed) -> None:
    bed.killed("istiod.v2")
    bed.mesh.plugin.ok("abort", "--yes", *bed.identity)
    assert bed.history("istiod") == [f"1 deployed istiod-{OLD}"]
    bed.as_new()


def test_an_upgrade_in_place_is_finished_although_helm_refuses_a_pending_release(bed: Bed) -> None:
    bed.killed("istiod.v2")
    dry = bed.mesh.plugin.ok("resume", "--dry-run")
    assert f"delete   Secret {NAMESPACE}/sh.helm.release.v1.istiod.v2" in dry.out
    assert "left pending by the helm of this very operation" in dry.out
    ran = bed.mesh.plugin.ok("resume", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert set(bed.mesh.istiod.versions()) == {NEW}
    assert bed.history("istiod") == [f"1 superseded istiod-{OLD}", f"2 deployed istiod-{NEW}"]
    assert bed.history("istio-ingress")[-1] == f"2 deployed gateway-{NEW}"
    assert bed.take_back().data["proof"]["holds"]
    bed.as_new()


def test_a_canary_is_finished_with_the_settings_that_it_began_with(bed: Bed) -> None:
    bed.killed(f"{TAGGED}.v1", "--revision", REVISION, *ALONE, "--set", "traceSampling=3")
    ran = bed.mesh.plugin.ok("resume", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert bed.history(TAGGED) == [f"1 deployed istiod-{NEW}"]
    assert bed.history("istiod") == [f"1 deployed istiod-{OLD}"]
    beside = settled(bed.mesh)
    name = f"deployments.apps {NAMESPACE}/{TAGGED}"
    variables = beside[name]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PILOT_TRACE_SAMPLING", "value": "3"} in variables
    name = f"deployments.apps {NAMESPACE}/istiod"
    assert beside[name]["spec"] == bed.before[name]["spec"]
    assert bed.take_back().data["proof"]["holds"]
    bed.as_new()


def test_a_canary_is_taken_back_whole(bed: Bed) -> None:
    bed.killed(f"{TAGGED}.v1", "--revision", REVISION, *ALONE)
    bed.mesh.plugin.ok("abort", "--yes", *bed.identity)
    assert bed.status(f"{TAGGED}.v1") == ""
    bed.as_new()


@contextmanager
def others(bed: Bed) -> Iterator[None]:
    """What others do while the upgrade is under way, one of them with Helm and a chart of Istio's; gone afterwards."""
    mesh = bed.mesh
    mesh.plane.helm("install", THEIRS, str(chart_path(OLD, "gateway")), "-n", NAMESPACE)
    mesh.kubectl("create", "configmap", "added", "-n", NAMESPACE, "--from-literal=a=b")
    _write_notes(mesh, "yes")
    try:
        yield
    finally:
        mesh.plane.helm("uninstall", THEIRS, "-n", NAMESPACE, "--wait")
        mesh.kubectl("delete", "configmap", "added", "-n", NAMESPACE)
        _write_notes(mesh, "no")


def _write_notes(mesh: HelmMesh, seen: str) -> None:
    mesh.patch("configmap", "notes", json.dumps({"data": {"seen": seen}}), namespace=NAMESPACE)


def only_theirs_is_left(bed: Bed, plan: str) -> bool:
    """The plan has named what is the others' and keeps it, and nothing of the upgrade is there any more."""
    for kind, name in (("ConfigMap", "notes"), ("ConfigMap", "added"), ("Secret", RECORD), ("Deployment", THEIRS)):
        assert f"keep     {kind} {NAMESPACE}/{name}" in plan
    found = compare(bed.before, settled(bed.mesh), ownership=False)
    assert set(found.changed) == {f"configmaps {NAMESPACE}/notes"}
    assert found.removed == ()
    added = of_people(found.added)
    assert {f"secrets {NAMESPACE}/{RECORD}", f"configmaps {NAMESPACE}/added"} <= added
    assert all(THEIRS in name or name.endswith("/added") for name in added), str(found)
    assert bed.history(THEIRS) == [f"1 deployed gateway-{OLD}"]
    assert bed.history("istiod") == [f"1 deployed istiod-{OLD}"]
    return True


def test_abort_leaves_what_others_have_done_since_the_upgrade_was_killed(bed: Bed) -> None:
    bed.killed("istiod.v2")
    with others(bed):
        plan = bed.mesh.plugin.ok("abort", "--dry-run", *bed.identity).out
        aborted = bed.mesh.plugin.ok("abort", "--yes", "-o", "json", *bed.identity)
        assert aborted.data["proof"]["holds"]
        assert only_theirs_is_left(bed, plan)
    bed.as_new()


def test_a_release_that_others_have_installed_since_is_no_part_of_the_rest(bed: Bed) -> None:
    bed.killed("istiod.v2")
    with others(bed):
        ran = bed.mesh.plugin.ok("resume", "--yes", "-o", "json")
        assert ran.data["proof"]["holds"]
        assert bed.history(THEIRS) == [f"1 deployed gateway-{OLD}"]
        (late,) = (each for each in ran.data["plan"]["followUps"] if THEIRS in each["why"])
        assert late["command"] == f"kubectl istio-upgrade upgrade --to {NEW}"
    assert bed.history("istiod")[-1] == f"2 deployed istiod-{NEW}"
    assert bed.take_back().data["proof"]["holds"]
    bed.as_new()


def test_auto_rollback_leaves_what_others_have_done_while_helm_was_at_work(bed: Bed) -> None:
    broken = ("--set", "global.tag=1.29.99", "--ignore", "image-of-another-release", "--timeout", "30")
    with bed.at_work("istiod.v2", "--auto-rollback", *broken, *bed.identity) as process, others(bed):
        err = process.communicate(timeout=TIMEOUT)[1]
        assert process.returncode == 4, err
        assert "helm upgrade of release istiod failed" in err
        assert "taken back, proved" in err
        assert only_theirs_is_left(bed, err[err.index("taking it back, as --auto-rollback says") :])
    assert "unfinished" not in bed.mesh.plugin.ok("status").out
    bed.as_new()


def test_a_release_that_somebody_elses_helm_is_at_work_on_is_refused_before_anything_is_written(bed: Bed) -> None:
    record = "secret/sh.helm.release.v1.istiod.v1"
    bed.mesh.kubectl("label", record, "-n", NAMESPACE, "status=pending-rollback", "--overwrite")
    try:
        named = ("--charts", str(bed.folder / "charts"), "--helm", str(bed.folder / "helm"))
        ran = bed.mesh.plugin.ending(3, "upgrade", "--to", NEW, "--yes", *named)
    finally:
        bed.mesh.kubectl("label", record, "-n", NAMESPACE, "status=deployed", "--overwrite")
    assert "release istio-system/istiod is pending-rollback" in ran.err
    assert "helm rollback istiod -n istio-system" in ran.err
    found = compare(bed.before, settled(bed.mesh), ownership=False)  # this test's own labels have left an owner
    assert found.counts[:3] == (0, 0, 0), str(found)
