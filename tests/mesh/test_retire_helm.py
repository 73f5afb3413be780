"""After a canary of Helm's the old control plane goes: its release ends, as by `helm uninstall`, and comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.controlplane import chart_path, wait_webhooks
from tests.support.cli import Plugin, Ran

from .comparison import Dump, compare
from .helm_bed import charts, install_control_plane, of_people, sealed_store, variables
from .helm_story import NAMESPACE, HelmMesh, empty
from .mesh import NEW, OLD, settled

pytestmark = pytest.mark.mesh

REVISION = "canary"
RETIRE = ("retire", "default")
RECORD = f"secrets {NAMESPACE}/sh.helm.release.v1.istiod.v1"
BOTH = {
    "istio-base": f"deployed base-{NEW}",
    "istiod": f"deployed istiod-{OLD}",
    "istiod-canary": f"deployed istiod-{NEW}",
}
NEW_ALONE = {name: told for name, told in BOTH.items() if name != "istiod"}


@dataclass(frozen=True)
class Turn:
    """What the plugin said, how the cluster was then, and what Helm listed."""

    ran: Ran
    after: Dump
    listed: dict[str, str]


@dataclass(frozen=True)
class Story:
    """From where nothing uses the old control plane any more: it goes, comes back, and goes again."""

    in_use: Ran
    """A step before that."""
    before: Dump
    preview: Ran
    retired: Turn
    istiods: list[str]
    rollback: Turn
    unsealed: Turn
    """Retired with a store that holds no values of Secrets."""
    put_right: dict[str, str]
    """What Helm lists after the command of that plan."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("retire")
    with empty(folder / "store.git", variables(folder / "bin")) as mesh:
        yield _tell(mesh, folder)


def _tell(mesh: HelmMesh, folder: Path) -> Story:
    key = _with_canary(mesh, folder)
    in_use = mesh.plugin.ending(3, *RETIRE, "--yes")
    _do(mesh, in_use.err)
    wait_webhooks(mesh.plane)
    before = settled(mesh)
    preview = mesh.plugin.ok(*RETIRE, "--dry-run")
    retired = _turn(mesh, mesh.plugin, *RETIRE)
    istiods = mesh.istiod.versions()
    rollback = _turn(mesh, mesh.plugin, "rollback", "--identity", str(key))
    unsealed = _turn(mesh, Plugin(mesh.plane.kubeconfig, folder / "plain.git"), *RETIRE)
    for follow_up in unsealed.ran.data["plan"]["followUps"]:
        mesh.kubectl(*follow_up["command"].removeprefix("kubectl ").split())
    return Story(in_use, before, preview, retired, istiods, rollback, unsealed, _listed(mesh))


def _turn(mesh: HelmMesh, plugin: Plugin, *args: str) -> Turn:
    ran = plugin.ok(*args, "--yes", "-o", "json")
    return Turn(ran, settled(mesh), _listed(mesh))


def _with_canary(mesh: HelmMesh, folder: Path) -> Path:
    """The new release beside the old one, and the one namespace led to it; the answer is the store's identity."""
    install_control_plane(mesh)
    mesh.kubectl("create", "namespace", "shop")
    mesh.kubectl("label", "namespace", "shop", "istio-injection=enabled")
    key = sealed_store(mesh.plugin, folder)
    fetched = str(charts(folder / "charts"))
    mesh.plugin.ok("upgrade", "--to", NEW, "--revision", REVISION, "--yes", "--charts", fetched)
    mesh.istiod.wait_ready(NEW)
    mesh.plugin.ok("promote", REVISION, "-n", "shop", "--yes")
    return key


def _do(mesh: HelmMesh, hint: str) -> None:
    """The command of a hint, with the chart that it leaves to the user."""
    (command,) = re.findall(r"`helm (upgrade istio-base [^`]+)`", hint)
    chart = str(chart_path(NEW, "base"))
    mesh.plane.helm(*(chart if word == "CHART" else word for word in command.split()))


def _listed(mesh: HelmMesh) -> dict[str, str]:
    """`helm list`, in whatever state a release is."""
    found = json.loads(mesh.plane.helm("list", "-n", NAMESPACE, "-o", "json"))
    return {each["name"]: f"{each['status']} {each['chart']}" for each in found}


def of_release(objects: Dump, release: str) -> set[str]:
    """Every object that Helm has marked as this release's."""
    mark = "meta.helm.sh/release-name"
    return {name for name, item in objects.items() if (item["metadata"].get("annotations") or {}).get(mark) == release}


def test_while_the_validator_leads_to_it_it_is_refused_with_the_command_that_leads_it_away(story: Story) -> None:
    assert "ValidatingWebhookConfiguration istiod-default-validator" in story.in_use.err
    validator = story.before["validatingwebhookconfigurations.admissionregistration.k8s.io /istiod-default-validator"]
    assert validator["webhooks"][0]["clientConfig"]["service"]["name"] == "istiod-canary"


def test_every_object_of_the_release_goes_with_its_record_and_nothing_else(story: Story) -> None:
    found = compare(story.before, story.retired.after)
    assert len(of_release(story.before, "istiod")) > 15
    assert of_people(found.removed) == {*of_release(story.before, "istiod"), RECORD}
    assert (found.added, dict(found.changed), found.recreated) == ((), {}, ())
    assert story.retired.ran.data["proof"]["holds"]
    assert story.istiods == [NEW]


def test_that_is_shown_first_and_the_record_goes_last(story: Story) -> None:
    assert f"delete   Secret {NAMESPACE}/sh.helm.release.v1.istiod.v1" in story.preview.out
    assert "delete   ValidatingWebhookConfiguration istio-validator-istio-system" in story.preview.out
    names = [change["name"] for change in story.retired.ran.data["plan"]["changes"]]
    assert names[-1] == "sh.helm.release.v1.istiod.v1"
    assert story.retired.ran.data["plan"]["followUps"] == []


def test_helm_lists_the_release_that_is_left_and_after_a_rollback_both(story: Story) -> None:
    assert story.retired.listed == NEW_ALONE
    assert story.rollback.listed == BOTH


def test_all_of_it_is_taken_back(story: Story) -> None:
    assert story.rollback.ran.data["proof"]["holds"]
    found = compare(story.before, story.rollback.after)
    assert found.counts[:3] == (0, 0, 0), str(found)
    assert of_people(found.recreated) == {*of_release(story.before, "istiod"), RECORD}


def test_a_record_that_the_store_could_not_give_back_stays_and_the_plan_has_the_command_that_ends_it(
    story: Story,
) -> None:
    plan = story.unsealed.ran.data["plan"]
    (kept,) = [change for change in plan["changes"] if change["action"] == "keep"]
    assert (kept["name"], kept["reason"]) == (
        "sh.helm.release.v1.istiod.v1",
        "its values are not in the store, so deleting it could not be taken back",
    )
    assert [each["command"] for each in plan["followUps"]] == [
        f"kubectl delete secret -n {NAMESPACE} -l owner=helm,name=istiod"
    ]
    assert story.unsealed.ran.data["proof"]["holds"]
    assert of_people(compare(story.before, story.unsealed.after).removed) == of_release(story.before, "istiod")
    assert story.unsealed.listed == BOTH
    assert story.put_right == NEW_ALONE
