"""Rollback is exact, both ways, in place and proved: an upgrade and a drift, as a comparison of all objects sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import Ran

from .comparison import Comparison, compare, managers
from .mesh import NEW, OLD, Bed
from .story import ADDED, INJECTOR, NOTES, ROLE, Sequel, Story, tell, tell_on

pytestmark = pytest.mark.mesh

US = "kubectl-istio-upgrade"
CRD = "customresourcedefinitions.apiextensions.k8s.io"
DELETED = (
    "destinationrules.networking.istio.io shop/web",
    f"mutatingwebhookconfigurations.admissionregistration.k8s.io /{INJECTOR}",
)
EDITED = (
    f"clusterroles.rbac.authorization.k8s.io /{ROLE}",
    "configmaps istio-system/istio",
    NOTES,
    "namespaces /shop",
    "authorizationpolicies.security.istio.io shop/allow-all",
    "envoyfilters.networking.istio.io shop/lua",
    "peerauthentications.security.istio.io shop/default",
    "virtualservices.networking.istio.io shop/web",
)
ONLY_NEWER = {
    "destinationrules.networking.istio.io": "spec.trafficPolicy.loadBalancer.warmup.aggression",
    "envoyfilters.networking.istio.io": "spec.configPatches[0].match.waypoint",
    "telemetries.telemetry.istio.io": "spec.tracing[0].customTags.host.formatter",
}
"""The types of the objects that only the newer release can hold, and the field by which they show it."""
NEWER = {f"{type_} shop/newer" for type_ in ONLY_NEWER}
NEEDED = {f"{CRD} /{type_}" for type_ in ONLY_NEWER}


@pytest.fixture(scope="module")
def story(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with bed.lend(tmp_path_factory.mktemp("story") / "store.git") as mesh:
        yield tell(mesh)


@pytest.fixture(scope="module")
def sequel(story: Story) -> Sequel:
    return tell_on(story.mesh)


def test_the_scenario_is_what_it_claims(story: Story) -> None:
    drift = compare(story.before, story.drifted)
    assert drift.added == (ADDED,)
    assert drift.removed == DELETED
    assert set(EDITED) <= set(drift.changed)
    assert sum(name.startswith(CRD) for name in drift.changed) > 1
    assert len(drift.changed) > 40, "an upgrade changes that many objects"
    assert drift.recreated == ()
    assert story.pods.count(f"proxyv2:{OLD}") >= 2, "both pods are injected"


def test_what_is_easily_lost_was_there(story: Story) -> None:
    before = story.before
    assert before["authorizationpolicies.security.istio.io shop/allow-all"]["spec"] == {"rules": [{}]}
    assert before["peerauthentications.security.istio.io shop/default"]["spec"] == {"mtls": {}}
    assert before["virtualservices.networking.istio.io shop/web"]["spec"]["http"][0]["match"] == [
        {"headers": {"x-debug": {}}}
    ]
    assert before["destinationrules.networking.istio.io shop/web"]["spec"]["subsets"][1]["labels"] == {}
    notes = before["configmaps istio-system/notes"]["data"]
    assert notes["empty"] == ""
    assert "spaces at its end   \n" in notes["text"]


def test_rollback_brings_everything_back_in_place(story: Story) -> None:
    assert_only_recreated(compare(story.before, story.back), DELETED)
    assert story.istiods == [OLD]


def test_rollback_says_what_it_does_and_proves_it(story: Story) -> None:
    actions = {name: change["action"] for name, change in planned(story.rollback).items()}
    drift = compare(story.before, story.drifted, ownership=False)
    assert {name for name, action in actions.items() if action == "delete"} == {ADDED}
    assert {name for name, action in actions.items() if action == "create"} == set(DELETED)
    assert {name for name, action in actions.items() if action == "update"} == set(drift.changed)
    assert set(actions.values()) == {"create", "update", "delete"}, "nothing kept, nothing recreated"
    assert story.rollback.data["proof"]["holds"]
    assert story.rollback.data["proof"]["residual"] == []


def test_no_field_is_ours_afterwards(story: Story) -> None:
    for state in (story.back, story.forth, story.back_again):
        assert US not in managers(state)


def test_second_rollback_has_nothing_to_do(story: Story) -> None:
    assert "nothing to do" in story.again.out
    assert story.history[0] == story.history[1], "no new operation"


def test_diff_to_the_snapshot_is_empty_afterwards(story: Story) -> None:
    assert "no differences" in story.diff.out


def test_rollback_of_the_rollback_brings_the_drift_back(story: Story) -> None:
    assert_only_recreated(compare(story.drifted, story.forth), (ADDED,))


def test_and_back_once_more(story: Story) -> None:
    assert_only_recreated(compare(story.back, story.back_again), DELETED)


def test_istioctl_upgrades_after_a_rollback(sequel: Sequel) -> None:
    assert sequel.upgraded == [NEW]


def test_all_definitions_come_back_when_objects_that_need_newer_ones_go(story: Story, sequel: Sequel) -> None:
    assert compare(story.back_again, sequel.gone).counts == (0, 0, 0, 0)
    actions = {name: change["action"] for name, change in planned(sequel.rollback).items()}
    assert {name for name, action in actions.items() if action == "delete"} == NEWER
    assert {name for name, action in actions.items() if name.startswith(CRD)} > NEEDED
    assert set(actions.values()) == {"delete", "update"}


def test_definitions_stay_while_objects_need_them(story: Story, sequel: Sequel) -> None:
    left = compare(story.back_again, sequel.kept)
    assert left.changed.keys() == NEEDED
    assert set(left.added) == NEWER
    assert left.removed == left.recreated == ()


def test_the_plan_says_which_objects_need_a_definition_and_where(sequel: Sequel) -> None:
    for plan in (planned(sequel.dry_run), planned(sequel.keep_added)):
        reasons = {name: change["reason"] for name, change in plan.items() if change["action"] == "keep"}
        assert reasons.keys() == NEEDED | NEWER
        for type_, path in ONLY_NEWER.items():
            assert f"{type_} shop/newer: {path}" in reasons[f"{CRD} /{type_}"]


def test_an_istiod_that_would_not_start_blocks_the_plan(sequel: Sequel) -> None:
    (blocker,) = sequel.dry_run.data["plan"]["blockers"]
    assert "envoyfilters.networking.istio.io shop/newer: spec.configPatches[0].match.context" in blocker
    assert "nothing was changed" in sequel.dry_run.err
    assert sequel.keep_added.data["plan"]["blockers"] == []


def test_objects_of_kept_definitions_are_not_touched(sequel: Sequel) -> None:
    for name in NEWER:
        assert sequel.kept[name] == sequel.newer[name], "same resource version: not a byte was written"
    spec = sequel.kept["envoyfilters.networking.istio.io shop/newer"]["spec"]
    assert spec["configPatches"][0]["match"]["waypoint"]["filter"]


def assert_only_recreated(found: Comparison, recreated: tuple[str, ...]) -> None:
    """As it was, apart from the UIDs of what had to be created again."""
    assert found.changed == {}
    assert found.counts[:2] == (0, 0)
    assert set(found.recreated) == set(recreated)


def planned(ran: Ran) -> dict[str, Any]:
    """The changes of the plan, by the names that the comparison has for their objects."""
    named = {}
    for change in ran.data["plan"]["changes"]:
        resource = ".".join(filter(None, (change["resource"], change["group"])))
        named[f"{resource} {change['namespace']}/{change['name']}"] = change
    return named
