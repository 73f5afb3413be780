"""The test bed itself: what it promises to the tests that use it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import living, processes_of, wait_until

from . import ControlPlane, IstiodFollower, TestbedError, install_istio

OLD, NEW = "1.28.3", "1.29.1"
ROOT = Path(__file__).parents[2]
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews}, weight: %d}]}]
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: shop}
spec: {containers: [{name: app, image: example/app:1}]}
"""

pytestmark = pytest.mark.mesh


@pytest.fixture(scope="module")
def mesh() -> Iterator[tuple[ControlPlane, IstiodFollower]]:
    """The old release, installed."""
    with ControlPlane("nodes") as plane, IstiodFollower(plane) as istiod:
        install_istio(plane, OLD)
        istiod.wait_ready(OLD)
        yield plane, istiod


def test_mesh_is_real_before_and_after_an_upgrade(mesh: tuple[ControlPlane, IstiodFollower]) -> None:
    plane, istiod = mesh
    plane.kubectl("create", "namespace", "shop")
    plane.kubectl("label", "namespace", "shop", "istio-injection=enabled")
    for version in (OLD, NEW):
        if version == NEW:
            install_istio(plane, NEW)
            istiod.wait_ready(NEW)
        _assert_validates(plane)
        assert _sidecar(plane, f"app-{version.replace('.', '-')}") == f"docker.io/istio/proxyv2:{version}"
        assert version in plane.istioctl(version, "version", "--output=yaml")
        assert _ca_bundle(plane)


def test_killed_istiod_stays_down_until_revived(mesh: tuple[ControlPlane, IstiodFollower]) -> None:
    plane, istiod = mesh
    (version,) = istiod.versions()
    istiod.kill_istiod()
    assert istiod.versions() == []
    with pytest.raises(TestbedError, match=r"failed calling webhook"):
        plane.kubectl("apply", "-f-", input=VIRTUAL_SERVICE % 2)
    wait_until(lambda: "False" in _istiod_ready(plane))
    istiod.revive()
    istiod.wait_ready(version)
    wait_until(lambda: _istiod_ready(plane) == "True")
    _assert_validates(plane)


def test_unknown_tag_never_becomes_ready(mesh: tuple[ControlPlane, IstiodFollower]) -> None:
    plane, istiod = mesh
    (version,) = istiod.versions()
    deployment = ("-n", "istio-system", "deployment/istiod")
    plane.kubectl("set", "image", *deployment, "discovery=docker.io/istio/pilot:1.99.9")
    wait_until(lambda: "ImagePullBackOff" in plane.kubectl("get", "pods", "-n", "istio-system"))
    assert istiod.versions() == [version], "as in a rolling update, the old pod stays"
    plane.kubectl("rollout", "undo", *deployment)
    plane.kubectl("rollout", "status", *deployment, "--timeout=30s")


def test_two_revisions_are_told_apart() -> None:
    with ControlPlane("nodes") as plane, IstiodFollower(plane) as istiod:
        install_istio(plane, OLD, "--set", "profile=minimal")
        install_istio(plane, NEW, "--set", "profile=minimal", "--revision", "canary")
        istiod.wait_ready(NEW)
        assert istiod.versions() == [OLD, NEW]
        versions = plane.istioctl(NEW, "version", "--output=yaml")
        assert f"version: {OLD}" in versions
        assert f"version: {NEW}" in versions
        plane.kubectl("run", "after", "--image=example/app:1")
        plane.kubectl("wait", "pod/after", "--for=condition=Ready", "--timeout=20s")
        _assert_no_address_is_taken_twice(plane)


def test_two_run_at_the_same_time_and_nothing_is_left() -> None:
    with ControlPlane("api") as one, ControlPlane("api") as two:
        one.kubectl("create", "namespace", "only-here")
        assert "only-here" not in two.kubectl("get", "namespaces")
        assert one.addresses.services != two.addresses.services
        assert len(processes_of(one.folder)) == len(processes_of(two.folder)) == 4, "each with its supervisor"
    wait_until(lambda: not processes_of(one.folder) and not processes_of(two.folder))


def test_fixed_users_have_only_the_rights_they_are_given() -> None:
    plane = ControlPlane("api")
    plane.add_user("carol", "auditors")
    with plane:
        plane.kubectl("create", "clusterrole", "audit", "--verb=list", "--resource=configmaps")
        plane.kubectl("create", "clusterrolebinding", "audit", "--clusterrole=audit", "--group=auditors")
        plane.kubectl("get", "configmaps", user="carol")
        with pytest.raises(TestbedError, match="forbidden"):
            plane.kubectl("get", "configmaps", user="nobody")
        with pytest.raises(TestbedError, match="before the control plane starts"):
            plane.add_user("late")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_however_up_ends(tmp_path: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.controlplane", "up", f"--dir={tmp_path}", f"--install={NEW}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("export KUBECONFIG=")
        assert process.stdout.readline().startswith("# ready")
        children = set(processes_of(tmp_path)) - {process.pid}
        assert len(children) == 12, "five programs and istiod, each with its supervisor"
        process.send_signal(end)
    wait_until(lambda: not processes_of(tmp_path))


def test_programs_end_with_their_supervisor() -> None:
    with ControlPlane("api") as plane:
        before = processes_of(plane.folder)
        for pid in before:
            if "supervisor.py" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not living(before))


def _assert_no_address_is_taken_twice(plane: ControlPlane) -> None:
    """kwok has been started anew by now."""
    addresses = plane.kubectl("get", "pods", "-A", "-ojsonpath={.items[*].status.podIP}").split()
    assert len(addresses) == len(set(addresses)) == 3


def _assert_validates(plane: ControlPlane) -> None:
    plane.kubectl("apply", "--dry-run=server", "-f-", input=VIRTUAL_SERVICE % 100)
    with pytest.raises(TestbedError, match=r"denied the request.*weight"):
        plane.kubectl("apply", "-f-", input=VIRTUAL_SERVICE % -1)


def _sidecar(plane: ControlPlane, pod: str) -> str:
    plane.kubectl("apply", "-f-", input=POD % pod)
    path = "{.spec['containers','initContainers'][?(@.name=='istio-proxy')].image}"
    return plane.kubectl("get", "pod", pod, "-n", "shop", f"-ojsonpath={path}")


def _ca_bundle(plane: ControlPlane) -> str:
    kinds = "validatingwebhookconfiguration/istio-validator-istio-system"
    return plane.kubectl("get", kinds, "-ojsonpath={.webhooks[0].clientConfig.caBundle}")


def _istiod_ready(plane: ControlPlane) -> str:
    path = "{.items[*].status.conditions[?(@.type=='Ready')].status}"
    return plane.kubectl("get", "pods", "-n", "istio-system", "-lapp=istiod", f"-ojsonpath={path}")
