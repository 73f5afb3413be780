"""A canary: a second control plane, namespaces and gateways led to it, the first removed; and all of it taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import installed_by_istioctl
from .workloads import wait_for

pytestmark = pytest.mark.mesh

REVISION = "canary"
UPGRADE = ("upgrade", "--to", NEW, "--revision", REVISION, "--yes")


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    before: Dump
    beside: Dump
    istiods: list[str]
    early: Ran
    first: Ran
    images_before: str
    silent: Ran
    """Promoted while the canary runs nowhere."""
    images_after: str
    too_early: Ran
    astray: Ran
    preview: Ran
    alone: list[str]
    rollback: Ran
    back: Dump
    images_back: str


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with installed_by_istioctl(
        tmp_path_factory.mktemp("canary"), "--set", "meshConfig.accessLogFile=/dev/stdout"
    ) as mesh:
        yield _tell(mesh)


def _tell(mesh: Mesh) -> Story:
    before = settled(mesh)
    mesh.plugin.ok("snapshot", "--name", "start")
    early = mesh.plugin.ending(2, "promote", REVISION, "--yes")
    first = mesh.plugin.ok(*UPGRADE, "-o", "json")
    beside, istiods, images_before = settled(mesh), sorted(mesh.istiod.versions()), _images(mesh)
    mesh.kubectl("scale", f"deployment/istiod-{REVISION}", "-n", "istio-system", "--replicas=0")
    wait_for(lambda: NEW not in mesh.istiod.versions())
    silent = mesh.plugin.ending(3, "promote", REVISION, "--yes")
    mesh.kubectl("scale", f"deployment/istiod-{REVISION}", "-n", "istio-system", "--replicas=1")
    mesh.istiod.wait_ready(NEW)
    mesh.plugin.ok("promote", REVISION, "-n", "shop", "--yes")
    mesh.plugin.ok("restart", "-n", "shop", "--yes")
    images_after = _images(mesh)
    too_early = mesh.plugin.ending(3, "retire", "default", "--yes")
    mesh.plugin.ok(*UPGRADE, "--with-gateways")
    mesh.plugin.ok("promote", REVISION, "--yes")
    astray = mesh.plugin.ending(3, "promote", "default", "-n", "shop", "--yes")
    settled(mesh)
    preview = mesh.plugin.ok("retire", "default", "--dry-run")
    mesh.plugin.ok("retire", "default", "--yes")
    settled(mesh)
    alone = mesh.istiod.versions()
    rollback = mesh.plugin.ok("rollback", "start", "--yes", "-o", "json")
    return Story(
        before,
        beside,
        istiods,
        early,
        first,
        images_before,
        silent,
        images_after,
        too_early,
        astray,
        preview,
        alone,
        rollback,
        settled(mesh),
        _images(mesh),
    )


def _images(mesh: Mesh) -> str:
    path = "jsonpath={.items[*].spec['containers','initContainers'][?(@.name=='istio-proxy')].image}"
    return mesh.kubectl(
        "get", "pods", "-n", "shop", "-l", "app=web", "--field-selector=status.phase=Running", "-o", path
    )


def test_a_revision_that_is_not_there_cannot_be_promoted(story: Story) -> None:
    assert "there is no control plane of revision 'canary'" in story.early.err
    assert "there are default" in story.early.err


def test_the_new_control_plane_comes_beside_the_old_one_and_changes_neither_gateways_nor_injection(
    story: Story,
) -> None:
    assert story.istiods == [OLD, NEW]
    assert set(story.images_before.split()) == {f"docker.io/istio/proxyv2:{OLD}"}
    name = "deployments.apps istio-system/istio-ingressgateway"
    assert story.beside[name]["spec"] == story.before[name]["spec"]
    name = "deployments.apps istio-system/istiod"
    assert story.beside[name]["spec"] == story.before[name]["spec"]


def test_nothing_is_restarted_before_it_is_promoted(story: Story) -> None:
    assert (story.first.data["plan"]["foreseen"], story.first.data["proof"]["restarted"]) == ([], 0)


def test_nothing_is_led_to_a_control_plane_that_does_not_answer(story: Story) -> None:
    assert f"service istio-system/istiod-{REVISION}, to which it would lead, has no ready endpoint" in story.silent.err
    assert "nothing was changed" in story.silent.err


def test_a_promoted_namespace_gets_its_proxies_from_the_new_control_plane(story: Story) -> None:
    assert set(story.images_after.split()) == {f"docker.io/istio/proxyv2:{NEW}"}


def test_a_control_plane_in_use_is_not_retired_and_its_users_are_named(story: Story) -> None:
    assert "still in use" in story.too_early.err
    assert "istio-ingressgateway" in story.too_early.err
    assert "tag default" in story.too_early.err


def test_a_namespace_is_not_promoted_to_a_control_plane_from_which_the_tag_leads_away(story: Story) -> None:
    assert "istio-revision-tag-default leads to revision 'canary'; nothing was changed" in story.astray.err.replace(
        "\n", " "
    )


def test_what_will_be_removed_is_shown_first_and_is_only_the_control_plane_itself(story: Story) -> None:
    assert "delete   Deployment istio-system/istiod" in story.preview.out
    assert "CustomResourceDefinition" not in story.preview.out
    assert "ingressgateway" not in story.preview.out
    assert story.alone == [NEW]


def test_the_canary_stays_until_the_workloads_have_gone_back_to_the_old_control_plane(story: Story) -> None:
    changes = story.rollback.data["plan"]["changes"]
    writes = [(each["action"], each["name"]) for each in changes if each["action"] != "keep"]
    back = writes.index(("restart", "web"))
    assert writes.index(("create", "istiod")) < back
    canarys = [number for number, (action, name) in enumerate(writes) if action == "delete" and REVISION in name]
    assert len(canarys) > 5
    assert min(canarys) > back
    assert writes[min(canarys)][1] in ("istio-sidecar-injector-canary", "istio-validator-canary-istio-system")
    assert set(story.images_back.split()) == {f"docker.io/istio/proxyv2:{OLD}"}


def test_all_of_it_is_taken_back(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    found = compare(story.before, story.back)
    assert found.counts[:3] == (0, 0, 0), str(found)
