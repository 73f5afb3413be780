from __future__ import annotations

from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Key
from kubectl_istio_upgrade.rules.derived import DERIVED, derived_by, is_derived_type
from kubectl_istio_upgrade.rules.matching import types
from kubectl_istio_upgrade.rules.order import (
    NAMESPACE_LABELS,
    PARTS_AGAIN,
    PUT_BACK,
    RELAXING,
    RETIREMENT,
    STAGES,
    TOGETHER,
    WORKLOADS_AGAIN,
    Wait,
    stage_named,
    stage_of,
)
from kubectl_istio_upgrade.rules.scope import (
    SCOPE,
    SCOPE_VERSION,
    excluded_group,
    in_scope,
    is_excluded,
    is_of_mesh,
    scope_rules_for,
    steering_only,
)
from kubectl_istio_upgrade.rules.scope_history import SCOPE_CHANGES, judged_alike

from .builders import key, obj, type_of

ROOT = "istio-system"
OPENSHIFT = "openshift.io/internal-registry-auth-token.service-account"


def definition(group: str) -> dict[str, Any]:
    return {"spec": {"group": group, "names": {"plural": "a"}}}


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("*", "anything.example.com", True),
        ("configmaps", "configmaps", True),
        ("configmaps", "configmaps.example.com", False),
        ("*.apps", "deployments.apps", True),
        ("*.networking.k8s.io", "networkpolicies.networking.k8s.io", True),
        ("*.networking.k8s.io", "gateways.gateway.networking.k8s.io", False),
        ("*.*.istio.io", "virtualservices.networking.istio.io", True),
        ("*.*.istio.io", "things.istio.io", False),
        ("*.*.istio.io", "things.notistio.io", False),
    ],
)
def test_patterns_match_plural_and_group_apart(pattern: str, resource: str, expected: bool) -> None:
    assert (resource in types(pattern)) is expected


@pytest.mark.parametrize(
    ("kind", "name", "more", "expected"),
    [
        ("VirtualService", "shop/a", {}, True),
        ("ConfigMap", "istio-system/anything", {}, True),
        ("ConfigMap", "shop/anything", {}, False),
        ("ConfigMap", "shop/a", {"labels": {"app.kubernetes.io/part-of": "istio"}}, True),
        ("ConfigMap", "shop/a", {"labels": {"app.kubernetes.io/part-of": "shop"}}, False),
        ("Deployment", "edge/gateway", {"labels": {"operator.istio.io/component": "IngressGateways"}}, True),
        ("Secret", "istio-system/cacerts", {}, True),
        ("Secret", "istio-system/token", {"type": "kubernetes.io/service-account-token"}, False),
        ("ConfigMap", "istio-system/istio-ca-root-cert", {}, False),
        ("ConfigMap", "istio-system/istio-leader", {}, False),
        ("ConfigMap", "istio-system/x", {"annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}, False),
        ("Deployment", "istio-system/gw", {"labels": {"gateway.istio.io/managed": "istio"}}, False),
        ("Deployment", "istio-system/a", {"ownerReferences": [{"controller": True}]}, False),
        ("Deployment", "istio-system/a", {"ownerReferences": [{"kind": "X"}]}, True),
        ("ClusterRole", "view", {}, False),
        ("ClusterRole", "kubectl-istio-upgrade-writer", {"labels": {"app.kubernetes.io/part-of": "istio"}}, False),
        ("ClusterRole", "istiod", {"labels": {"operator.istio.io/component": "Pilot"}}, True),
        ("ClusterRoleBinding", "x", {"subjects": [{"kind": "ServiceAccount", "namespace": ROOT, "name": "y"}]}, True),
        ("ClusterRoleBinding", "x", {"subjects": [{"namespace": "shop", "name": "y"}]}, False),
        ("MutatingWebhookConfiguration", "x", {"webhooks": [{"clientConfig": {"service": {"namespace": ROOT}}}]}, True),
        ("MutatingWebhookConfiguration", "x", {"webhooks": [{"clientConfig": {"url": "https://x"}}]}, False),
        ("CustomResourceDefinition", "a", definition("networking.istio.io"), True),
        ("CustomResourceDefinition", "a", definition("sailoperator.io"), True),
        ("CustomResourceDefinition", "a", definition("gateway.networking.x-k8s.io"), True),
        ("CustomResourceDefinition", "a", definition("inference.networking.k8s.io"), True),
        ("XListenerSet", "shop/a", {}, True),
        ("InferencePool", "shop/a", {}, True),
        ("Service", "istio-system/a-ip-1", {"labels": {"istio.io/inferencepool-name": "a"}}, False),
        ("GatewayClass", "istio-agentgateway", {}, False),
        ("GatewayClass", "own", {}, True),
        ("VerticalPodAutoscaler", "edge/gateway", {"labels": {"app.kubernetes.io/part-of": "istio"}}, True),
        ("VerticalPodAutoscaler", "shop/a", {}, False),
        ("Secret", "istio-system/a", {"annotations": {OPENSHIFT: "a"}}, False),
        ("Secret", "istio-system/a", {"annotations": {"openshift.io/token-secret.name": "a"}}, False),
        ("ConfigMap", "istio-system/openshift-service-ca.crt", {}, False),
        ("CustomResourceDefinition", "a", definition("cert-manager.io"), False),
    ],
)  # fmt: skip
def test_the_scope_holds_the_mesh_and_nothing_else(kind: str, name: str, more: dict[str, Any], expected: bool) -> None:
    assert in_scope(type_of(kind), obj(kind, name, **more), ROOT) is expected


OF_VERSION_2 = (
    key("InferencePool", "shop/a"),
    key("XListenerSet", "shop/a"),
    key("CustomResourceDefinition", "xlistenersets.gateway.networking.x-k8s.io"),
    key("VerticalPodAutoscaler", "edge/a"),
    key("GatewayClass", "istio-agentgateway"),
    Key("wgpolicyk8s.io", "policyreports", "istio-system", "a"),
    key("Secret", "istio-system/builder-dockercfg-x7x2k"),
    key("ConfigMap", "istio-system/openshift-service-ca.crt"),
    key("Service", "istio-system/pool-ip-1a2b3c4d"),
)
OF_BOTH = (
    key("VirtualService", "shop/a"),
    key("GatewayClass", "own"),
    key("Secret", "istio-system/cacerts"),
    key("ConfigMap", "istio-system/istio"),
    key("CustomResourceDefinition", "gateways.gateway.networking.k8s.io"),
)


def test_two_versions_of_the_tables_agree_about_all_but_what_has_changed_between_them() -> None:
    for one, other in ((1, 2), (2, 1), (1, 3)):
        assert [item for item in (*OF_VERSION_2, *OF_BOTH) if judged_alike(item, one, other)] == [*OF_BOTH]
    assert all(judged_alike(item, 2, 3) and judged_alike(item, 1, 1) for item in (*OF_VERSION_2, *OF_BOTH))
    assert max(change.version for change in SCOPE_CHANGES) == SCOPE_VERSION, "whoever raises it says what has changed"
    assert all(change.why for change in SCOPE_CHANGES)


def test_another_root_namespace_is_another_mesh() -> None:
    assert in_scope(type_of("ConfigMap"), obj("ConfigMap", "mesh/a"), "mesh")
    assert not in_scope(type_of("ConfigMap"), obj("ConfigMap", "istio-system/a"), "mesh")


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("", True),
        ("apps", True),
        ("networking.istio.io", True),
        ("gateway.networking.k8s.io", True),
        ("apiextensions.k8s.io", True),
        ("istio.io", False),
        ("networking.istio.io.example", False),
        ("batch", False),
        ("metrics.k8s.io", False),
    ],
)
def test_a_group_is_of_the_mesh_where_a_row_names_it(group: str, expected: bool) -> None:
    assert is_of_mesh(group) is expected


def test_a_group_is_excluded_as_it_is_written_and_nothing_beside_it() -> None:
    excluded = ("*.example.com", "things.example.org")
    assert [excluded_group(name) for name in (*excluded, "*", "*.", "*.*.com", "*.a.")] == ["example.com", *[""] * 5]
    assert is_excluded("others.example.com", excluded)
    assert is_excluded("things.example.org", excluded)
    for resource in ("others.example.org", "things.sub.example.com", "things", "example.com"):
        assert not is_excluded(resource, excluded)


def test_configuration_is_listed_once_for_all_namespaces() -> None:
    (rule,) = scope_rules_for("virtualservices.networking.istio.io", namespaced=True)
    assert rule.id == "mesh-configuration"


def test_types_that_are_never_state_are_not_even_listed() -> None:
    assert all(
        is_derived_type(name)
        for name in (
            *("pods", "events", "leases.coordination.k8s.io", "pods.metrics.k8s.io", "policyreports.wgpolicyk8s.io"),
            *("reports.openreports.io", "ephemeralreports.reports.kyverno.io", "admissionreports.kyverno.io"),
            "verticalpodautoscalercheckpoints.autoscaling.k8s.io",
        )
    )
    assert not is_derived_type("clusterpolicies.kyverno.io")
    assert not is_derived_type("endpointslices.discovery.k8s.io")


def test_gateway_classes_of_users_are_state() -> None:
    assert derived_by(obj("ConfigMap", "istio-system/istio")) is None


def test_of_a_namespace_only_the_steering_labels_are_taken() -> None:
    namespace = obj(
        "Namespace", "shop", labels={"istio.io/rev": "canary", "team": "a"}, annotations={"x": "y"}, spec={}
    )
    assert steering_only(namespace).body == {
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio.io/rev": "canary"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "name", "stage"),
    [
        ("namespaces", "shop", "namespaces"),
        ("customresourcedefinitions.apiextensions.k8s.io", "x", "definitions"),
        ("clusterroles.rbac.authorization.k8s.io", "x", "permissions"),
        ("serviceaccounts", "istiod", "permissions"),
        ("configmaps", "istio", "configuration"),
        ("networkpolicies.networking.k8s.io", "x", "configuration"),
        ("services", "istiod", "services"),
        ("deployments.apps", "istiod", "control plane"),
        ("deployments.apps", "istiod-1-29", "control plane"),
        ("deployments.apps", "istio-ingressgateway", "workloads"),
        ("horizontalpodautoscalers.autoscaling", "istiod", "workloads"),
        ("persistentvolumeclaims", "x", "other"),
        ("virtualservices.networking.istio.io", "x", "mesh configuration"),
        ("gateways.gateway.networking.k8s.io", "x", "mesh configuration"),
        ("inferencepools.inference.networking.k8s.io", "x", "mesh configuration"),
        ("verticalpodautoscalers.autoscaling.k8s.io", "x", "workloads"),
        ("mutatingwebhookconfigurations.admissionregistration.k8s.io", "x", "injection"),
        ("validatingwebhookconfigurations.admissionregistration.k8s.io", "x", "validation"),
    ],
)
def test_each_object_is_written_in_its_stage(resource: str, name: str, stage: str) -> None:
    plural, _, group = resource.partition(".")
    assert STAGES[stage_of(Key(group, plural, "", name))].name == stage


def test_the_order_keeps_its_laws() -> None:
    order = ("definitions", "configuration", "other", "control plane", "injection", "workloads", "mesh configuration")
    last = (NAMESPACE_LABELS, PUT_BACK, PARTS_AGAIN, WORKLOADS_AGAIN, *RETIREMENT)
    numbers = [stage_named(name) for name in (RELAXING, *order, "validation", *last)]
    assert numbers == sorted(numbers)
    assert (numbers[0], numbers[-1]) == (0, len(STAGES) - 1)
    assert STAGES[stage_named("definitions")].wait is Wait.ESTABLISHED
    assert STAGES[stage_named("control plane")].wait is Wait.ROLLED_OUT


def test_every_row_has_a_reason() -> None:
    assert all(rule.why for rule in SCOPE)
    assert all(rule.why and rule.source for rule in DERIVED)
    assert all(stage.why for stage in STAGES)
    assert len({rule.id for rule in SCOPE}) == len(SCOPE)
    assert TOGETHER
