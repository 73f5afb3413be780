"""How many pods a rollout takes away, by the controllers' own rules, and what budgets say to it."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.plan.disruption import allows, budgets_of, never_allows, takes_away


def deployment(replicas: int, **strategy: Any) -> Body:
    return {"kind": "Deployment", "spec": {"replicas": replicas, "strategy": strategy}}


def rolling(surge: int | str, unavailable: int | str) -> dict[str, Any]:
    return {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def daemon_set(**spec: Any) -> Body:
    return {"kind": "DaemonSet", "spec": spec, "status": {"desiredNumberScheduled": 5}}


@pytest.mark.parametrize(
    ("workload", "takes"),
    [
        ({"kind": "Deployment", "spec": {}}, 0),
        (deployment(1), 0),
        (deployment(4), 1),
        (deployment(8), 2),
        (deployment(0), 0),
        (deployment(3, **rolling("100%", "25%")), 0),
        (deployment(3, **rolling(0, 0)), 1),
        (deployment(3, **rolling(1, 0)), 0),
        (deployment(3, **rolling(1, 5)), 3),
        (deployment(3, **rolling(0, "50%")), 1),
        (deployment(3, type="Recreate"), 3),
        ({"kind": "StatefulSet", "spec": {"replicas": 3}}, 1),
        ({"kind": "StatefulSet", "spec": {"replicas": 0}}, 0),
        ({"kind": "StatefulSet", "spec": {"replicas": 4, "updateStrategy": rolling(0, "50%")}}, 2),
        (daemon_set(), 1),
        (daemon_set(updateStrategy=rolling(0, "50%")), 3),
        (daemon_set(updateStrategy=rolling(1, 0)), 0),
        ({"kind": "ReplicaSet", "spec": {"replicas": 3}}, 0),
    ],
)
def test_takes_away_is_what_the_controllers_do(workload: Body, takes: int) -> None:
    assert takes_away(workload) == takes


def budget(name: str, selector: Body | None, **status: int) -> Body:
    return {"metadata": {"name": name, "generation": 1}, "spec": {"selector": selector}, "status": status}


def test_budgets_select_as_in_policy_v1() -> None:
    found = budgets_of(
        {"app": "web"},
        [
            budget("web", {"matchLabels": {"app": "web"}}),
            budget("other", {"matchLabels": {"app": "other"}}),
            budget("all", {}),
            budget("none", None),
        ],
    )
    assert [each["metadata"]["name"] for each in found] == ["all", "web"]


def test_a_budget_that_its_controller_has_not_seen_allows_nothing() -> None:
    assert allows(budget("a", {}, disruptionsAllowed=2, observedGeneration=1)) == 2
    assert allows(budget("a", {}, disruptionsAllowed=2)) == 0
    assert allows({"metadata": {"generation": 1}}) == 0


def test_never_is_only_what_health_cannot_change() -> None:
    full = budget("a", {}, expectedPods=2, desiredHealthy=2, observedGeneration=1)
    assert never_allows(full, 1)
    assert not never_allows(budget("a", {}, expectedPods=3, desiredHealthy=2), 1)
    assert never_allows(budget("a", {}, expectedPods=3, desiredHealthy=2), 2)
    assert not never_allows(budget("a", {}), 1), "its controller has not said"
