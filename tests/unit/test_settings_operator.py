"""An IstioOperator out of what a mesh has on record, and out of what that would still change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from kubectl_istio_upgrade.diff.paths import dotted
from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.changes import ObjectDiff
from kubectl_istio_upgrade.models.objects import Body, Completeness, Json, MeshObject, ServerFields
from kubectl_istio_upgrade.plan.settings.operator import Origin, as_canary, first_guess, for_release
from kubectl_istio_upgrade.plan.settings.remainder import Amendment, settable

from .builders import obj, state

ORIGIN = Origin("istio-system", "default", "1.28.3")
DEFAULTS: Body = {"global": {"hub": "x", "configValidation": True}, "gateways": {"istio-ingressgateway": {}}}


def labelled(component: str) -> Body:
    return {"operator.istio.io/component": component, "istio.io/rev": "default"}


def installed(*gateways: str) -> list[MeshObject]:
    names = [("istio-system/istiod", "Pilot"), *((f"istio-system/{name}", "IngressGateways") for name in gateways)]
    return [obj("Deployment", name, labels=labelled(component)) for name, component in names]


def recorded(values: Body, name: str = "values") -> MeshObject:
    field = "original-values" if name.startswith("values") else "values"
    return obj("ConfigMap", f"istio-system/{name}", data={field: json.dumps(values)})


def guess(*objects: MeshObject, origin: Origin = ORIGIN) -> Body:
    spec: Body = first_guess(state(*objects), origin, DEFAULTS).body["spec"]
    return spec


def test_only_what_was_set_is_in_the_settings() -> None:
    values = {
        "global": {"hub": "registry/istio", "tag": "1.28.3", "configValidation": True, "imagePullSecrets": ["s"]},
        "meshConfig": {"accessLogFile": "/dev/stdout"},
        "pilot": {"enabled": True, "autoscaleMin": 2, "cni": {"enabled": False}},
        "gateways": {"istio-ingressgateway": {"type": "ClusterIP"}},
    }
    assert guess(recorded(values), *installed("istio-ingressgateway")) == {
        "hub": "registry/istio",
        "tag": "1.28.3",
        "meshConfig": {"accessLogFile": "/dev/stdout"},
        "values": {
            "global": {"imagePullSecrets": ["s"]},
            "pilot": {"autoscaleMin": 2},
            "gateways": {"istio-ingressgateway": {"type": "ClusterIP"}},
        },
    }


def test_before_1_26_the_injector_has_the_values() -> None:
    values = {"global": {"hub": "h", "proxy": {"logLevel": "debug"}}}
    spec = guess(recorded(values, "istio-sidecar-injector"), *installed("istio-ingressgateway"))
    assert spec["values"] == {"global": {"proxy": {"logLevel": "debug"}}}


def test_components_are_those_whose_objects_are_there() -> None:
    assert guess(*installed())["components"] == {
        "ingressGateways": [{"name": "istio-ingressgateway", "enabled": False}]
    }
    assert guess(*installed("east", "west"))["components"]["ingressGateways"] == [
        {"name": "east", "enabled": True},
        {"name": "west", "enabled": True},
    ]


def test_a_revision_is_a_setting_and_its_records_have_its_name() -> None:
    origin = Origin("istio-system", "canary", "1.28.3")
    spec = guess(recorded({"pilot": {"autoscaleMin": 3}}, "values-canary"), origin=origin)
    assert spec["revision"] == "canary"
    assert spec["values"] == {"pilot": {"autoscaleMin": 3}}


def test_a_broken_record_is_none() -> None:
    broken = obj("ConfigMap", "istio-system/values", data={"original-values": "{"})
    assert "values" not in guess(broken, *installed("istio-ingressgateway"))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("1.28.3", "1.29.1"), ("1.28.3-fips", "1.29.1-fips"), ("1.28.3-distroless", "1.29.1-distroless")],
)
def test_the_tag_keeps_what_is_around_the_version(tag: str, expected: str) -> None:
    assert for_release({"spec": {"tag": tag}}, "1.28.3", "1.29.1")["spec"]["tag"] == expected


BEFORE = {
    "tag": "1.28.3",
    "values": {
        "pilot": {"tag": "1.28.3-fips", "image": "reg:5000/pilot:1.28.3"},
        "cni": {"tag": "1.28.3"},
        "ztunnel": {"image": "reg/z:1.28.3@sha256:01"},
        "global": {"proxy": {"image": "reg/proxyv2:1.28.3-ours"}, "variant": "1.28.3"},
    },
    "components": {
        "ztunnel": {"tag": "1.28.30"},
        "ingressGateways": [{"name": "east", "tag": "1.28.3"}],
        "cni": {"k8s": {"overlays": [{"name": "istio-cni-node", "patches": [
            {"path": "spec.template.spec.containers.[name:install-cni].image", "value": "reg/install-cni:1.28.3"},
            {"path": "metadata.annotations.mine", "value": "1.28.3"},
            {"path": "spec.template.spec.nodeSelector"},
        ]}]}},
    },
}  # fmt: skip


def test_every_setting_that_names_an_image_of_the_old_release_names_the_new_one() -> None:
    after = for_release({"spec": BEFORE}, "1.28.3", "1.29.1")["spec"]
    assert after["values"] == {
        "pilot": {"tag": "1.29.1-fips", "image": "reg:5000/pilot:1.29.1"},
        "cni": {"tag": "1.29.1"},
        "ztunnel": {"image": "reg/z:1.28.3@sha256:01"},
        "global": {"proxy": {"image": "reg/proxyv2:1.29.1-ours"}, "variant": "1.28.3"},
    }
    assert after["components"]["ztunnel"] == {"tag": "1.28.30"}, "another release"
    assert after["components"]["ingressGateways"] == [{"name": "east", "tag": "1.29.1"}]
    (overlay,) = after["components"]["cni"]["k8s"]["overlays"]
    assert [patch.get("value") for patch in overlay["patches"]] == ["reg/install-cni:1.29.1", "1.28.3", None]
    assert for_release({"spec": BEFORE}, "", "1.29.1")["spec"] == {**BEFORE, "tag": "1.29.1"}


USES_CNI = {"pilot": {"cni": {"enabled": True}}}


def test_a_canary_leaves_the_node_agents_alone_and_its_sidecars_go_on_using_the_plugin() -> None:
    cni = {"enabled": True, "namespace": "kube-system"}
    gateway = [{"name": "istio-ingressgateway", "enabled": False}]
    spec = as_canary({"spec": {"components": {"cni": cni, "ztunnel": {"enabled": True}}}}, "new", gateways=False)[
        "spec"
    ]
    assert spec["components"]["cni"] == {"enabled": False, "namespace": "kube-system"}
    assert spec["components"]["ztunnel"] == {"enabled": False}
    assert (spec["components"]["ingressGateways"], spec["unvalidatedValues"]) == (gateway, USES_CNI)
    with_gateways = as_canary({"spec": {"components": {"cni": cni}}}, "new", gateways=True)["spec"]
    assert with_gateways["components"] == {"cni": spec["components"]["cni"]}


def test_without_node_agents_a_canary_says_nothing_of_them() -> None:
    spec = as_canary({"spec": {"components": {"cni": {"enabled": False}}}}, "new", gateways=True)["spec"]
    assert spec == {"revision": "new", "components": {"cni": {"enabled": False}}}
    assert as_canary({"spec": {}}, "new", gateways=True) == {"spec": {"revision": "new"}}


def test_sidecars_that_a_plugin_of_somebody_elses_redirects_stay_so() -> None:
    values = {"pilot": {"cni": {"enabled": True}}}
    assert guess(recorded(values), *installed())["unvalidatedValues"] == USES_CNI
    own = obj("DaemonSet", "istio-system/istio-cni-node", labels=labelled("Cni"))
    spec = guess(recorded(values), own, *installed())
    assert "unvalidatedValues" not in spec
    assert spec["components"]["cni"] == {"enabled": True}


def test_node_agents_whose_control_plane_is_gone_are_known_by_themselves_with_the_values_of_the_next() -> None:
    agent = obj("DaemonSet", "kube-system/istio-cni-node", labels=labelled("Cni"))
    values = {"global": {"tag": "1.29.1", "hub": "reg"}, "cni": {"chained": False}}
    origin = Origin("istio-system", "default", "1.28.3", records="canary")
    spec = guess(recorded(values, "values-canary"), agent, origin=origin)
    assert (spec["tag"], spec["hub"], spec["values"]) == ("1.28.3", "reg", {"cni": {"chained": False}})
    assert spec["components"]["cni"] == {"enabled": True, "namespace": "kube-system"}
    assert spec["components"]["pilot"] == {"enabled": False}


def test_a_tag_that_floats_is_left_for_people() -> None:
    spec = {"tag": "1.28", "values": {"pilot": {"tag": "latest"}}}
    assert for_release({"spec": spec}, "1.28.3", "1.29.1")["spec"] == spec


def would_change(live: MeshObject, installed: MeshObject) -> Iterable[ObjectDiff]:
    preview = replace(installed, server=ServerFields())  # as a dry run answers: of no version that is live
    promised = state(preview, completeness=Completeness.OBJECTS)
    return compare(state(live), promised).diffs


def amended(live: MeshObject, after: MeshObject, body: Body | None = None) -> Amendment:
    amendment = Amendment(body or {"spec": {}}, json.loads, "default")
    amendment.keep(would_change(live, after))
    return amendment


def istiod(container: Body, **spec: Json) -> MeshObject:
    pod = {"containers": [{"name": "discovery", **container}], **spec.pop("pod", {})}
    template = {"metadata": {}, "spec": pod}
    return obj("Deployment", "istio-system/istiod", labels=labelled("Pilot"), spec={"template": template, **spec})


def test_resources_that_no_value_has_become_the_components_own() -> None:
    live = istiod({"resources": {"requests": {"cpu": "10m"}}})
    spec = amended(live, istiod({"resources": {"requests": {"cpu": "500m"}}})).body["spec"]
    assert spec == {"components": {"pilot": {"k8s": {"resources": {"requests": {"cpu": "10m"}}}}}}


def test_of_a_list_of_variables_only_those_that_differ_are_set() -> None:
    live = istiod({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "mine"}]})
    after = istiod({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "theirs"}]})
    assert amended(live, after).body["spec"]["components"]["pilot"]["k8s"] == {"env": [{"name": "B", "value": "mine"}]}


def test_what_is_not_to_be_there_takes_an_overlay() -> None:
    after = istiod({}, pod={"nodeSelector": {"disk": "ssd"}})
    overlays = amended(istiod({}), after).body["spec"]["components"]["pilot"]["k8s"]["overlays"]
    assert overlays == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "istiod",
            "patches": [{"path": "spec.template.spec.nodeSelector"}],
        }
    ]


def test_the_service_of_a_gateway_keeps_its_type_in_the_entry_of_that_gateway() -> None:
    live = obj("Service", "istio-system/east", labels=labelled("IngressGateways"), spec={"type": "ClusterIP"})
    after = obj("Service", "istio-system/east", labels=labelled("IngressGateways"), spec={"type": "LoadBalancer"})
    entries = [{"name": "west", "enabled": True}, {"name": "east", "enabled": True}]
    body = amended(live, after, {"spec": {"components": {"ingressGateways": entries}}}).body
    assert body["spec"]["components"]["ingressGateways"] == [
        {"name": "west", "enabled": True},
        {"name": "east", "enabled": True, "k8s": {"service": {"type": "ClusterIP"}}},
    ]


def test_mesh_configuration_that_was_edited_by_hand_is_kept() -> None:
    live = obj("ConfigMap", "istio-system/istio", data={"mesh": '{"a": 1, "b": {"c": 2, "d": 3}}'})
    after = obj("ConfigMap", "istio-system/istio", data={"mesh": '{"a": 1, "b": {"c": 0, "d": 3}}'})
    assert amended(live, after).body["spec"] == {"meshConfig": {"b": {"c": 2}}}


def test_a_difference_in_the_record_of_values_is_none() -> None:
    amendment = amended(recorded({"a": 1}), recorded({}))
    assert amendment.body == {"spec": {}}


def test_what_no_setting_can_say_is_left_to_be_told() -> None:
    live = obj("ConfigMap", "istio-system/extra", data={"a": "1"})
    assert amended(live, obj("ConfigMap", "istio-system/extra", data={"a": "2"})).body == {"spec": {}}


def at_risk(live: MeshObject, after: MeshObject) -> list[str]:
    found = settable(would_change(live, after), "default", json.loads)
    return [f"{diff.key.name} {dotted(change.path)}" for diff in found for change in diff.fields]


def test_of_what_another_release_would_change_only_what_may_be_a_setting_is_at_risk() -> None:
    live = istiod(
        {"image": "pilot:1", "resources": {"requests": {"cpu": "10m"}}}, pod={"nodeSelector": {"disk": "ssd"}}
    )
    after = istiod({"image": "pilot:2", "resources": {"requests": {"cpu": "500m"}}, "env": [{"name": "NEW"}]})
    assert at_risk(live, after) == [
        "istiod spec.template.spec.containers[name=discovery].resources.requests.cpu",
        "istiod spec.template.spec.nodeSelector",
    ]


def test_mesh_configuration_that_would_be_lost_is_at_risk_and_what_comes_new_is_not() -> None:
    live = obj("ConfigMap", "istio-system/istio", data={"mesh": '{"a": 1, "b": {"c": 2, "d": 3}}', "other": "1"})
    after = obj("ConfigMap", "istio-system/istio", data={"mesh": '{"b": {"c": 0, "d": 3, "e": 4}}', "other": "2"})
    assert at_risk(live, after) == ["istio data.mesh.a", "istio data.mesh.b.c"]
    assert at_risk(live, obj("ConfigMap", "istio-system/istio", data={**live.body["data"], "other": "2"})) == []
