"""A Helm mesh whose upgrade is killed inside `helm upgrade`: finished, or taken back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.controlplane import ControlPlane, IstiodFollower
from tests.support.cli import SCRIPT, TIMEOUT, Plugin, Ran

from .comparison import Dump, compare
from .helm_bed import charts, install, sealed_store, variables
from .helm_story import NAMESPACE, HelmMesh
from .mesh import NEW, OLD, settled

pytestmark = pytest.mark.mesh


@dataclass(frozen=True)
class Bed:
    """The mesh as new, the charts of the new release, and the identity that opens the store."""

    mesh: HelmMesh
    before: Dump
    charts: tuple[str, str]
    identity: tuple[str, str]

    def killed(self, record: str, *options: str) -> None:
        """Upgrade, and kill the tool as soon as helm has written this record, which says that it is at work."""
        command = [str(SCRIPT), "upgrade", "--to", NEW, "--yes", *self.charts, *options]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, env=self.mesh.plugin.environment(), stdout=pipe, stderr=pipe)
        try:
            deadline = time.monotonic() + TIMEOUT
            while not self.status(record).startswith("pending"):
                assert process.poll() is None, process.communicate()[1].decode()
                assert time.monotonic() < deadline
        finally:
            process.kill()
            process.communicate()
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
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane("nodes"))
        istiod = stack.enter_context(IstiodFollower(plane))
        mesh = HelmMesh(plane, istiod, Plugin(plane.kubeconfig, folder / "store.git", variables(folder / "bin")))
        install(mesh)
        identity = sealed_store(mesh.plugin, folder)
        yield Bed(mesh, settled(mesh), ("--charts", str(charts(folder / "charts"))), ("--identity", str(identity)))


def test_an_upgrade_in_place_is_taken_back_with_the_record_that_was_left_pending(bed: Bed) -> None:
    bed.killed("istiod.v2")
    bed.mesh.plugin.ok("abort", "--yes", *bed.identity)
    assert bed.history("istiod") == [f"1 deployed istiod-{OLD}"]
    bed.as_new()


def test_an_upgrade_in_place_is_finished_although_helm_refuses_a_pending_release(bed: Bed) -> None:
    bed.killed("istiod.v2")
    dry = bed.mesh.plugin.ok("resume", "--dry-run", *bed.charts)
    assert f"delete   Secret {NAMESPACE}/sh.helm.release.v1.istiod.v2" in dry.out
    assert "left pending by the helm of this very operation" in dry.out
    ran = bed.mesh.plugin.ok("resume", "--yes", "-o", "json", *bed.charts)
    assert ran.data["proof"]["holds"]
    assert set(bed.mesh.istiod.versions()) == {NEW}
    assert bed.history("istiod") == [f"1 superseded istiod-{OLD}", f"2 deployed istiod-{NEW}"]
    assert bed.history("istio-ingress")[-1] == f"2 deployed gateway-{NEW}"
    assert bed.take_back().data["proof"]["holds"]
    bed.as_new()


def test_a_release_that_somebody_elses_helm_is_at_work_on_is_refused_before_anything_is_written(bed: Bed) -> None:
    record = "secret/sh.helm.release.v1.istiod.v1"
    bed.mesh.kubectl("label", record, "-n", NAMESPACE, "status=pending-rollback", "--overwrite")
    try:
        ran = bed.mesh.plugin.ending(3, "upgrade", "--to", NEW, "--yes", *bed.charts)
    finally:
        bed.mesh.kubectl("label", record, "-n", NAMESPACE, "status=deployed", "--overwrite")
    assert "release istio-system/istiod is pending-rollback" in ran.err
    assert "helm rollback istiod -n istio-system" in ran.err
    found = compare(bed.before, settled(bed.mesh), ownership=False)  # this test's own labels have left an owner
    assert found.counts[:3] == (0, 0, 0), str(found)
