"""Gateways that move to a control plane that is there already, and whose settings go with them."""

from __future__ import annotations

from kubectl_istio_upgrade.models.installations import Installation
from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.settings import OperatorSettings, Source
from kubectl_istio_upgrade.plan.installation import installation_of
from kubectl_istio_upgrade.plan.settings.gateways import with_gateways_of

from .assessing import ISTIOCTL_LABELS, ROOT, deployment, evidence, istiod, pod_spec

NONE = {"ingressGateways": [{"name": "istio-ingressgateway", "enabled": False}]}


def operator(spec: Body, *, proved: str = "1.29.1", sources: tuple[Source, ...] = ()) -> OperatorSettings:
    return OperatorSettings({"spec": spec}, sources, proved)


def joined(own: Body, other: Body) -> Body:
    spec: Body = with_gateways_of(operator(own), operator(other, proved="1.28.3")).body["spec"]
    return spec


def test_the_control_plane_keeps_its_settings_and_the_gateways_bring_theirs() -> None:
    own = {"revision": "canary", "meshConfig": {"a": 1}, "components": {**NONE, "pilot": {"k8s": {"replicaCount": 3}}}}
    east = {"name": "east", "enabled": True, "k8s": {"service": {"type": "ClusterIP"}}}
    other = {"meshConfig": {"b": 2}, "components": {"ingressGateways": [east], "pilot": {"k8s": {"replicaCount": 9}}}}
    spec = joined(own, other)
    assert (spec["revision"], spec["meshConfig"]) == ("canary", {"a": 1})
    assert spec["components"]["pilot"] == {"k8s": {"replicaCount": 3}}
    assert spec["components"]["ingressGateways"] == [east]


def test_the_gateway_of_the_profile_is_named_nowhere_and_moves_all_the_same() -> None:
    moved = joined({"components": NONE}, {})["components"]
    assert moved["ingressGateways"] == [{"name": "istio-ingressgateway", "enabled": True}]
    assert moved["egressGateways"] == [{"name": "istio-egressgateway", "enabled": False}]


def test_gateways_that_have_moved_before_stay_as_they_are() -> None:
    mine = {"name": "east", "enabled": True, "k8s": {"replicaCount": 3}}
    theirs = [{"name": "east", "enabled": True}, {"name": "west", "enabled": True}]
    spec = joined({"components": {"ingressGateways": [mine]}}, {"components": {"ingressGateways": theirs}})
    assert spec["components"]["ingressGateways"] == [mine, theirs[1]]


def test_values_of_gateways_are_taken_over_where_there_are_none() -> None:
    other = {"values": {"gateways": {"istio-ingressgateway": {"type": "ClusterIP", "x": 1}}, "pilot": {"y": 1}}}
    spec = joined({"values": {"gateways": {"istio-ingressgateway": {"x": 2}}}}, other)
    assert spec["values"] == {"gateways": {"istio-ingressgateway": {"type": "ClusterIP", "x": 2}}}


def test_both_must_be_proved_and_only_sources_of_gateways_are_told() -> None:
    sources = (Source("spec.meshConfig", "m"), Source("spec.components.ingressGateways[0].k8s.service", "g"))
    both = with_gateways_of(operator({}), operator({}, proved="1.28.3", sources=sources))
    assert (both.proved_with, both.sources) == ("1.29.1 and 1.28.3", sources[1:])
    assert with_gateways_of(operator({}), operator({}, proved="")).proved_with == ""


def gateway(name: str, revision: str) -> MeshObject:
    labels = {"operator.istio.io/component": "IngressGateways", "istio.io/rev": revision, **ISTIOCTL_LABELS}
    return deployment(f"{ROOT}/{name}", pod_spec("docker.io/istio/proxyv2:1.28.3", "istio-proxy"), labels=labels)


def origins(installed: Installation, revision: str, *, gateways: bool = False) -> list[str]:
    return [plane.revision for plane in installed.origins(revision, gateways=gateways)]


def test_whose_settings_an_upgrade_goes_on_with() -> None:
    objects = istiod("1.28.3"), istiod("1.29.1", "canary"), gateway("east", "default")
    installed = installation_of(evidence(*objects).state)
    assert origins(installed, "") == ["default"]
    assert origins(installed, "new", gateways=True) == ["default"], "the gateways are in its settings"
    assert origins(installed, "canary") == ["canary"]
    assert origins(installed, "canary", gateways=True) == ["canary", "default"]
    moved = installation_of(evidence(*objects[:2], gateway("east", "canary")).state)
    assert origins(moved, "canary", gateways=True) == ["canary"]
    assert origins(installation_of(evidence(bare=True).state), "canary", gateways=True) == []
