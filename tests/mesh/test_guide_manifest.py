"""Steps 4 and 5 of the guide: every option of its template in the manifest, and what there is to review."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .mesh import NEW, Mesh
from .upgrades import installed_by_istioctl

pytestmark = pytest.mark.mesh

TEMPLATE = (
    "profile=default",
    "values.cni.enabled=true",
    "components.cni.enabled=true",
    "values.cni.chained=false",
    "hub=registry.example.com/istio",
    "tag=1.29.1-distroless",
    "values.global.imagePullSecrets[0]=registry-secret",
    "components.pilot.k8s.securityContext.runAsUser=1337",
    "components.pilot.k8s.securityContext.runAsGroup=1337",
    "components.pilot.k8s.securityContext.runAsNonRoot=true",
    "values.gateways.istio-ingressgateway.type=NodePort",
)
"""The guide's command, and beside its `values.cni.enabled`, which installs nothing, the component."""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with installed_by_istioctl(tmp_path_factory.mktemp("guide")) as mesh:
        yield mesh


def settings(*texts: str) -> list[str]:
    return [word for text in texts for word in ("--set", text)]


def test_every_option_of_the_guides_template_is_in_the_manifest_and_in_the_review(mesh: Mesh, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = mesh.plugin.ok("upgrade", "--to", NEW, "--dry-run", "--to-dir", str(out), *settings(*TEMPLATE))

    objects = [each for file in out.rglob("*.yaml") for each in yaml.safe_load_all(file.read_text()) if each]
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects if "metadata" in each}
    pod = found["Deployment", "istiod"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "registry.example.com/istio/pilot:1.29.1-distroless"
    assert pod["securityContext"] == {"runAsUser": 1337, "runAsGroup": 1337, "runAsNonRoot": True}
    assert found["ServiceAccount", "istiod"]["imagePullSecrets"] == [{"name": "registry-secret"}]
    assert found["Service", "istio-ingressgateway"]["spec"]["type"] == "NodePort"
    assert found["ConfigMap", "istio-cni-config"]["data"]["CHAINED_CNI_PLUGIN"] == "false"
    assert ("DaemonSet", "istio-cni-node") in found

    said = " ".join(ran.err.split())
    assert "warning: values.cni.enabled: installs no CNI plugin: set components.cni.enabled=true" in said
    looked_at = " ".join(ran.err[ran.err.index("to look at:") :].split())
    for words in (
        "istiod discovery: docker.io/istio/pilot:1.28.3 then registry.example.com/istio/pilot:1.29.1-distroless",
        "istiod service account: none then registry-secret",
        "istiod pod: none then runAsGroup 1337, runAsNonRoot, runAsUser 1337",
        "istio-ingressgateway: LoadBalancer then NodePort",
        "plugin: none yet then standalone",
        "image: docker.io/istio/proxyv2:1.28.3 then registry.example.com/istio/proxyv2:1.29.1-distroless",
    ):
        assert words in looked_at


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("components.pilots.enabled=true", 'unknown field "pilots"'),
        ("values.global.proxy.runAsUser=1337", "hint: values.global.proxy.runAsUser: what a proxy may do"),
        ("profile=no-such-profile", "no-such-profile"),
    ],
)
def test_settings_that_the_target_does_not_know_are_refused_before_anything(
    mesh: Mesh, setting: str, words: str
) -> None:
    """The second is what the guide warns of: security contexts of proxies are not set by values any more."""
    before: Any = mesh.kubectl("get", "deployments", "-A", "-o", "yaml")
    ran = mesh.plugin.ending(3, "upgrade", "--to", NEW, "--yes", *settings(setting))
    assert words in ran.err
    assert mesh.kubectl("get", "deployments", "-A", "-o", "yaml") == before


def test_a_setting_that_keeps_an_image_at_the_old_release_is_refused_with_the_one_that_settles_it(mesh: Mesh) -> None:
    ran = mesh.plugin.ending(3, "upgrade", "--to", NEW, "--yes", *settings("values.pilot.tag=1.28"))
    assert "  Deployment istio-system/istiod (istiod): docker.io/istio/pilot:1.28\nhint: " in ran.err
    assert "hint: --set values.pilot.tag=1.29.1\n" in ran.err
    assert "--ignore image-of-another-release" in ran.err
    mesh.plugin.ok("upgrade", "--to", NEW, "--dry-run", *settings("values.pilot.tag=1.28", "values.pilot.tag=1.29.1"))


def test_a_folder_that_is_a_file_is_refused_before_anything(mesh: Mesh, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    ran = mesh.plugin("upgrade", "--to", NEW, "--yes", "--to-dir", str(taken))
    assert ran.code == 3, ran.err
    assert str(taken) in ran.err
    assert taken.read_text() == "mine"
    assert "1.28.3" in mesh.kubectl("get", "deployment", "istiod", "-n", "istio-system", "-o", "yaml")
