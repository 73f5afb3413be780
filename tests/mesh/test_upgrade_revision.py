"""A control plane of a revision that is there already is upgraded with its own settings, and gateways keep theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.controlplane import install_istio
from tests.support.cli import Ran

from .comparison import Dump
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import SETTINGS, installed_by_istioctl

pytestmark = pytest.mark.mesh

OWN = (
    "--set", "revision=canary",
    "--set", "components.ingressGateways[0].name=istio-ingressgateway",
    "--set", "components.ingressGateways[0].enabled=false",
    "--set", "meshConfig.accessLogEncoding=JSON",
    "--set", "components.pilot.k8s.resources.requests.cpu=20m",
)  # fmt: skip
"""Of the canary; the control plane beside it has `SETTINGS`."""
UPGRADE = ("upgrade", "--to", NEW, "--revision", "canary", "--yes")


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    before: Dump
    in_place: Ran
    upgraded: Dump
    with_gateways: Ran
    moved: Dump


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed_by_istioctl(tmp_path_factory.mktemp("revision"), *SETTINGS) as mesh:
        yield _tell(mesh)


def _tell(mesh: Mesh) -> Story:
    install_istio(mesh.plane, OLD, *OWN)
    before = settled(mesh)
    in_place = mesh.plugin.ok(*UPGRADE)
    mesh.istiod.wait_ready(NEW)
    mesh.kubectl("rollout", "status", "deployment/istiod-canary", "-n", "istio-system", "--timeout=90s")
    upgraded = settled(mesh)
    with_gateways = mesh.plugin.ok(*UPGRADE, "--with-gateways")
    return Story(before, in_place, upgraded, with_gateways, settled(mesh))


def has_its_own_settings(found: Dump) -> bool:
    container = found["deployments.apps istio-system/istiod-canary"]["spec"]["template"]["spec"]["containers"][0]
    mesh = found["configmaps istio-system/istio-canary"]["data"]["mesh"]
    assert container["image"].endswith(f":{NEW}")
    assert container["resources"]["requests"]["cpu"] == "20m"
    assert "accessLogEncoding: JSON" in mesh
    return "accessLogFile" not in mesh


def test_that_very_control_plane_is_upgraded_with_its_own_settings(story: Story) -> None:
    assert has_its_own_settings(story.upgraded)
    assert f"proved: istioctl {OLD} would change nothing with them" in story.in_place.err
    assert "will not survive" not in story.in_place.err


def test_the_one_beside_it_and_the_gateways_stay_as_they_are(story: Story) -> None:
    for name in ("istiod", "istio-ingressgateway"):
        name = f"deployments.apps istio-system/{name}"
        assert story.upgraded[name]["spec"] == story.before[name]["spec"]


def test_gateways_move_with_their_own_settings_and_the_control_plane_keeps_its(story: Story) -> None:
    assert has_its_own_settings(story.moved)
    gateway = story.moved["deployments.apps istio-system/istio-ingressgateway"]
    assert gateway["metadata"]["labels"]["istio.io/rev"] == "canary"
    assert story.moved["services istio-system/istio-ingressgateway"]["spec"]["type"] == "ClusterIP"
    assert f"proved: istioctl {NEW} and {OLD} would change nothing with them" in story.with_gateways.err
    name = "deployments.apps istio-system/istiod"
    assert story.moved[name]["spec"] == story.before[name]["spec"]
