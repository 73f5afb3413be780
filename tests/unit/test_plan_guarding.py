from __future__ import annotations

import pytest

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.webhooks import Backing, DeadWebhook, ServiceName
from kubectl_istio_upgrade.plan.dead_webhooks import Surrounding, dead_webhooks
from kubectl_istio_upgrade.plan.guarding import guards, matches
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state
from .webhooks import istiod, route, validator


def hook(configuration: MeshObject) -> DeadWebhook:
    around = Surrounding({ServiceName("istio-system", "istiod"): Backing(ready=False)})
    (found,) = dead_webhooks(state(configuration), around)
    return found


def rule(**settings: list[str] | str) -> list[Body]:
    return [{"apiGroups": ["*"], "operations": ["*"], "resources": ["*"], **settings}]


def asked(configuration: MeshObject, live: list[MeshObject], target: list[MeshObject]) -> bool:
    now = state(*live)
    (change,) = plan_rollback(now, state(*target)).changes
    return guards(hook(configuration), change, now)


def test_a_webhook_is_asked_about_the_types_and_operations_of_its_rules() -> None:
    assert asked(validator(), [route("new", "2")], [route()])
    assert not asked(validator(), [route()], []), "it is not asked about deletions"
    config_maps = [obj("ConfigMap", "istio-system/a", version=each, data={"a": each}) for each in ("1", "2")]
    assert not asked(validator(), config_maps[1:], config_maps[:1])
    assert asked(validator(rules=rule()), config_maps[1:], config_maps[:1])
    assert asked(validator(rules=rule(resources=["*/*"])), [route()], [])
    assert not asked(validator(rules=rule(scope="Cluster")), [route()], [])
    assert not asked(validator(rules=rule(resources=["virtualservices/status"])), [route()], [])


def test_nobody_is_asked_about_webhook_configurations() -> None:
    assert not asked(validator(rules=rule()), [validator()], [])


def test_a_webhook_is_asked_if_either_the_old_or_the_new_object_is_selected() -> None:
    selector: Body = {"matchLabels": {"watched": "yes"}}
    plain, watched = route("new", "2"), route()
    assert not asked(validator(objectSelector=selector), [plain], [route()])
    watched.body["metadata"]["labels"] = {"watched": "yes"}
    assert asked(validator(objectSelector=selector), [plain], [watched])


def test_only_labels_of_namespaces_that_are_known_decide() -> None:
    def with_selector(expression: Body) -> MeshObject:
        return validator(namespaceSelector={"matchExpressions": [expression]})

    live, target = [route("new", "2"), obj("Namespace", "shop")], [route(), obj("Namespace", "shop")]
    assert not asked(with_selector({"key": "istio-injection", "operator": "Exists"}), live, target)
    assert asked(with_selector({"key": "istio-injection", "operator": "DoesNotExist"}), live, target)
    assert asked(with_selector({"key": "team", "operator": "Exists"}), live, target), "not known, so it may be"


def test_what_a_workload_starts_counts_as_well() -> None:
    pods = rule(apiGroups=[""], resources=["pods"], operations=["CREATE"])
    live, target = [istiod("2", image="bad")], [istiod()]
    assert asked(validator(rules=pods), live, target)
    not_injected: Body = {
        "matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]
    }
    assert not asked(validator(rules=pods, objectSelector=not_injected), live, target)


@pytest.mark.parametrize(
    ("operator", "values", "missing", "other", "same"),
    [
        ("In", ["x"], False, False, True),
        ("NotIn", ["x"], True, True, False),
        ("Exists", [], False, True, True),
        ("DoesNotExist", [], True, False, False),
    ],
)
def test_selectors_follow_kubernetes(operator: str, values: list[str], missing: bool, other: bool, same: bool) -> None:
    selector: Body = {"matchExpressions": [{"key": "a", "operator": operator, "values": values}]}
    assert [matches(selector, labels) for labels in ({}, {"a": "y"}, {"a": "x"})] == [missing, other, same]
