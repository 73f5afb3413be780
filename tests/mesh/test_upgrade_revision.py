"""A control plane of a revision that is there already is upgraded with its own settings, and gateways keep theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.models.objects import Body
from tests.controlplane import install_istio
from tests.support.cli import Ran

from .comparison import Dump, compare
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
UPGRADE = ("upgrade", "--to", NEW, "--revision", "canary")


@dataclass(frozen=True)
class Planned:
    """What the plugin said, and the settings that it would install with."""

    ran: Ran
    spec: Body


@dataclass(frozen=True)
class Story:
    """Both upgrades, of the control plane alone and with the gateways; then the first of them for real, and back."""

    alone: Planned
    with_gateways: Planned
    before: Dump
    upgrade: Ran
    upgraded: Dump
    istiods: list[str]
    back: Dump


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("revision")
    with installed_by_istioctl(folder, *SETTINGS) as mesh:
        install_istio(mesh.plane, OLD, *OWN)
        mesh.istiod.wait_ready(OLD)
        alone = planned(mesh, folder / "alone")
        with_gateways = planned(mesh, folder / "with", "--with-gateways")
        before = settled(mesh)
        upgrade = mesh.plugin.ok(*UPGRADE, "--yes", "-o", "json")
        mesh.istiod.wait_ready(NEW)
        upgraded, istiods = settled(mesh), mesh.istiod.versions()
        mesh.plugin.ok("rollback", "--yes")
        yield Story(alone, with_gateways, before, upgrade, upgraded, istiods, settled(mesh))


def planned(mesh: Mesh, folder: Path, *arguments: str) -> Planned:
    ran = mesh.plugin.ok(*UPGRADE, "--dry-run", "--to-dir", str(folder), *arguments)
    return Planned(ran, yaml.safe_load((folder / "istio-operator.yaml").read_text())["spec"])


@pytest.mark.parametrize("which", ["alone", "with_gateways"])
def test_that_very_control_plane_is_upgraded_with_its_own_settings(story: Story, which: str) -> None:
    found: Planned = getattr(story, which)
    assert (found.spec["revision"], found.spec["tag"]) == ("canary", NEW)
    assert found.spec["meshConfig"] == {"accessLogEncoding": "JSON"}
    pilot = found.spec["components"]["pilot"]["k8s"]
    assert pilot["resources"]["requests"]["cpu"] == "20m"
    assert "nodeSelector" not in pilot, "a setting of the other one"
    assert f"proved: istioctl {OLD} would change nothing with them" in found.ran.err
    assert "will not survive" not in found.ran.err


def test_gateways_stay_where_they_are_unless_they_are_asked_for(story: Story) -> None:
    (gateway,) = story.alone.spec["components"]["ingressGateways"]
    assert gateway == {"name": "istio-ingressgateway", "enabled": False}
    assert "update   Deployment istio-system/istio-ingressgateway" not in story.alone.ran.out


def test_gateways_that_move_bring_their_own_settings(story: Story) -> None:
    (gateway,) = story.with_gateways.spec["components"]["ingressGateways"]
    assert (gateway["name"], gateway["enabled"]) == ("istio-ingressgateway", True)
    assert story.with_gateways.spec["values"]["gateways"]["istio-ingressgateway"]["type"] == "ClusterIP"
    assert "Deployment istio-system/istio-ingressgateway" in story.with_gateways.ran.out


def test_it_is_upgraded_beside_the_other_one_which_stays_as_it_is(story: Story) -> None:
    assert story.upgrade.data["proof"]["holds"]
    assert story.istiods == [OLD, NEW]
    mesh = story.upgraded["configmaps istio-system/istio-canary"]["data"]["mesh"]
    assert "accessLogEncoding: JSON" in mesh
    changed = compare(story.before, story.upgraded).changed
    assert not {"deployments.apps istio-system/istiod", "configmaps istio-system/istio"} & set(changed)


def test_and_goes_back(story: Story) -> None:
    found = compare(story.before, story.back)
    assert found.counts[:3] == (0, 0, 0), str(found)
