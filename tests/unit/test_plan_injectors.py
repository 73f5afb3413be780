"""Who would inject a pod and with which proxy, from webhooks, labels and values alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.webhooks import DeadWebhook, ServiceName
from kubectl_istio_upgrade.plan.injectors import Injectors

from .builders import obj, state

SERVICE = {"namespace": "istio-system", "name": "istiod"}
PODS = [{"resources": ["pods"], "operations": ["CREATE"], "apiGroups": [""]}]
NOT_FALSE = {"matchExpressions": [{"key": "sidecar.istio.io/inject", "operator": "NotIn", "values": ["false"]}]}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def hook(name: str, namespaces: list[Any], objects: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "rules": PODS,
        "clientConfig": {"service": SERVICE},
        "namespaceSelector": {"matchExpressions": namespaces},
        "objectSelector": objects or NOT_FALSE,
    }


def injector(name: str, revision: str, *hooks: dict[str, Any]) -> MeshObject:
    labels = {"istio.io/rev": revision}
    return obj("MutatingWebhookConfiguration", name, labels=labels, webhooks=list(hooks))


DEFAULT = injector(
    "istio-sidecar-injector",
    "default",
    hook("namespace", [expression("istio-injection", "In", "enabled")]),
    hook(
        "object",
        [expression("istio-injection", "DoesNotExist"), expression("istio.io/rev", "DoesNotExist")],
        {"matchExpressions": [expression("sidecar.istio.io/inject", "In", "true")]},
    ),
)
CANARY = injector("istio-sidecar-injector-canary", "canary", hook("rev", [expression("istio.io/rev", "In", "canary")]))
NEUTERED = injector(
    "istio-revision-tag-old", "old", hook("off", [], {"matchLabels": {"istio.io/deactivated": "never-match"}})
)
FOREIGN = obj("MutatingWebhookConfiguration", "other", webhooks=[hook("pods", [])])
NAMESPACES = (
    obj("Namespace", "shop", labels={"istio-injection": "enabled"}),
    obj("Namespace", "next", labels={"istio.io/rev": "canary"}),
    obj("Namespace", "lost", labels={"istio.io/rev": "gone"}),
    obj("Namespace", "plain"),
)


def values(revision: str = "", **settings: Any) -> MeshObject:
    body = {"values": json.dumps({"global": settings})}
    return obj("ConfigMap", f"istio-system/istio-sidecar-injector{revision}", data=body)


def injectors(*more: MeshObject, dead: tuple[DeadWebhook, ...] = ()) -> Injectors:
    return Injectors(state(DEFAULT, CANARY, NEUTERED, FOREIGN, *NAMESPACES, *more), dead)


@pytest.mark.parametrize(
    ("namespace", "labels", "webhook"),
    [
        ("shop", {}, "namespace"),
        ("shop", {"sidecar.istio.io/inject": "false"}, ""),
        ("next", {}, "rev"),
        ("lost", {}, ""),
        ("lost", {"sidecar.istio.io/inject": "true"}, ""),
        ("plain", {}, ""),
        ("plain", {"sidecar.istio.io/inject": "true"}, "object"),
        ("unknown", {"sidecar.istio.io/inject": "true"}, "object"),
    ],
)
def test_whom_the_api_server_would_ask(namespace: str, labels: dict[str, str], webhook: str) -> None:
    found = injectors().of(namespace, labels)
    assert (found.webhook if found else "") == webhook


def test_namespaces_whose_pods_need_not_ask() -> None:
    found = injectors()
    assert [name for name in ("shop", "next", "lost", "plain") if found.may_inject_in(name)] == ["shop", "next"]


@pytest.mark.parametrize(
    ("settings", "annotations", "image"),
    [
        ({"hub": "docker.io/istio", "tag": "1.29.1"}, {}, "docker.io/istio/proxyv2:1.29.1"),
        ({"hub": "h", "tag": "1.29.1", "variant": "distroless"}, {}, "h/proxyv2:1.29.1-distroless"),
        ({"hub": "h", "tag": "1.29.1-debug", "variant": "distroless"}, {}, "h/proxyv2:1.29.1-distroless"),
        ({"hub": "h", "tag": "1.29.1-debug", "variant": "default"}, {}, "h/proxyv2:1.29.1"),
        ({"hub": "h", "tag": "t", "proxy": {"image": "own"}}, {}, "h/own:t"),
        ({"hub": "h", "tag": "t", "proxy": {"image": "r.io/own:2"}}, {}, "r.io/own:2"),
        ({"hub": "h", "tag": "t"}, {"sidecar.istio.io/proxyImage": "r.io/mine:3"}, "r.io/mine:3"),
        ({"hub": "h", "tag": "t"}, {"sidecar.istio.io/proxyImageType": "debug"}, "h/proxyv2:t-debug"),
        ({"hub": "h"}, {}, ""),
    ],
)
def test_the_image_is_put_together_as_istio_does(
    settings: dict[str, Any], annotations: dict[str, str], image: str
) -> None:
    found = injectors(values(**settings))
    chosen = found.of("shop", {})
    assert chosen
    assert found.image(chosen, annotations) == image


def test_a_revision_has_values_of_its_own() -> None:
    found = injectors(values("-canary", hub="h", tag="2"), values(hub="h", tag="1"))
    chosen = found.of("next", {})
    assert chosen
    assert found.image(chosen, {}) == "h/proxyv2:2"


def test_values_that_are_not_there_or_no_json_name_no_image() -> None:
    broken = obj("ConfigMap", "istio-system/istio-sidecar-injector", data={"values": "{"})
    for found in (injectors(), injectors(broken)):
        chosen = found.of("shop", {})
        assert chosen
        assert found.image(chosen, {}) == ""


def test_an_injector_that_does_not_answer() -> None:
    key = Key("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "istio-sidecar-injector")
    dead = DeadWebhook(key, "namespace", "Fail", (), "nobody is there", ServiceName("istio-system", "istiod"))
    found = injectors(dead=(dead,))
    assert found.silent(found.of("shop", {})) is dead
    assert found.silent(found.of("next", {})) is None
    assert found.silent(None) is None
