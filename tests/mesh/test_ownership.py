"""After a rollback, whoever installed the mesh goes on with it as if nothing had been: Helm, and istioctl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.controlplane import TestbedError

from .comparison import compare, managers
from .helm_story import CHARTS, HelmStory, SealedStory, begin, tell, tell_sealed
from .mesh import ACCESS_LOG, NEW, OLD, START, Mesh, settled

pytestmark = pytest.mark.mesh

US = "kubectl-istio-upgrade"
READER = "serviceaccounts istio-system/istio-reader-service-account"
IMAGES = ("--set", "hub=docker.io/istio", "--set")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelmStory]:
    with ExitStack() as stack:
        yield tell(begin(stack, tmp_path_factory.mktemp("helm")))


@pytest.fixture(scope="module")
def sealed(story: HelmStory, tmp_path_factory: pytest.TempPathFactory) -> SealedStory:
    return tell_sealed(story.mesh, tmp_path_factory.mktemp("sealed"))


def records(*revisions: int) -> set[str]:
    """The Secrets in which Helm keeps these revisions of every release."""
    return {f"secrets istio-system/sh.helm.release.v1.{release}.v{each}" for release in CHARTS for each in revisions}


def test_the_helm_story_is_what_it_claims(story: HelmStory) -> None:
    upgrade = compare(story.before, story.upgraded)
    assert set(upgrade.added) == records(2)
    assert upgrade.removed == (READER,)
    assert len(upgrade.changed) > 30
    applied = {
        owner["operation"]
        for owner in story.before["deployments.apps istio-system/istiod"]["metadata"]["managedFields"]
        if owner["manager"] == "helm"
    }
    assert applied == {"Apply"}, "Helm 4 applies server-side"


def test_a_helm_mesh_goes_back_but_for_helms_records(story: HelmStory) -> None:
    left = compare(story.before, story.back)
    assert set(left.added) == records(2)
    assert set(left.changed) == records(1)
    assert left.removed == ()
    assert left.recreated == (READER,)
    assert US not in managers(story.back)
    assert story.rollback.data["proof"]["holds"]


def test_the_plan_names_helm_and_what_its_records_need(story: HelmStory) -> None:
    plan = story.rollback.data["plan"]
    assert [(owner["kind"], owner["name"], owner["pause"]) for owner in plan["owners"]] == [
        ("Helm release", release, "") for release in sorted(CHARTS)
    ]
    assert [follow_up["command"] for follow_up in plan["followUps"]] == [
        f"helm rollback {release} 1 -n istio-system --force-conflicts" for release in sorted(CHARTS)
    ]


def test_those_commands_touch_nothing_but_helms_records(story: HelmStory) -> None:
    change = compare(story.back, story.put_right)
    assert set(change.added) == records(3)
    assert set(change.changed) == records(2)
    assert change.removed == change.recreated == ()


def test_helms_history_makes_sense_again(story: HelmStory) -> None:
    for release, history in story.histories.items():
        told = [(each["status"], each["app_version"], each["description"]) for each in history]
        assert told == [
            ("superseded", OLD, "Install complete"),
            ("superseded", NEW, "Upgrade complete"),
            ("deployed", OLD, "Rollback to 1"),
        ], release


def test_helm_upgrades_without_a_conflict_and_without_force(story: HelmStory) -> None:
    again = compare(story.upgraded, story.again)
    assert set(again.added) == {READER, *records(3, 4)}
    assert set(again.changed) == {"namespaces /shop", *records(2)}, "as after the first upgrade, drift apart"
    assert US not in managers(story.again)


def test_records_whose_values_the_store_holds_go_back_as_well(sealed: SealedStory) -> None:
    assert compare(sealed.before, sealed.back).counts == (0, 0, 0, 0)
    assert sealed.rollback.data["plan"]["followUps"] == []
    for history in sealed.histories.values():
        assert [(each["revision"], each["status"]) for each in history][-2:] == [(3, "superseded"), (4, "deployed")]


def test_helm_upgrades_every_release_right_after_a_rollback_and_nothing_is_forced(sealed: SealedStory) -> None:
    """A conflict with anybody would have ended it; and it comes to the same as the first time."""
    again = compare(sealed.upgraded, sealed.again)
    assert (again.added, again.removed) == ((), ()), str(again)
    assert set(again.changed) == set(again.recreated) == records(5), "the records of that very upgrade alone"
    assert US not in managers(sealed.again)


def test_without_the_identity_helm_puts_its_records_right(sealed: SealedStory) -> None:
    plan = sealed.without.data["plan"]
    assert [follow_up["command"] for follow_up in plan["followUps"]] == [
        f"helm rollback {release} 4 -n istio-system --force-conflicts" for release in sorted(CHARTS)
    ]
    for history in sealed.histories_without.values():
        last = history[-1]
        assert (last["status"], last["app_version"], last["description"]) == ("deployed", NEW, "Rollback to 4")
    left = compare(sealed.before, sealed.end)
    assert {*left.added, *left.changed} <= records(4, 5), "only records"
    assert left.removed == left.recreated == ()


def test_istioctl_upgrades_after_a_rollback_as_it_did_before(mesh: Mesh) -> None:
    conflicts = _conflicts(mesh)
    _istioctl_upgrade(mesh)
    first = settled(mesh)
    mesh.plugin.ok("rollback", START, "--yes")
    assert _conflicts(mesh) == conflicts, "those of istioctl with istiod, which it always forces, and no other"
    assert US not in conflicts
    _istioctl_upgrade(mesh)
    assert compare(first, settled(mesh)).counts == (0, 0, 0, 0)


def _istioctl_upgrade(mesh: Mesh) -> None:
    mesh.plane.istioctl(NEW, "upgrade", "-y", *IMAGES, f"tag={NEW}", *ACCESS_LOG)
    mesh.istiod.wait_ready(NEW)


def _conflicts(mesh: Mesh) -> set[str]:
    """Whom istioctl would have to force to upgrade: it says nothing of it itself."""
    wanted = mesh.plane.istioctl(NEW, "manifest", "generate", *IMAGES, f"tag={NEW}", *ACCESS_LOG)
    try:
        mesh.kubectl(
            "apply", "--server-side", "--dry-run=server", "--field-manager=istio-operator", "-f-", manifest=wanted
        )
    except TestbedError as error:
        found = set(re.findall(r'conflicts? with "([^"]+)"', str(error)))
        assert found, str(error)
        return found
    return set()
