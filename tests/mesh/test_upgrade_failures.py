"""Upgrades that go wrong, and whose tool dies: each ends in the target or in the state before, by one command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import TestbedError
from tests.support.cli import SCRIPT, Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import installed_by_istioctl
from .workloads import restarted, standings, wait_for

pytestmark = pytest.mark.mesh

NO_SUCH_TAG = ("--set", "tag=1.29.99", "--ignore", "image-of-another-release", "--timeout", "15")
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
_IS_OLD = f"object.spec.template.spec.containers[0].image.endsWith(':{OLD}')"
REFUSES_THE_WAY_BACK = f"{REFUSES_ONLY_THE_REAL_ONE} || !{_IS_OLD}"


NOBODY = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  components:
    pilot:
      k8s:
        overlays: [{kind: Deployment, name: istiod, patches: [{path: spec.replicas, value: 0}]}]
"""
CAREFUL = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: back, namespace: shop}
spec: {minAvailable: 2, selector: {matchLabels: {tier: back}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worried, namespace: shop}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}
  selector: {matchLabels: {app: worried}}
  template:
    metadata: {labels: {app: worried, tier: back}}
    spec: {containers: [{name: x, image: "example/x:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: unhealthy, namespace: shop}
spec:
  selector: {matchLabels: {app: unhealthy}}
  template:
    metadata: {labels: {app: unhealthy, tier: back, sidecar.istio.io/inject: "false"}}
    spec: {containers: [{name: x, image: "docker.io/istio/proxyv2:none"}]}
"""


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
    at = hints.index("deployments.apps istio-system/istiod:")
    assert hints[at + 1].startswith("  pod istiod-"), "which of its pods, and what it waits for"
    found = hints[hints.index("istioctl analyze finds:", at) + 1 :]
    overlapping = "  error: IST0139 (MutatingWebhookConfiguration istio-revision-tag-default): "
    assert found[0].startswith(overlapping), "what the half of an installation has left behind"
    assert any(line.startswith("  error, as before: IST0173 (DestinationRule shop/web): ") for line in found)
    assert any("abort" in line for line in found)
    status = mesh.plugin.ok("status")
    assert f"upgrade to Istio {NEW}" in status.out
    mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes")  # nothing else may begin
    mesh.plugin.ok("abort", "--yes")
    assert is_as_before(shared)


def test_auto_rollback_goes_back_by_itself_and_proves_it(mesh: Mesh, shared: tuple[Mesh, Dump], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ran = mesh.plugin.ending(
        4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", "--to-dir", str(folder), *NO_SUCH_TAG
    )
    assert not folder.exists(), "a pipeline would install from it what does not run"
    assert "istioctl install failed" in ran.err
    assert "taken back, proved" in ran.err
    assert is_as_before(shared)
    assert "unfinished" not in mesh.plugin.ok("status").out
    assert mesh.plugin.ok("report", "-o", "json").data["ending"] == "aborted"


OF_OTHERS = (
    ("configmap", "notes", "istio-system", '{"data": {"seen": "yes"}}'),
    ("virtualservice", "web", "shop", '{"metadata": {"annotations": {"example.com/seen": "yes"}}}'),
)


def test_what_others_do_meanwhile_stays_and_is_named_in_the_plan_of_an_auto_rollback(
    mesh: Mesh, shared: tuple[Mesh, Dump]
) -> None:
    def meddle() -> None:
        for kind, name, namespace, patch in OF_OTHERS:
            mesh.patch(kind, name, patch, namespace=namespace)
        mesh.kubectl("create", "configmap", "added", "-n", "istio-system", "--from-literal=a=b")

    err = while_it_applies(mesh, meddle, "--auto-rollback", *NO_SUCH_TAG)
    try:
        assert "taken back, proved" in err
        plan = err[err.index("taking it back, as --auto-rollback says") :]
        assert "update   Deployment istio-system/istiod" in plan
        for told in ("ConfigMap istio-system/notes", "VirtualService shop/web", "ConfigMap istio-system/added"):
            assert f"keep     {told}" in plan
        assert plan.count("not by this upgrade") == 3
        left = compare(shared[1], settled(mesh))
        assert left.counts == (1, 0, 2, 0), str(left)
    finally:
        mesh.kubectl("delete", "configmap", "added", "-n", "istio-system", "--ignore-not-found")
        for kind, name, namespace, patch in OF_OTHERS:
            mesh.patch(kind, name, patch.replace('"yes"', "null"), namespace=namespace)


def upgrading(mesh: Mesh, *arguments: str) -> subprocess.Popen[str]:
    """An upgrade that takes itself back, while the test does something else."""
    command = [str(SCRIPT), "upgrade", "--to", NEW, "--yes", "--auto-rollback", *arguments]
    return subprocess.Popen(
        command, env=mesh.plugin.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def last_words(err: str) -> str:
    return err[err.index("\nerror: ") + 1 :]


def test_auto_rollback_takes_back_an_upgrade_that_ends_unproved(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    """Somebody changes what the release sets while it is validated."""
    process = upgrading(mesh)
    wait_for(lambda: _has_begun(mesh.plugin.store, "validate") or process.poll() is not None, 600)
    label = {"metadata": {"labels": {"operator.istio.io/component": "mine"}}}
    mesh.patch("serviceaccount", "istio-reader-service-account", json.dumps(label), namespace="istio-system")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 4, err
    assert "failed: the proof is not empty" in err
    assert "taken back, proved: the proof is not empty" in last_words(err)
    assert "istio-reader-service-account" in out, "what was not as planned"
    assert is_as_before(shared)
    assert "unfinished" not in mesh.plugin.ok("status").out


def test_resume_of_a_taking_back_that_was_killed_leaves_what_others_did_as_well(
    mesh: Mesh, shared: tuple[Mesh, Dump]
) -> None:
    """The upgrade ends unproved, so the taking back is an operation of its own, and dies half-way."""
    process = upgrading(mesh)
    wait_for(lambda: _has_begun(mesh.plugin.store, "validate") or process.poll() is not None, 600)
    label = {"metadata": {"labels": {"operator.istio.io/component": "mine"}}}
    mesh.patch("serviceaccount", "istio-reader-service-account", json.dumps(label), namespace="istio-system")
    for kind, name, namespace, patch in OF_OTHERS:
        mesh.patch(kind, name, patch, namespace=namespace)
    try:
        wait_for(lambda: _has_written(mesh.plugin.store, "rollback") or process.poll() is not None, 600)
        process.kill()
        assert process.communicate()[1].count("taking it back") == 1
        assert process.returncode == -signal.SIGKILL, "it was over before it could be killed"
        plan = mesh.plugin.ok("resume", "--dry-run").out
        for told in ("ConfigMap istio-system/notes", "VirtualService shop/web"):
            assert f"keep     {told}" in plan
        assert plan.count("not by this upgrade") == 2
        assert mesh.plugin.ok("resume", "--yes", "-o", "json").data["proof"]["holds"]
        left = compare(shared[1], settled(mesh))
        assert left.counts == (0, 0, 2, 0), str(left)
    finally:
        for kind, name, namespace, patch in OF_OTHERS:
            mesh.patch(kind, name, patch.replace('"yes"', "null"), namespace=namespace)


def test_auto_rollback_takes_back_an_upgrade_whose_probe_fails_in_the_end(
    mesh: Mesh, shared: tuple[Mesh, Dump], tmp_path: Path
) -> None:
    """The probe fails for as long as istiod is new."""
    probe = tmp_path / "probe"
    ask = f"get deployment istiod -n istio-system -o yaml --kubeconfig {mesh.plane.kubeconfig}"
    probe.write_text(f"#!/bin/sh\n{os.environ.get('KUBECTL') or 'kubectl'} {ask} | grep -q 'pilot:{OLD}'\n")
    probe.chmod(0o755)
    pace = ("--probe-interval", "0.5", "--probe-timeout", "10")
    ran = mesh.plugin.ending(
        4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", "--probe-command", str(probe), *pace
    )
    assert "failed: the mesh is as planned, but probe" in ran.err
    assert "taken back, proved: the mesh is as planned, but probe" in last_words(ran.err)
    assert is_as_before(shared)


def test_auto_rollback_that_is_refused_names_what_comes_next(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    hold_istiod(mesh, REFUSES_THE_WAY_BACK)
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", *NO_SUCH_TAG)
    error = last_words(ran.err)
    assert error.startswith("error: the upgrade failed, and is not taken back: ")
    assert "guardians" in error
    assert "istioctl install failed" in error
    assert "nothing was changed" not in error
    assert "hint: `kubectl istio-upgrade abort` takes it back to snapshot" in error
    mesh.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", "hold-istiod")
    mesh.plugin.ok("abort", "--yes")
    assert is_as_before(shared)


def test_ctrl_c_while_it_is_taken_back_names_what_comes_next(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    process = upgrading(mesh, *NO_SUCH_TAG)
    assert process.stderr
    for line in process.stderr:
        if line.startswith("taking it back"):
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 4, error
    assert "error: the upgrade failed, and is not taken back: " in error
    assert "nothing was changed" not in error
    assert "hint: `kubectl istio-upgrade abort` takes it back to snapshot" in error
    mesh.plugin.ok("abort", "--yes")
    assert is_as_before(shared)


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


def test_a_mesh_that_does_not_validate_is_told_what_fails_and_goes_back(
    mesh: Mesh, shared: tuple[Mesh, Dump], tmp_path: Path
) -> None:
    """istioctl is content with an istiod that has no pods."""
    settings = tmp_path / "nobody.yaml"
    settings.write_text(NOBODY)
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "-f", str(settings), "--timeout", "60")
    error = ran.err[ran.err.index("\nerror: ") + 1 :]
    assert error.startswith("error: the mesh is not as an upgrade should leave it")
    assert "istiod runs: 1 of 1 have not" in error
    assert "Deployment istio-system/istiod: it is scaled to nothing" in error
    assert "`kubectl istio-upgrade resume` finishes it" in error
    assert restarted(mesh) == set(), "nothing is restarted without an injector"
    mesh.plugin.ok("abort", "--yes")
    mesh.istiod.wait_ready(OLD)
    assert is_as_before(shared)


def test_workloads_that_were_left_are_restarted_by_a_run_that_writes_nothing_else(
    mesh: Mesh, shared: tuple[Mesh, Dump]
) -> None:
    left = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "--workloads", "plan", "-o", "json").data
    assert restarted(mesh) == set()
    assert [(each["command"], each["why"]) for each in left["plan"]["followUps"]] == [
        ("kubectl istio-upgrade restart", "an outdated proxy runs in shop/web")
    ]
    none = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "--workloads", "none").out
    assert "nothing to do" in none
    done = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "-o", "json").data
    assert (done["plan"]["changes"], done["proof"]["restarted"]) == ([], 1)
    assert standings(mesh)["web"].images == {f"docker.io/istio/proxyv2:{NEW}"}
    mesh.plugin.ok("rollback", "--yes")
    assert standings(mesh)["web"].images == {f"docker.io/istio/proxyv2:{NEW}"}, "the control plane is not taken back"
    back = mesh.plugin.ok("rollback", left["before"], "--yes", "-o", "json").data
    assert back["plan"]["followUps"][0]["command"] == "kubectl istio-upgrade restart --plan", "nobody restarts it then"
    mesh.kubectl("delete", "pod", "-n", "shop", "-l", "app=web", "--grace-period=0")
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
    assert is_as_before(shared)


@pytest.fixture
def careful(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh with a workload that may lose no pod, because another of its budget is not healthy."""
    mesh.kubectl("apply", "-f-", manifest=CAREFUL)
    mesh.kubectl("rollout", "status", "deployment/worried", "-n", "shop", "--timeout=60s")
    wait_for(lambda: budget(mesh).get("expectedPods") == 3)
    yield mesh
    mesh.kubectl("delete", "-f-", "--ignore-not-found", manifest=CAREFUL)


def test_a_restart_that_a_budget_forbids_stops_it_and_resume_goes_on_with_what_is_left(
    careful: Mesh, shared: tuple[Mesh, Dump]
) -> None:
    mesh = careful
    ran = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--timeout", "20", "--batch", "1")
    assert "its rollout may take 1 pod away at once, PodDisruptionBudget shop/back allows 0" in ran.err
    assert mesh.istiod.versions() == [NEW]
    assert restarted(mesh) == {"web"}
    mesh.kubectl("delete", "deployment", "unhealthy", "-n", "shop")
    mesh.patch("pdb", "back", '{"spec": {"minAvailable": 1}}')
    assert "nothing to do; then 1 restart;" in mesh.plugin.ok("resume", "--dry-run").out, "no object is left to write"
    done = mesh.plugin.ok("resume", "--yes", "-o", "json").data
    assert (done["proof"]["holds"], done["proof"]["restarted"]) == (True, 2), "those of the first run count"
    standing = standings(mesh)
    assert restarted(mesh) == {"worried", "web"}
    assert standing["worried"].images == standing["web"].images == {f"docker.io/istio/proxyv2:{NEW}"}
    told = [entry["object"] for entry in mesh.plugin.ok("report", "-o", "json").data["restarts"]]
    assert {name.rpartition("/")[2] for name in told} == {"web", "worried"}
    mesh.plugin.ok("rollback", "--yes")
    assert restarted(mesh) == set()
    mesh.kubectl("delete", "-f-", "--ignore-not-found", manifest=CAREFUL)
    assert is_as_before(shared)


def test_abort_of_an_upgrade_that_has_restarted_takes_that_back_too(careful: Mesh, shared: tuple[Mesh, Dump]) -> None:
    mesh = careful
    mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--timeout", "20", "--batch", "1")
    assert restarted(mesh) == {"web"}
    aborted = mesh.plugin.ok("abort", "--yes", "-o", "json").data
    assert (aborted["proof"]["holds"], aborted["proof"]["restarted"]) == (True, 1)
    assert restarted(mesh) == set()
    assert {standings(mesh)[name].images for name in ("worried", "web")} == {
        frozenset({f"docker.io/istio/proxyv2:{OLD}"})
    }
    mesh.kubectl("delete", "-f-", "--ignore-not-found", manifest=CAREFUL)
    assert is_as_before(shared)


def budget(mesh: Mesh) -> dict[str, int]:
    status = mesh.plane.api.request("GET", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/back").get("status")
    return dict(status or {})


def while_it_applies(mesh: Mesh, act: Callable[[], None], *options: str) -> str:
    """Start an upgrade that will fail, and act as soon as the installer is at work; the answer is what it says."""
    with _upgrading(mesh, *options) as process:
        _wait_until_begun(mesh, process, "apply")
        act()
        err = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 4, err
    return err


def kill_in(mesh: Mesh, phase: str, delay: float, *options: str) -> None:
    """Start the upgrade, and kill it so many seconds after the journal says that this phase has begun."""
    with _upgrading(mesh, *options) as process:
        _wait_until_begun(mesh, process, phase)
        time.sleep(delay)
        assert process.poll() is None, "it was over before it could be killed"


@contextmanager
def _upgrading(mesh: Mesh, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The upgrade, killed at the end if it is still there."""
    command = [str(SCRIPT), "upgrade", "--to", NEW, "--yes", *options]
    process = subprocess.Popen(command, env=mesh.plugin.environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def _wait_until_begun(mesh: Mesh, process: subprocess.Popen[bytes], phase: str) -> None:
    deadline = time.monotonic() + 120
    while not _has_begun(mesh.plugin.store, phase):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _has_begun(store: Path, phase: str) -> bool:
    return any(line.get("phase") == phase for line in _journal(store))


def _has_written(store: Path, kind: str) -> bool:
    """Whether an operation of this kind is open, and has made a write."""
    lines = _journal(store)
    return bool(lines) and lines[0]["kind"] == kind and any(line["entry"] == "outcome" for line in lines)


def _journal(store: Path) -> list[Any]:
    """What the open journal says so far."""
    for file in store.glob("istio-upgrade/journals/*/open.jsonl"):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return []


KILLS = [("apply", 0.0), ("apply", 0.8), ("apply", 2.5), ("validate", 0.0), ("workloads", 0.3), ("after", 0.0)]


@pytest.mark.parametrize(("phase", "delay"), KILLS)
def test_resume_finishes_what_was_killed(mesh: Mesh, shared: tuple[Mesh, Dump], phase: str, delay: float) -> None:
    kill_in(mesh, phase, delay)
    ran = mesh.plugin.ok("resume", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert mesh.istiod.versions() == [NEW]
    assert standings(mesh)["web"].images == {f"docker.io/istio/proxyv2:{NEW}"}
    mesh.plugin.ok("rollback", "--yes")
    assert standings(mesh)["web"].images == {f"docker.io/istio/proxyv2:{OLD}"}
    assert is_as_before(shared)


@pytest.mark.parametrize(("phase", "delay"), KILLS)
def test_abort_takes_back_what_was_killed(mesh: Mesh, shared: tuple[Mesh, Dump], phase: str, delay: float) -> None:
    kill_in(mesh, phase, delay)
    ran: Ran = mesh.plugin.ok("abort", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert mesh.istiod.versions() == [OLD]
    assert standings(mesh)["web"].images == {f"docker.io/istio/proxyv2:{OLD}"}
    assert is_as_before(shared)


def test_abort_takes_back_all_that_istioctl_has_made(mesh: Mesh, shared: tuple[Mesh, Dump]) -> None:
    """A canary is all new, and no journal has what istioctl makes: it is known by who wrote it."""
    kill_in(mesh, "validate", 0.0, "--revision", "canary")
    assert compare(shared[1], mesh.dump()).added
    ran = mesh.plugin.ok("abort", "--yes", "-o", "json")
    assert ran.data["proof"]["holds"]
    assert [change for change in ran.data["plan"]["changes"] if change["action"] == "keep"] == []
    assert is_as_before(shared)
