"""What there is to look at in a new manifest."""

from __future__ import annotations

import json

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.upgrades import ReviewPoint
from kubectl_istio_upgrade.plan.reviewing import ASPECTS, review

from .builders import obj

INJECTOR = "istio-system/istio-sidecar-injector"


def istiod(tag: str, **pod: object) -> MeshObject:
    container = {"name": "discovery", "image": f"registry/pilot:{tag}", "securityContext": {"runAsNonRoot": True}}
    return obj("Deployment", "istio-system/istiod", spec={"template": {"spec": {"containers": [container], **pod}}})


def injector(**values: object) -> MeshObject:
    given = {
        "global": {"hub": "registry", "tag": "1.29.1", "proxy": {"image": "proxyv2"}},
        "sidecarInjectorWebhook": {"enableNamespacesByDefault": False},
        **values,
    }
    return obj("ConfigMap", "istio-system/istio-sidecar-injector", data={"values": json.dumps(given)})


def points(before: list[MeshObject], after: list[MeshObject], aspect: str) -> list[tuple[str, str, str]]:
    found = review({each.key: each for each in before}, {each.key: each for each in after})
    return [(point.where, point.before, point.after) for point in found if point.aspect == aspect]


def test_images_say_registry_and_tag_before_and_after() -> None:
    assert points([istiod("1.28.3")], [istiod("1.29.1")], "images") == [
        ("istio-system/istiod discovery", "registry/pilot:1.28.3", "registry/pilot:1.29.1")
    ]


def test_two_gateways_of_one_name_are_told_apart() -> None:
    gateways = [obj("Service", f"{namespace}/gateway", spec={"type": "ClusterIP"}) for namespace in ("a", "b")]
    moved = [gateways[0], obj("Service", "b/gateway", spec={"type": "LoadBalancer"})]
    assert points(gateways, moved, "Service types") == [
        ("a/gateway", "ClusterIP", "ClusterIP"),
        ("b/gateway", "ClusterIP", "LoadBalancer"),
    ]


def test_what_is_new_and_what_goes_has_one_side_alone() -> None:
    assert points([], [istiod("1")], "images") == [("istio-system/istiod discovery", "", "registry/pilot:1")]
    assert points([istiod("1")], [], "images") == [("istio-system/istiod discovery", "registry/pilot:1", "")]


def test_security_contexts_are_told_in_a_line_for_the_pod_and_each_container() -> None:
    context = {"runAsUser": 1337, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL", "NET_ADMIN"]}}
    assert points([], [istiod("1", securityContext=context)], "security context") == [
        (
            "istio-system/istiod pod",
            "",
            "allowPrivilegeEscalation false, capabilities drop ALL NET_ADMIN, runAsUser 1337",
        ),
        ("istio-system/istiod discovery", "", "runAsNonRoot"),
    ]


def test_pull_secrets_are_named() -> None:
    with_one = istiod("1", imagePullSecrets=[{"name": "registry"}])
    account = obj("ServiceAccount", "istio-system/istiod")
    of_account = obj("ServiceAccount", "istio-system/istiod", imagePullSecrets=[{"name": "registry"}, {"name": "b"}])
    assert points([istiod("1"), account], [with_one, of_account], "pull secrets") == [
        ("istio-system/istiod service account", "none", "registry, b"),
        ("istio-system/istiod pods", "", "registry"),
    ]


def test_a_service_without_a_type_has_the_servers_default() -> None:
    before = obj("Service", "istio-system/gateway", spec={"type": "LoadBalancer"})
    after = obj("Service", "istio-system/gateway", spec={})
    assert points([before], [after], "Service types") == [("istio-system/gateway", "LoadBalancer", "ClusterIP")]


def test_the_cni_plugin_is_chained_unless_it_says_otherwise() -> None:
    chained = obj("ConfigMap", "istio-system/istio-cni-config", data={"AMBIENT_ENABLED": "true"})
    alone = obj("ConfigMap", "istio-system/istio-cni-config", data={"CHAINED_CNI_PLUGIN": "false"})
    assert points([chained], [alone], "CNI") == [
        ("istio-system/istio-cni-config plugin", "chained", "standalone"),
        ("istio-system/istio-cni-config ambient", "on", "off"),
    ]


def test_sidecars_come_from_the_values_of_the_injector() -> None:
    through_cni = injector(pilot={"cni": {"enabled": True}}, sidecarInjectorWebhook={"enableNamespacesByDefault": True})
    assert points([injector()], [through_cni], "sidecars") == [
        (f"{INJECTOR} image", "registry/proxyv2:1.29.1", "registry/proxyv2:1.29.1"),
        (f"{INJECTOR} redirected by", "an init container", "the CNI plugin"),
        (f"{INJECTOR} injected into", "namespaces and pods that ask", "every namespace that does not refuse"),
    ]


def test_values_that_no_chart_writes_are_passed_over() -> None:
    for text in ("", "[]", "{", '{"global": 1}'):
        broken = obj("ConfigMap", "istio-system/istio-sidecar-injector", data={"values": text})
        assert points([broken], [broken], "sidecars") == []


def test_the_points_come_in_the_order_of_the_table() -> None:
    found = review({}, {each.key: each for each in (injector(), istiod("1"), obj("Service", "istio-system/a"))})
    order = [aspect.title for aspect in ASPECTS]
    assert [order.index(point.aspect) for point in found] == sorted(order.index(point.aspect) for point in found)
    assert not ReviewPoint("images", "a", "b", "b").changed
