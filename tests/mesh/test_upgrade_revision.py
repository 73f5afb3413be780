"""A control plane of a revision that is there already is upgraded with its own settings, and gateways keep theirs.

Planned and tried on the server only: the test bed gives the pod of a third istiod an address that is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.models.objects import Body
from tests.controlplane import install_istio
from tests.support.cli import Ran

from .mesh import NEW, OLD, Mesh
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
UPGRADE = ("upgrade", "--to", NEW, "--revision", "canary", "--dry-run")


@dataclass(frozen=True)
class Planned:
    """What the plugin said, and the settings that it would install with."""

    ran: Ran
    spec: Body


@dataclass(frozen=True)
class Story:
    """Both upgrades, of the control plane alone and with the gateways."""

    alone: Planned
    with_gateways: Planned


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("revision")
    with installed_by_istioctl(folder, *SETTINGS) as mesh:
        install_istio(mesh.plane, OLD, *OWN)
        yield Story(planned(mesh, folder / "alone"), planned(mesh, folder / "with", "--with-gateways"))


def planned(mesh: Mesh, folder: Path, *arguments: str) -> Planned:
    ran = mesh.plugin.ok(*UPGRADE, "--to-dir", str(folder), *arguments)
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
