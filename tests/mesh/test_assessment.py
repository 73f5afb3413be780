"""`upgrade --plan` and `precheck` on a real Istio 1.28.3, with the real istioctl of its target."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.tools.fetching import archive_name
from kubectl_istio_upgrade.models.releases import Release
from tests.controlplane.build import istioctl_path
from tests.support.cli import Ran
from tests.support.relay import Answered, Exchange, Relay

from . import helm_story
from .comparison import compare
from .mesh import NEW, OLD, Mesh
from .test_tools import LOST
from .upgrades import tools

pytestmark = pytest.mark.mesh

BREAKER = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: breaker, namespace: shop}
spec: {host: web, trafficPolicy: {connectionPool: {tcp: {maxConnections: 10}}}}
"""


@pytest.fixture(autouse=True)
def _running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The istioctl of the release that runs is on the PATH, as on most machines; only it can prove the settings."""
    monkeypatch.setenv("PATH", tools(tmp_path / "running", OLD)["PATH"])


def istioctl(version: str = NEW) -> tuple[str, str]:
    return "--istioctl", str(istioctl_path(version))


def plan(mesh: Mesh, *arguments: str, to: str = NEW, code: int = 0) -> Any:
    return mesh.plugin.ending(code, "upgrade", "--to", to, "--plan", *istioctl(), "-o", "json", *arguments).data


def found(data: Any, severity: str = "") -> dict[str, Any]:
    return {each["code"]: each for each in data["findings"] if severity in ("", each["severity"])}


def about(finding: Any) -> list[str]:
    return [f"{each['kind']} {each['namespace']}/{each['name']}" for each in finding["objects"]]


def test_the_plan_for_the_next_release(mesh: Mesh) -> None:
    before = mesh.dump()
    data = plan(mesh)
    assert compare(before, mesh.dump()).counts[:3] == (0, 0, 0), "nothing was written"
    assert (data["from"], data["to"], data["blocked"]) == (OLD, NEW, False)
    versions = data["versions"]
    assert versions["controlPlanes"] == [{"revision": "default", "version": OLD, "ready": 1, "wanted": 1}]
    assert versions["proxies"] == {OLD: 3}, "two sidecars and a gateway"
    assert (versions["client"], versions["kubernetes"]) == (NEW, "v1.34.4")
    installation = data["installation"]
    assert installation["methods"] == ["istioctl"]
    assert [(each["part"], each["version"]) for each in installation["components"]] == [
        ("control plane", OLD),
        ("gateway", OLD),
    ]
    assert not found(data, "blocker")
    assert found(data)["single-replica"]
    assert data["skipped"] == [], "every check could be made, with the server's and istioctl's help"
    assert data["notes"][0]["lookedFor"] > 0
    assert next(each for each in data["phases"] if each["phase"] == "apply")["does"].startswith(
        "a snapshot, then istio"
    )


def test_the_plan_for_people(mesh: Mesh) -> None:
    out = mesh.plugin.ok("upgrade", "--to", NEW, "--plan", *istioctl()).out
    assert out.startswith(f"plan: upgrade {OLD} to {NEW}, cluster testbed (")
    for words in ("what will be done", "can I get back?", "back-proxies", "of 1 workload with 2 pods"):
        assert words in out


def test_a_skipped_minor_release_is_refused_with_the_way_around(mesh: Mesh) -> None:
    ran = mesh.plugin.ending(3, "upgrade", "--to", "1.31.0", "--plan", "-o", "json")
    assert found(ran.data, "blocker").keys() == {"jump-too-far"}
    assert found(ran.data)["jump-too-far"]["do"] == "go by way of 1.29, then 1.30, then 1.31"
    assert [each["release"] for each in ran.data["notes"]] == ["1.29", "1.30", "1.31"]
    assert "error: 1 blocker: nothing was changed" in ran.err
    mesh.plugin.ok("upgrade", "--to", "1.31.0", "--plan", "--ignore", "jump-too-far")


def test_a_downgrade_is_refused_until_it_is_meant(mesh: Mesh) -> None:
    ran = mesh.plugin.ending(3, "precheck", "--to", "1.27.9", "-o", "json")
    assert found(ran.data, "blocker").keys() == {"downgrade", "kubernetes-too-new"}
    mesh.plugin.ok("precheck", "--to", "1.27.9", "--ignore", "downgrade", "--ignore", "kubernetes-too-new")


class OtherKubernetes(Relay):
    """The API server, but for what it says of its own release."""

    def handle(self, exchange: Exchange) -> None:
        answer = exchange.forward()
        if exchange.asked.target.startswith("/version"):
            told = {**json.loads(answer.payload), "gitVersion": "v1.28.9", "minor": "28"}
            answer = Answered(200, json.dumps(told).encode(), answer.headers)
        exchange.reply(answer)


def test_an_unsupported_kubernetes_is_refused(mesh: Mesh, tmp_path: Path) -> None:
    relay = OtherKubernetes(mesh.plane)
    try:
        plugin = replace(mesh.plugin, kubeconfig=relay.kubeconfig(tmp_path / "relayed"))
        ran = plugin.ending(3, "precheck", "--to", NEW, *istioctl(), "-o", "json")
    finally:
        relay.close()
    blockers = found(ran.data, "blocker")
    assert "supports Kubernetes 1.31 to 1.35, and this is 1.28.9" in blockers["kubernetes-too-old"]["message"]


@contextmanager
def reader(mesh: Mesh) -> Iterator[Mesh]:
    """The same mesh for somebody with the roles for reading."""
    roles = mesh.plugin.ok("rbac", "--read-only", "--for", "user:reader").out
    mesh.kubectl("apply", "-f-", manifest=roles)
    try:
        yield replace(mesh, plugin=replace(mesh.plugin, kubeconfig=mesh.plane.kubeconfig_for("reader")))
    finally:
        mesh.kubectl("delete", "-f-", manifest=roles)


def test_a_missing_permission_is_refused_by_name(mesh: Mesh) -> None:
    with reader(mesh) as readers:
        data = plan(readers, code=3)
    blockers = found(data, "blocker")
    named = {each["name"] for each in blockers["permission-missing"]["objects"]}
    assert "patch deployments.apps in namespace istio-system" in named
    assert "IST0141" in blockers, "istioctl misses some of them, too"
    assert {each["check"] for each in data["skipped"]} >= {"istioctl version"}, "port forwards take more than reading"


@contextmanager
def proxy_of(mesh: Mesh, version: str) -> Iterator[None]:
    """A pod whose proxy somebody has chosen, beside those that istiod has injected."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "stray",
            "namespace": "shop",
            "labels": {"sidecar.istio.io/inject": "false", "service.istio.io/canonical-name": "stray"},
        },
        "spec": {"containers": [{"name": "istio-proxy", "image": f"docker.io/istio/proxyv2:{version}"}]},
    }
    mesh.kubectl("apply", "-f-", manifest=json.dumps(pod))
    try:
        yield
    finally:
        mesh.kubectl("delete", "pod", "stray", "-n", "shop", "--now")


@pytest.mark.parametrize(("version", "code"), [("1.30.1", "proxy-newer"), ("1.26.2", "proxy-too-old")])
def test_a_proxy_that_is_too_far_from_the_target_is_refused(mesh: Mesh, version: str, code: str) -> None:
    with proxy_of(mesh, version):
        data = plan(mesh, code=3)
    assert about(found(data, "blocker")[code]) == ["Pod shop/stray"]
    assert data["versions"]["proxies"] == {OLD: 3, version: 1}


def test_a_change_that_concerns_an_object_names_it(mesh: Mesh) -> None:
    assert "circuit-breaker-metrics" not in found(plan(mesh))
    mesh.kubectl("apply", "--server-side", "-f-", manifest=BREAKER)
    data = plan(mesh)
    assert about(found(data)["circuit-breaker-metrics"]) == ["DestinationRule shop/breaker"]
    assert data["notes"][0]["concern"] == 1


def test_precheck_has_istioctls_findings_in_its_table(mesh: Mesh) -> None:
    for version in (OLD, NEW):
        mesh.plugin.ok("precheck", *istioctl(version), "-o", "json")
    mesh.kubectl("apply", "--server-side", "-f-", manifest=LOST)
    data = mesh.plugin.ok("precheck", "--to", NEW, *istioctl(), "-o", "json").data
    lost = [each for each in data["findings"] if each["code"] == "IST0101"]
    assert lost
    assert {each["severity"] for each in lost} == {"warning"}, "a fault of today is not one of the upgrade"
    assert all("lost" in each["objects"][0]["name"] for each in lost)


def test_precheck_refuses_while_nobody_validates(mesh: Mesh) -> None:
    mesh.istiod.kill_istiod()
    try:
        mesh.kubectl(
            "wait", "--for=condition=Available=false", "deployment/istiod", "-n", "istio-system", "--timeout=60s"
        )
        ran = mesh.plugin.ending(3, "precheck", "--to", NEW, *istioctl(), "-o", "json")
    finally:
        mesh.istiod.revive()
        mesh.istiod.wait_ready(OLD)
    blockers = found(ran.data, "blocker")
    assert {"control-plane-down", "webhook-dead"} <= blockers.keys()
    assert "istioctl version" in {each["check"] for each in ran.data["skipped"]}


def test_an_istioctl_of_another_release_is_refused(mesh: Mesh) -> None:
    ran = mesh.plugin.ending(3, "upgrade", "--to", NEW, "--plan", *istioctl(OLD))
    assert f"is of {OLD}, and what is needed is istioctl {NEW}" in ran.err
    assert ran.out == ""


@contextmanager
def mirror(folder: Path, release: str) -> Iterator[str]:
    """A release address on this machine, with the real istioctl."""
    name = archive_name(Release.parse(release) or Release(0, 0))
    place = folder / release
    place.mkdir(parents=True)
    with tarfile.open(place / name, "w:gz", compresslevel=1) as tar:
        tar.add(istioctl_path(release), "istioctl")
    digest = hashlib.sha256((place / name).read_bytes()).hexdigest()
    (place / f"{name}.sha256").write_text(f"{digest}  {name}\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""


def test_the_real_istioctl_is_fetched_and_used(mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISTIOCTL", raising=False)
    with mirror(tmp_path / "mirror", NEW) as url:  # before the next line: the test bed has its cache there, too
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        ran = mesh.plugin.ok("precheck", "--to", NEW, "--download", "--releases", url, "-o", "json")
    assert ran.data["versions"]["client"] == NEW
    assert ran.data["skipped"] == []
    assert f"fetching {url}/{NEW}/" in ran.err


def test_a_mesh_that_helm_installed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        mesh = helm_story.begin(stack, tmp_path)
        data = plan(mesh)
        ignored = [word for code in found(data, "blocker") for word in ("--ignore", code)]
        ran: Ran = mesh.plugin.ok("upgrade", "--to", NEW, "--plan", *istioctl(), *ignored)
    assert data["installation"]["methods"] == ["Helm"]
    releases = {(each["name"], each["chart"], each["version"]) for each in data["installation"]["releases"]}
    installed = {("istio-base", "base", OLD), ("istiod", "istiod", OLD), ("istio-ingress", "gateway", OLD)}
    assert releases == installed
    apply = next(each for each in data["phases"] if each["phase"] == "apply")
    assert "helm upgrade of istio-base (base), istiod (istiod), istio-ingress (gateway)" in apply["does"]
    assert "back-records" in {each["code"] for each in data["wayBack"]}
    assert "by Helm: control plane" in ran.out
