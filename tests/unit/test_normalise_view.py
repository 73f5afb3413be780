from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given

from kubectl_istio_upgrade.models.objects import Body, Json, MeshObject
from kubectl_istio_upgrade.normalise.view import Surroundings, for_creation, keep_live, quiet, surroundings
from kubectl_istio_upgrade.rules.fields import FIELDS

from .builders import obj, state
from .json_values import mappings

NOTHING = Surroundings()
ISTIOD = {"istio.io/rev": "default"}


def webhook(name: str, ca: str, policy: str = "Fail") -> Body:
    return {"name": name, "clientConfig": {"caBundle": ca}, "failurePolicy": policy}


@given(mappings)
def test_the_object_itself_is_left_alone(content: Json) -> None:
    original = obj(
        "ConfigMap", "ns/a", status=content, annotations={"kubectl.kubernetes.io/last-applied-configuration": "x"}
    )
    before = copy.deepcopy(original.body)
    quiet(original, NOTHING)
    assert original.body == before


def test_status_is_left_out_whatever_the_type() -> None:
    body, left_out = quiet(obj("VirtualService", "ns/a", status={"x": 1}), NOTHING)
    assert "status" not in body
    assert [rule.id for rule in left_out] == ["status"]


def test_the_ca_is_noise_only_in_webhooks_that_istiod_patches() -> None:
    hooks = [webhook("a", "CA")]
    ours = quiet(obj("MutatingWebhookConfiguration", "a", labels=ISTIOD, webhooks=hooks), NOTHING)[0]
    theirs = quiet(obj("MutatingWebhookConfiguration", "a", webhooks=hooks), NOTHING)[0]
    assert ours["webhooks"][0]["clientConfig"] == {}
    assert theirs["webhooks"][0]["clientConfig"] == {"caBundle": "CA"}


def test_a_failure_policy_is_noise_only_where_istiod_flips_it() -> None:
    hooks = [webhook("a", "CA")]
    validating = quiet(obj("ValidatingWebhookConfiguration", "a", labels=ISTIOD, webhooks=hooks), NOTHING)[0]
    mutating = quiet(obj("MutatingWebhookConfiguration", "a", labels=ISTIOD, webhooks=hooks), NOTHING)[0]
    assert "failurePolicy" not in validating["webhooks"][0]
    assert mutating["webhooks"][0]["failurePolicy"] == "Fail"


def test_annotations_that_become_empty_go_too() -> None:
    deployment = obj("Deployment", "ns/a", annotations={"deployment.kubernetes.io/revision": "3"})
    assert "annotations" not in quiet(deployment, NOTHING)[0]["metadata"]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_a_restart_is_no_difference_where_the_template_has_no_other_annotations(kind: str) -> None:
    at = {"kubectl.kubernetes.io/restartedAt": "2026-11-24T00:55:00Z"}
    rest: Body = {"labels": {"app": "a"}}
    templates = [rest, {**rest, "annotations": {}}, {**rest, "annotations": at}]
    views = [quiet(obj(kind, "ns/a", spec={"template": {"metadata": each}}), NOTHING)[0] for each in templates]
    assert views[0] == views[1] == views[2]
    assert views[0]["spec"]["template"]["metadata"] == {"labels": {"app": "a"}}


def test_a_restart_leaves_other_annotations_of_the_template_compared() -> None:
    annotations = {"kubectl.kubernetes.io/restartedAt": "now", "sidecar.istio.io/inject": "false"}
    restarted = obj("Deployment", "ns/a", spec={"template": {"metadata": {"annotations": annotations}}})
    kept = quiet(restarted, NOTHING)[0]["spec"]["template"]["metadata"]
    assert kept == {"annotations": {"sidecar.istio.io/inject": "false"}}


def test_empty_maps_elsewhere_are_content() -> None:
    rules: Body = {"annotations": {}, "labels": {}, "template": {"metadata": {"labels": {}}}}
    assert quiet(obj("EnvoyFilter", "ns/a", spec=rules), NOTHING)[0]["spec"] == rules


def test_an_update_keeps_the_ca_that_is_live_by_name_of_the_hook() -> None:
    target = obj(
        "MutatingWebhookConfiguration", "a", labels=ISTIOD, webhooks=[webhook("a", "old"), webhook("b", "old")]
    )
    live = obj("MutatingWebhookConfiguration", "a", labels=ISTIOD, webhooks=[webhook("b", "B"), webhook("a", "A")])
    kept = keep_live(target, live, NOTHING)
    assert [hook["clientConfig"]["caBundle"] for hook in kept["webhooks"]] == ["A", "B"]
    assert [hook["name"] for hook in kept["webhooks"]] == ["a", "b"]


def test_an_update_keeps_node_ports_by_port_and_cluster_ip() -> None:
    target = obj(
        "Service",
        "ns/a",
        spec={"clusterIP": "10.0.0.1", "ports": [{"port": 80, "nodePort": 1}, {"port": 90, "nodePort": 2}]},
    )
    live = obj(
        "Service",
        "ns/a",
        spec={"clusterIP": "10.0.0.2", "ports": [{"port": 90, "nodePort": 9}, {"port": 80, "nodePort": 8}]},
    )
    spec = keep_live(target, live, NOTHING)["spec"]
    assert spec == {"clusterIP": "10.0.0.2", "ports": [{"port": 80, "nodePort": 8}, {"port": 90, "nodePort": 9}]}


def test_an_update_does_not_bring_an_old_restart_back() -> None:
    at = "kubectl.kubernetes.io/restartedAt"
    target = obj("Deployment", "ns/a", spec={"template": {"metadata": {"annotations": {at: "old", "x": "y"}}}})
    never = obj("Deployment", "ns/a", spec={"template": {"metadata": {}}})
    again = obj("Deployment", "ns/a", spec={"template": {"metadata": {"annotations": {at: "new"}}}})
    assert keep_live(target, never, NOTHING)["spec"]["template"]["metadata"]["annotations"] == {"x": "y"}
    assert keep_live(target, again, NOTHING)["spec"]["template"]["metadata"]["annotations"] == {"x": "y", at: "new"}
    assert keep_live(never, again, NOTHING)["spec"]["template"]["metadata"] == {"annotations": {at: "new"}}
    assert keep_live(never, never, NOTHING)["spec"]["template"]["metadata"] == {}


def test_an_autoscaler_keeps_its_replicas() -> None:
    scaler = obj("HorizontalPodAutoscaler", "ns/a", spec={"scaleTargetRef": {"kind": "Deployment", "name": "a"}})
    around = surroundings(state(), state(scaler))
    target, live = obj("Deployment", "ns/a", spec={"replicas": 1}), obj("Deployment", "ns/a", spec={"replicas": 5})
    assert keep_live(target, live, around)["spec"]["replicas"] == 5
    assert keep_live(target, live, NOTHING)["spec"]["replicas"] == 1


def test_an_update_writes_the_targets_last_applied_annotation() -> None:
    name = "kubectl.kubernetes.io/last-applied-configuration"
    target, live = (
        obj("ConfigMap", "ns/a", annotations={name: "old"}),
        obj("ConfigMap", "ns/a", annotations={name: "new"}),
    )
    assert keep_live(target, live, NOTHING)["metadata"]["annotations"] == {name: "old"}


def held(*finalizers: str) -> MeshObject:
    item = obj("Service", "ns/a")
    return replace(item, body={**item.body, "metadata": {**item.body["metadata"], "finalizers": [*finalizers]}})


def test_finalizers_are_no_difference_and_stay_as_the_controllers_of_now_have_them() -> None:
    free, one, other = obj("Service", "ns/a"), held("a.example/one"), held("b.example/other")
    assert quiet(free, NOTHING)[0] == quiet(one, NOTHING)[0] == quiet(other, NOTHING)[0]
    assert keep_live(one, other, NOTHING)["metadata"] == other.body["metadata"]
    assert keep_live(free, other, NOTHING)["metadata"] == other.body["metadata"]
    assert "finalizers" not in keep_live(one, free, NOTHING)["metadata"]


def test_a_new_object_has_no_finalizers_of_the_one_that_had_its_name() -> None:
    one = held("a.example/one")
    assert for_creation(one.body, "services") == obj("Service", "ns/a").body
    assert one.body["metadata"]["finalizers"] == ["a.example/one"]


def test_every_row_says_who_why_and_whence() -> None:
    assert len({rule.id for rule in FIELDS}) == len(FIELDS)
    assert all(rule.writer and rule.why and rule.source for rule in FIELDS)


def test_a_node_port_that_live_has_lost_comes_back() -> None:
    target = obj("Service", "ns/a", spec={"type": "NodePort", "ports": [{"port": 80, "nodePort": 31380}]})
    live = obj("Service", "ns/a", spec={"type": "ClusterIP", "ports": [{"port": 80}]})
    assert keep_live(target, live, NOTHING)["spec"]["ports"] == [{"port": 80, "nodePort": 31380}]
    assert keep_live(live, target, NOTHING)["spec"]["ports"] == [{"port": 80}]


def test_headless_is_a_choice_and_not_an_address() -> None:
    headless, with_address = (obj("Service", "ns/a", spec={"clusterIP": ip}) for ip in ("None", "10.0.0.1"))
    assert quiet(headless, NOTHING)[0]["spec"] == {"clusterIP": "None"}
    assert quiet(with_address, NOTHING)[0]["spec"] == {}
    assert keep_live(headless, with_address, NOTHING)["spec"] == {"clusterIP": "None"}


def test_an_owner_that_was_made_anew_keeps_its_new_uid() -> None:
    def owned(uid: str) -> MeshObject:
        return obj("ConfigMap", "ns/a", ownerReferences=[{"kind": "Istio", "name": "default", "uid": uid}])

    assert quiet(owned("old"), NOTHING)[0] == quiet(owned("new"), NOTHING)[0]
    assert keep_live(owned("old"), owned("new"), NOTHING)["metadata"]["ownerReferences"][0]["uid"] == "new"
