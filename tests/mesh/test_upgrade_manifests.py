"""A mesh made by `istioctl manifest generate` and kubectl: upgraded through this tool's own engine, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.proxy import Proxy
from tests.support.cli import Ran

from .comparison import Dump, compare
from .mesh import NEW, OLD, Mesh, settled
from .upgrades import SETTINGS, check_settings, installed_by_manifests, rendered
from .workloads import RESTARTABLE, Standing, standings, workloads

pytestmark = pytest.mark.mesh

PROXY = "docker.io/istio/proxyv2:"
NO_SUCH_TAG = ("--set", "values.pilot.tag=1.29.99", "--ignore", "image-of-another-release", "--timeout", "15")
NO_GATEWAY = ("--set", "components.ingressGateways[0].name=istio-ingressgateway",
              "--set", "components.ingressGateways[0].enabled=false")  # fmt: skip
GATEWAY = "istio-ingressgateway"
ISTIOD = "deployments.apps istio-system/istiod"
IS_ISTIOD = ("Deployment", "istiod")


@dataclass(frozen=True)
class Story:
    """How the cluster was at each point, and what the plugin said."""

    mesh: Mesh
    before: Dump
    first: dict[str, Standing]
    plan: Any
    fewer: Any
    """A dry run with settings that leave the gateway out."""
    refused: Ran
    """Another: the first writes are."""
    unharmed: Dump
    failed: Ran
    untouched: Dump
    upgrade: Ran
    upgraded: Dump
    istiods: list[str]
    done: dict[str, Standing]
    again: Ran
    after_again: dict[str, Standing]
    rollback: Ran
    back: Dump
    last: dict[str, Standing]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("manifests")
    with installed_by_manifests(folder, *SETTINGS) as mesh, workloads(mesh):
        yield _tell(mesh, folder / "refusing.kubeconfig")


def _tell(mesh: Mesh, refusing: Path) -> Story:
    before, first = settled(mesh), standings(mesh)
    plan = mesh.plugin.ok("upgrade", "--to", NEW, "--plan", "-o", "json").data
    fewer = mesh.plugin.ok("upgrade", "--to", NEW, "--dry-run", *NO_GATEWAY, "-o", "json").data
    with closing(Proxy(mesh.plane)) as proxy:
        proxy.fail, proxy.status = (lambda seen: seen.writes), 403
        refused = replace(mesh.plugin, kubeconfig=proxy.kubeconfig(refusing))("upgrade", "--to", NEW, "--yes")
    unharmed = settled(mesh)
    failed = mesh.plugin.ending(4, "upgrade", "--to", NEW, "--yes", "--auto-rollback", *NO_SUCH_TAG)
    untouched = settled(mesh)
    upgrade = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "--workloads", "app=web", "-o", "json")
    upgraded, istiods, done = settled(mesh), mesh.istiod.versions(), standings(mesh)
    again = mesh.plugin.ok("upgrade", "--to", NEW, "--yes", "--workloads", "all", "-o", "json")
    after_again = standings(mesh)
    rollback = mesh.plugin.ok("rollback", upgrade.data["before"], "--yes", "-o", "json")
    return Story(
        mesh, before, first, plan, fewer, refused, unharmed, failed, untouched, upgrade, upgraded, istiods, done,
        again, after_again, rollback, settled(mesh), standings(mesh),
    )  # fmt: skip


def test_the_plan_tells_that_this_tool_applies_the_manifests(story: Story) -> None:
    assert story.plan["installation"]["methods"] == ["manifests"]
    (apply,) = (each["does"] for each in story.plan["phases"] if each["phase"] == "apply")
    assert apply == f"a snapshot, then the manifests of {NEW} are applied by this tool, in its own order"


def test_refused_at_its_first_writes_it_says_so_and_leaves_nothing_unfinished(story: Story) -> None:
    """The upgrade after it begins, which none does while one is unfinished."""
    assert story.refused.code == 3, str(story.refused)
    assert "error: stopped before the first write, nothing was changed: " in story.refused.err
    assert "resume" not in story.refused.err
    assert compare(story.before, story.unharmed).counts == (0, 0, 0, 0), str(compare(story.before, story.unharmed))


def test_pods_that_never_get_ready_end_with_the_cause_and_it_is_taken_back(story: Story) -> None:
    error = " ".join(story.failed.err[story.failed.err.index("failed: ") :].split())
    assert "deployments.apps istio-system/istiod: pod istiod-" in error
    assert "istioctl analyze finds: error, as before: IST0173 (DestinationRule shop/web): " in error
    assert "taken back, proved: stopped with " in error
    assert compare(story.before, story.untouched).counts == (0, 0, 0, 0), str(compare(story.before, story.untouched))


def test_the_new_release_runs_and_every_object_of_it_is_proved(story: Story) -> None:
    assert story.istiods == [NEW]
    proof = story.upgrade.data["proof"]
    assert (proof["holds"], proof["residual"]) == (True, [])
    assert proof["identical"] >= 38


def test_the_settings_survive_without_being_typed_again(story: Story) -> None:
    check_settings(story.upgraded)
    assert f"proved: istioctl {OLD} would change nothing with them" in story.upgrade.err
    assert "will not survive" not in story.upgrade.err


def test_only_what_the_release_changes_has_changed_and_this_tool_has_written_it(story: Story) -> None:
    found = compare(story.before, story.upgraded)
    assert found.counts[:2] == (0, 0), "objects were added or removed"
    assert found.recreated == ()
    managers = {entry["manager"] for entry in story.upgraded[ISTIOD]["metadata"]["managedFields"]}
    assert not any(manager.startswith("istio-operator") for manager in managers), "istioctl has installed"


def test_what_only_the_old_release_sets_is_gone_as_with_kubectl(story: Story) -> None:
    """And what people set stays: see the settings."""
    assert "GOMEMLIMIT" in variables(story.before), "the premise"
    assert variables(story.upgraded) == rendered_variables(story.mesh)


def test_objects_that_the_new_manifests_leave_out_stay_and_are_named(story: Story) -> None:
    """As with `kubectl apply`: nobody else would tell of them."""
    (left,) = (each for each in story.fewer["plan"]["followUps"] if each["command"].startswith("kubectl delete "))
    command, _, where = left["command"].partition(" -n ")
    assert where == "istio-system"
    assert {f"deployments.apps/{GATEWAY}", f"services/{GATEWAY}"} <= set(command.split())
    assert all("ingressgateway" in each for each in command.split()[2:])
    assert left["why"] == f"they are in the manifests of the release before, and not of Istio {NEW}"
    assert not any(change["name"] == GATEWAY for change in story.fewer["plan"]["changes"])
    assert not any("kubectl delete" in each["command"] for each in story.upgrade.data["plan"]["followUps"])


def variables(dump: Dump) -> set[str]:
    """The environment of istiod, by name."""
    (container,) = dump[ISTIOD]["spec"]["template"]["spec"]["containers"]
    return {each["name"] for each in container["env"]}


def rendered_variables(mesh: Mesh) -> set[str]:
    """Those that the new release's own manifests set."""
    documents = yaml.safe_load_all(rendered(mesh, NEW, *SETTINGS))
    (istiod,) = (each for each in documents if each and (each["kind"], each["metadata"]["name"]) == IS_ISTIOD)
    return variables({ISTIOD: istiod})


def test_only_the_workloads_that_were_chosen_are_restarted(story: Story) -> None:
    assert {name for name, now in story.done.items() if now.restarted} == {"web"}
    assert story.done["web"].images == {f"{PROXY}{NEW}"}
    assert {change["name"] for change in story.upgrade.data["plan"]["foreseen"]} == {"web"}
    (left, *_) = story.upgrade.data["plan"]["followUps"]
    assert left["command"] == "kubectl istio-upgrade restart"
    assert {f"shop/{name}" for name in RESTARTABLE - {"web"}} <= set(left["why"].replace(",", "").split())


def test_all_workloads_are_those_that_are_up_to_date_too(story: Story) -> None:
    assert story.again.data["plan"]["changes"] == [], "no object was left to write"
    again = {name for name, now in story.after_again.items() if now.restarted != story.done[name].restarted}
    assert again >= RESTARTABLE, "web as well, which was restarted before"
    assert {change["name"] for change in story.again.data["plan"]["foreseen"]} == again
    assert "outside" not in again
    assert {story.after_again[name].images for name in RESTARTABLE} == {frozenset({f"{PROXY}{NEW}"})}


def test_a_rollback_makes_every_object_what_it_was(story: Story) -> None:
    assert story.rollback.data["proof"]["holds"]
    assert compare(story.before, story.back).counts == (0, 0, 0, 0), str(compare(story.before, story.back))
    assert {name: now.images for name, now in story.last.items()} == {
        name: now.images for name, now in story.first.items()
    }
