"""A canary of an ambient mesh: the node agents stay, and keep the old istiod; then they go on with the mesh."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane import chart_path, wait_webhooks
from tests.support.cli import Ran

from .comparison import Dump, compare
from .helm_bed import charts, install_control_plane, variables
from .helm_story import NAMESPACE, HelmMesh, empty
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import installed_by_istioctl
from .workloads import wait_for

pytestmark = pytest.mark.mesh

REVISION = "canary"
AMBIENT = ("--set", "profile=ambient", "--set", "components.cni.k8s.podAnnotations.mine=kept")
ON = ("upgrade", "--to", NEW)
AGENTS = {name: f"daemonsets.apps istio-system/{name}" for name in ("istio-cni-node", "ztunnel")}


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    before: Dump
    planned: Any
    canary: Ran
    beside: Dump
    in_use: Ran
    moved: Ran
    after: Dump
    retired: Ran
    alone: list[str]
    again: Ran
    back: Dump


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed_by_istioctl(tmp_path_factory.mktemp("ambient"), *AMBIENT) as mesh:
        yield _tell(mesh)


def _tell(mesh: Mesh) -> Story:
    plugin, before = mesh.plugin, settled(mesh)
    plugin.ok("snapshot", "--name", "start")
    planned = plugin.ok(*ON, "--revision", REVISION, "--plan", "-o", "json").data
    canary = plugin.ok(*ON, "--revision", REVISION, "--yes", "-o", "json")
    beside = settled(mesh)
    plugin.ok("promote", REVISION, "--yes")
    plugin.ok("restart", "-n", "shop", "--yes")
    in_use = plugin.ending(3, "retire", "default", "--yes")
    moved = plugin.ok(*ON, "--yes", "-o", "json")
    after = settled(mesh)
    retired = plugin.ok("retire", "default", "--yes", "-o", "json")
    wait_for(lambda: OLD not in mesh.istiod.versions())  # its pod goes after its Deployment
    alone = mesh.istiod.versions()
    again = plugin.ok(*ON, "--yes", "-o", "json")
    plugin.ok("rollback", "start", "--yes")
    return Story(
        before, planned, canary, beside, in_use, moved, after, retired, alone, again, settled(mesh)
    )  # fmt: skip


def container(dump: Dump, agent: str) -> Any:
    return dump[AGENTS[agent]]["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_canary_changes_nothing_on_the_nodes(story: Story, agent: str) -> None:
    assert story.beside[AGENTS[agent]]["metadata"]["generation"] == 1
    assert story.beside[AGENTS[agent]] == story.before[AGENTS[agent]]


def test_its_sidecars_are_redirected_by_the_plugin_that_is_there(story: Story) -> None:
    values = json.loads(story.beside["configmaps istio-system/istio-sidecar-injector-canary"]["data"]["values"])
    assert values["pilot"]["cni"]["enabled"] is True


def test_that_they_stay_is_told_before_and_how_they_go_on(story: Story) -> None:
    (apply,) = (each["does"] for each in story.planned["phases"] if each["phase"] == "apply")
    assert apply.endswith("beside the present control plane, as revision canary; cni and ztunnel as they are")
    follow_ups = {each["command"]: each["why"] for each in story.canary.data["plan"]["followUps"]}
    assert follow_ups[f"kubectl istio-upgrade upgrade --to {NEW}"].startswith("it upgrades cni and ztunnel, of which")


def test_the_istiod_that_ztunnel_is_connected_to_is_not_retired(story: Story) -> None:
    said = " ".join(story.in_use.err.split())
    assert "DaemonSet istio-system/ztunnel: led to istiod.istio-system.svc by CA_ADDRESS, XDS_ADDRESS" in said
    assert f"ztunnel is led by its own template: `kubectl istio-upgrade upgrade --to {NEW}`" in said


@pytest.mark.parametrize("agent", AGENTS)
def test_the_upgrade_of_the_mesh_takes_them_along_with_their_settings(story: Story, agent: str) -> None:
    assert container(story.after, agent)["image"] == container(story.before, agent)["image"].replace(OLD, NEW)
    assert story.after[AGENTS[agent]]["metadata"]["labels"]["istio.io/rev"] == REVISION
    assert f"proved: istioctl {NEW} and {OLD} would change nothing with them" in story.moved.err
    assert "will not survive" not in story.moved.err


def test_what_nothing_records_of_them_is_kept(story: Story) -> None:
    assert story.after[AGENTS["istio-cni-node"]]["spec"]["template"]["metadata"]["annotations"]["mine"] == "kept"


def test_ztunnel_goes_over_to_the_new_istiod_and_the_old_one_may_go(story: Story) -> None:
    env = {each["name"]: each.get("value") for each in container(story.after, "ztunnel")["env"]}
    assert {env["XDS_ADDRESS"], env["CA_ADDRESS"]} == {"istiod-canary.istio-system.svc:15012"}
    assert story.retired.data["proof"]["holds"]
    assert story.alone == [NEW]


def test_from_then_on_there_is_nothing_left_to_change(story: Story) -> None:
    assert story.again.data["plan"]["changes"] == []


def test_all_of_it_is_taken_back(story: Story) -> None:
    found = compare(story.before, story.back)
    assert found.counts[:3] == (0, 0, 0), str(found)


PLUGIN = (
    "--set", "components.cni.enabled=true",
    "--set", "values.cni.repair.labelPods=true",
    "--set", "components.cni.k8s.podAnnotations.mine=kept",
    "--set", "components.ingressGateways[0].name=istio-ingressgateway",
    "--set", "components.ingressGateways[0].enabled=false",
)  # fmt: skip


def test_an_agent_whose_control_plane_is_gone_is_upgraded_with_the_mesh_all_the_same(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing keeps that one from being retired: only ztunnel is connected to an istiod."""
    with installed_by_istioctl(tmp_path_factory.mktemp("plugin"), *PLUGIN) as mesh:
        plugin, before = mesh.plugin, settled(mesh)
        plugin.ok(*ON, "--revision", REVISION, "--yes")
        plugin.ok("promote", REVISION, "--yes")
        plugin.ok("restart", "-n", "shop", "--yes")
        plugin.ok("retire", "default", "--yes")
        left = settled(mesh)
        moved = plugin.ok(*ON, "--yes", "-o", "json")
        after = settled(mesh)
        again = plugin.ok(*ON, "--yes", "-o", "json")
    assert left[AGENTS["istio-cni-node"]] == before[AGENTS["istio-cni-node"]]
    assert container(after, "istio-cni-node")["image"].endswith(f"install-cni:{NEW}")
    assert after[AGENTS["istio-cni-node"]]["spec"]["template"]["metadata"]["annotations"]["mine"] == "kept"
    assert after["configmaps istio-system/istio-cni-config"]["data"]["REPAIR_LABEL_PODS"] == "true"
    assert f"proved: istioctl {NEW} and {OLD} would change nothing with them" in moved.err
    assert "will not survive" not in moved.err
    assert again.data["plan"]["changes"] == []


def test_on_a_helm_mesh_ztunnel_is_led_over_by_its_value_and_upgraded_with_the_rest(tmp_path: Path) -> None:
    with empty(tmp_path / "store.git", variables(tmp_path / "bin")) as mesh:
        install_control_plane(mesh, "--set", "profile=ambient")
        images = ("--set", "hub=docker.io/istio", "--set", f"tag={OLD}")
        mesh.plane.helm("install", "ztunnel", str(chart_path(OLD, "ztunnel")), "-n", NAMESPACE, *images)
        fetched = charts(tmp_path / "charts")
        (fetched / f"ztunnel-{NEW}.tgz").symlink_to(chart_path(NEW, "ztunnel"))
        before = settled(mesh)
        canary = mesh.plugin.ok(*ON, "--revision", REVISION, "--yes", "-o", "json", "--charts", str(fetched))
        mesh.istiod.wait_ready(NEW)
        beside = settled(mesh)
        in_use = mesh.plugin.ending(3, "retire", "default", "--yes")
        lead(mesh, in_use.err)
        mesh.plugin.ok("retire", "default", "--yes")
        mesh.plugin.ok(*ON, "--yes", "--charts", str(fetched))
        after = settled(mesh)
    assert beside[AGENTS["ztunnel"]] == before[AGENTS["ztunnel"]]
    assert [each["command"] for each in canary.data["plan"]["followUps"]] == [
        f"kubectl istio-upgrade upgrade --to {NEW}"
    ]
    assert "DaemonSet istio-system/ztunnel: led to istiod.istio-system.svc by" in in_use.err
    assert container(after, "ztunnel")["image"] == f"docker.io/istio/ztunnel:{NEW}"
    env = {each["name"]: each.get("value") for each in container(after, "ztunnel")["env"]}
    assert {env["XDS_ADDRESS"], env["CA_ADDRESS"]} == {"istiod-canary.istio-system.svc:15012"}


def lead(mesh: HelmMesh, hint: str) -> None:
    """The commands of a hint, with the charts that it leaves to the user."""
    chosen = {"istio-base": chart_path(NEW, "base"), "ztunnel": chart_path(OLD, "ztunnel")}
    commands = [command.split() for command in re.findall(r"`helm (upgrade [^`]+)`", hint)]
    assert {command[1] for command in commands} == set(chosen)
    for command in commands:
        mesh.plane.helm(*(str(chosen[command[1]]) if word == "CHART" else word for word in command))
    mesh.kubectl("rollout", "status", "daemonset/ztunnel", "-n", NAMESPACE, "--timeout=120s")
    wait_webhooks(mesh.plane)
