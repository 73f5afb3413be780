"""The tool adapters against the real istioctl of both releases, a real istiod, and the real helm."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.tools.finding import Candidate, Places, find_helm, find_istioctl
from kubectl_istio_upgrade.adapters.tools.helm import HelmProgram
from kubectl_istio_upgrade.adapters.tools.istioctl import IstioctlProgram
from kubectl_istio_upgrade.adapters.tools.process import Program
from kubectl_istio_upgrade.adapters.tools.reach import Destination, kubeconfig_for
from kubectl_istio_upgrade.errors import ToolError
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.models.settings import HelmRelease
from kubectl_istio_upgrade.models.tools import ControlPlaneVersion, Level
from kubectl_istio_upgrade.operations.upgrading.by_helm import chart_sources
from tests.controlplane.build import ensure_built, istioctl_path

from .mesh import NEW, OLD, Mesh

pytestmark = pytest.mark.mesh

NAMESPACE = "istio-system"
LOST = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: lost, namespace: shop}
spec: {hosts: [lost], gateways: [nowhere], http: [{route: [{destination: {host: nowhere}}]}]}
"""


def destination(mesh: Mesh, user: str = "admin", **more: object) -> Destination:
    path = mesh.plane.kubeconfig_for(user)
    return Destination((path,), "testbed", "testbed", user, "default", **more)  # type: ignore[arg-type]


@pytest.fixture(params=[OLD, NEW])
def istioctl(request: pytest.FixtureRequest, mesh: Mesh) -> Iterator[IstioctlProgram]:
    with kubeconfig_for(destination(mesh)) as environment:
        program = Program(istioctl_path(request.param), environment)
        yield IstioctlProgram(program, request.param, NAMESPACE)


def test_the_real_programs_say_what_they_are(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    for release in (OLD, NEW):
        path = istioctl_path(release)
        monkeypatch.setenv("PATH", str(path.parent))
        monkeypatch.delenv("ISTIOCTL", raising=False)
        wanted = Release.parse(release)
        assert find_istioctl(Places("istioctl"), wanted, hint="") == Candidate(path, "PATH", wanted)
    helm = ensure_built("helm")["helm"]
    monkeypatch.setenv("PATH", str(helm.parent))
    assert find_helm(Places("helm"), hint="").release == Release(4, 3, 1)


def test_versions_of_client_and_control_plane(istioctl: IstioctlProgram) -> None:
    found = istioctl.versions(["default"])
    assert found.client == istioctl.version
    assert found.control_plane == (ControlPlaneVersion("pilot", "default", OLD),)
    assert found.unreached == ""


def test_istioctl_itself_is_no_proxy(istioctl: IstioctlProgram) -> None:
    """It connects as one for `proxy-status`, and istiod counts it for a while."""
    for _ in range(3):
        assert istioctl.proxy_status(["default"]) == ()
        assert istioctl.versions(["default"]).proxies == {}


def test_a_revision_that_is_not_there_is_not_reached(istioctl: IstioctlProgram) -> None:
    found = istioctl.versions(["elsewhere"])
    assert (found.control_plane, found.proxies) == ((), {})
    assert "no running Istio pods" in found.unreached
    with pytest.raises(ToolError, match="no running Istio pods"):
        istioctl.proxy_status(["elsewhere"])


def test_a_clean_precheck_finds_nothing(istioctl: IstioctlProgram) -> None:
    assert istioctl.precheck() == ()


def test_analyze_finds_what_is_wrong_behind_its_own_log(istioctl: IstioctlProgram, mesh: Mesh) -> None:
    mesh.kubectl("apply", "--server-side", "-f-", manifest=LOST)
    found = {(each.code, each.level, each.origin) for each in istioctl.analyze("default")}
    assert ("IST0101", Level.ERROR, "VirtualService lost.shop") in found or (
        "IST0101",
        Level.ERROR,
        "VirtualService shop/lost",
    ) in found, found


def test_whoever_may_do_nothing_gets_a_reason_and_no_clean_answer(mesh: Mesh) -> None:
    for release in (OLD, NEW):
        with kubeconfig_for(destination(mesh, "nobody")) as environment:
            nobody = IstioctlProgram(Program(istioctl_path(release), environment), release, NAMESPACE)
            for ask in (nobody.precheck, nobody.analyze):
                with pytest.raises(ToolError, match="is forbidden"):
                    ask()
            started = time.monotonic()
            assert "is forbidden" in nobody.versions(["default"]).unreached
            assert time.monotonic() - started < 20, "with a revision it does not wait for what it may not see"


def test_it_impersonates_whom_it_is_told_to(mesh: Mesh) -> None:
    somebody = destination(mesh, as_user="jane")
    with kubeconfig_for(somebody) as environment:
        program = Program(istioctl_path(NEW), environment)
        jane = IstioctlProgram(program, NEW, NAMESPACE, somebody.istioctl_flags)
        with pytest.raises(ToolError, match='User "jane"'):
            jane.precheck()
        with pytest.raises(ToolError, match='User "jane"'):
            helm = Program(ensure_built("helm")["helm"], {**environment, **somebody.helm_variables})
            HelmProgram(helm, "4.3.1").values("istiod", NAMESPACE)


def test_the_choice_of_cluster_and_user_reaches_it(mesh: Mesh, tmp_path: Path) -> None:
    """As `--cluster` and `--user` would: neither is the context's own."""
    text = mesh.plane.kubeconfig.read_text().replace("current-context: testbed", "current-context: other")
    path = tmp_path / "kubeconfig"
    path.write_text(text.replace("- name: testbed\n  context:", "- name: unused\n  context:"))
    chosen = Destination((path,), "", "testbed", "admin", "default")
    with kubeconfig_for(chosen) as environment:
        assert environment["KUBECONFIG"].endswith(f"{os.pathsep}{path}")
        program = IstioctlProgram(Program(istioctl_path(NEW), environment), NEW, NAMESPACE)
        assert program.versions(["default"]).control_plane


def test_settings_are_rendered_and_nonsense_refused_in_its_own_words(istioctl: IstioctlProgram) -> None:
    body = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": {"profile": "minimal"}}
    kinds = {obj["kind"] for obj in istioctl.render(body)}
    assert {"Deployment", "CustomResourceDefinition", "ValidatingWebhookConfiguration"} <= kinds
    with pytest.raises(ToolError, match="refuses these settings"):
        istioctl.render({**body, "spec": {"profile": "no-such-profile"}})


def test_helm_asks_a_registry_for_the_chart_of_a_release() -> None:
    nowhere = chart_sources(None, "oci://127.0.0.1:1/charts", NEW)("istiod")
    helm = HelmProgram(Program(ensure_built("helm")["helm"], {}), "4.3.1")
    with pytest.raises(ToolError, match=re.escape(f"https://127.0.0.1:1/v2/charts/istiod/manifests/{NEW}")) as caught:
        helm.render(HelmRelease("istiod", NAMESPACE, "istiod", OLD), nowhere, {})
    assert "--charts" in str(caught.value.hint)
