"""Upgrades that go wrong, and whose tool dies: each ends in the target or in the state before, by one command."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane import TestbedError
from tests.support.cli import SCRIPT, Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import installed_by_istioctl

pytestmark = pytest.mark.mesh

NO_SUCH_TAG = ("--set", "tag=1.29.99", "--timeout", "15")
POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: hold-istiod}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [apps], apiVersions: [v1], operations: [UPDATE], resources: [deployments]}}]
  validations: [{{expression: "{expression}", message: "istiod is held by its guardians"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: hold-istiod}}
spec: {{policyName: hold-istiod, validationActions: [Deny]}}
"""
REFUSES_ALL = "request.name != 'istiod'"
REFUSES_ONLY_THE_REAL_ONE = "request.name != 'istiod' || request.dryRun"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mesh, Dump]]:
    with installed_by_istioctl(
        tmp_path_factory.mktemp("failures"), "--set", "meshConfig.accessLogFile=/dev/stdout"
    ) as mesh:
        yield mesh, settled(mesh)


@pytest.fixture
def mesh(shared: tuple[Mesh, Dump]) -> Iterator[Mesh]:
    """The old release as it was installed. A test that leaves it otherwise has failed, and the mesh is put back."""
    mesh, before = shared
    yield mesh
    mesh.kubectl(
        "delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "hold-istiod", "--ignore-not-found"
    )
    if "unfinished" in mesh.plugin.ok("status").out:
        mesh.plugin.ok("abort", "--yes")
    found = compare(before, settled(mesh))
    assert found.counts == (0, 0, 0, 0), f"the next test would begin with another mesh: {found}"


def is_as_before(shared: tuple[Mesh, Dump]) -> bool:
    found = compare(shared[1], settled(shared[0]))
    assert found.counts == (0, 0, 0, 0), str(found)
    return True


def hold_istiod(mesh: Mesh, expression: str) -> None:
    """Have a policy refuse to change istiod; it takes a moment to be in force. What asks it here changes nothing."""
    mesh.kubectl("apply", "-f-", manifest=POLICY.format(expression=expression))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            mesh.patch("deployment", "istiod", "{}", namespace="istio-system")
        except TestbedError as error:
            assert "guardians" in str(error)
            return
        time.sleep(0.3)
    raise AssertionError("the policy never refuses")


def test_pods_that_never_get_ready_end_with_the_cause_and_abort_goes_back(
    mesh: Mesh, shared: tuple[Mesh, Dump]
) -> None:
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", *NO_SUCH_TAG)
    error, *hints = ran.err[ran.err.index("\nerror: ") + 1 :].splitlines()
    assert error.startswith("error: istioctl install failed")
    assert "Deployment/istio-system/istiod" in error
    assert any("abort" in hint for hint in hints)
    status = mesh.plugin.ok("status")
    assert f"upgrade to Istio {NEW}" in status.out
    mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes")  # nothing else may begin
    mesh.plugin.ok("abort", "--yes")
    assert is_as_before(shared)


def test_auto_rollback_goes_back_by_itself_and_proves_it(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", *NO_SUCH_TAG)
    assert "istioctl install failed" in ran.err
    assert "taken back, proved" in ran.err
    assert is_as_before(shared)
    assert "unfinished" not in mesh.plugin.ok("status").out
    assert mesh.plugin.ok("report", "-o", "json").data["ending"] == "aborted"


def test_what_the_server_refuses_stops_it_before_anything_is_changed(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    hold_istiod(mesh, REFUSES_ALL)
    ran = mesh.plugin.ending(3, "upgrade", "--to", NEW, "--yes")
    assert "guardians" in ran.err
    mesh.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "hold-istiod")
    assert is_as_before(shared)


def test_a_refusal_in_the_middle_is_taken_back(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    hold_istiod(mesh, REFUSES_ONLY_THE_REAL_ONE)
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", "--timeout", "30")
    assert "guardians" in ran.err
    assert "taken back, proved" in ran.err
    mesh.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "hold-istiod")
    assert is_as_before(shared)


def kill_in(mesh: Mesh, phase: str, delay: float) -> None:
    """Start the upgrade, and kill it so many seconds after the journal says that this phase has begun."""
    command = [str(SCRIPT), "upgrade", "--to", NEW, "--yes"]
    process = subprocess.Popen(command, env=mesh.plugin.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 120
        while not _has_begun(mesh.plugin.store, phase):
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(delay)
        assert process.poll() is None, "it was over before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def _has_begun(store: Path, phase: str) -> bool:
    for file in store.glob("istio-upgrade/journals/*/open.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return any(line.get("phase") == phase for line in lines)
    return False


KILLS = [("apply", 0.0), ("apply", 0.8), ("apply", 2.5), ("after", 0.0)]


@pytest.mark.parametrize(("phase", "delay"), KILLS)
def test_resume_finishes_what_was_killed(mesh: Mesh, shared: tuple[Mesh, Dump], phase: str, delay: float) -> None:
    kill_in(mesh, phase, delay)
    ran = mesh.plugin.ok("resume", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert mesh.istiod.versions() == [NEW]
    mesh.plugin.ok("rollback", "--yes")
    assert is_as_before(shared)


@pytest.mark.parametrize(("phase", "delay"), KILLS)
def test_abort_takes_back_what_was_killed(mesh: Mesh, shared: tuple[Mesh, Dump], phase: str, delay: float) -> None:
    kill_in(mesh, phase, delay)
    ran: Ran = mesh.plugin.ok("abort", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert mesh.istiod.versions() == [OLD]
    assert is_as_before(shared)
