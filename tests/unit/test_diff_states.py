from __future__ import annotations

from kubectl_istio_upgrade.diff.states import compare
from kubectl_istio_upgrade.models.changes import Change
from kubectl_istio_upgrade.models.objects import Completeness, MeshObject

from .builders import key, obj, state


def outcome(before: tuple[MeshObject, ...], after: tuple[MeshObject, ...]) -> list[tuple[str, str]]:
    comparison = compare(state(*before, label="a"), state(*after, label="b"))
    return [(str(diff.change), diff.key.name) for diff in comparison.diffs]


def test_objects_come_go_and_change() -> None:
    before = (obj("ConfigMap", "ns/gone"), obj("ConfigMap", "ns/edited", data={"a": "1"}), obj("ConfigMap", "ns/same"))
    after = (obj("ConfigMap", "ns/new"), obj("ConfigMap", "ns/edited", version="2", data={"a": "2"}), before[2])
    assert sorted(outcome(before, after)) == [("added", "new"), ("changed", "edited"), ("removed", "gone")]


def test_equal_uid_and_resource_version_settle_it_without_a_look() -> None:
    before, after = obj("ConfigMap", "ns/a", data={"a": "1"}), obj("ConfigMap", "ns/a", data={"a": "2"})
    assert outcome((before,), (after,)) == []


def test_an_object_made_anew_with_the_same_content_is_the_same() -> None:
    assert outcome((obj("ConfigMap", "ns/a", uid="1"),), (obj("ConfigMap", "ns/a", uid="2"),)) == []


def test_noise_is_left_out_and_accounted_for() -> None:
    before = obj("Deployment", "ns/a", status={"replicas": 1}, spec={"x": 1})
    after = obj("Deployment", "ns/a", version="2", status={"replicas": 2}, spec={"x": 1})
    comparison = compare(state(before), state(after))
    assert comparison.diffs == ()
    assert comparison.same == 1
    assert [(field.path, field.rule) for field in comparison.ignored[before.key]] == [("status", "status")]


def test_the_version_under_which_an_object_is_served_is_no_difference() -> None:
    before, after = obj("VirtualService", "ns/a"), obj("VirtualService", "ns/a", version="2")
    before.body["apiVersion"] = "networking.istio.io/v1beta1"
    assert outcome((before,), (after,)) == []


def test_another_group_is_a_difference() -> None:
    before, after = obj("VirtualService", "ns/a"), obj("VirtualService", "ns/a", version="2")
    before.body["apiVersion"] = "other.io/v1"
    assert outcome((before,), (after,)) == [("changed", "a")]


def test_a_type_that_one_state_did_not_capture_is_not_compared() -> None:
    comparison = compare(state(obj("ConfigMap", "ns/a"), without=["configmaps"]), state())
    assert comparison.diffs == ()
    assert comparison.not_compared == ("configmaps",)


def test_a_group_that_one_state_did_not_capture_is_not_compared() -> None:
    left_out, compared = obj("VirtualService", "ns/a"), obj("ConfigMap", "ns/a")
    comparison = compare(state(left_out, compared), state(without=["*.networking.istio.io"]))
    assert [diff.key.plural for diff in comparison.diffs] == ["configmaps"]
    assert comparison.not_compared == ("*.networking.istio.io",)


def test_what_a_backup_does_not_hold_is_unknown() -> None:
    live = state(obj("ConfigMap", "ns/a"), obj("ConfigMap", "ns/b", data={"a": "1"}))
    backup = state(obj("ConfigMap", "ns/b", version="0", data={"a": "0"}), completeness=Completeness.OBJECTS)
    assert [diff.key.name for diff in compare(live, backup).diffs] == ["b"]
    assert [diff.key.name for diff in compare(backup, live).diffs] == ["b"]


def test_fields_that_a_manifest_does_not_mention_are_not_its_business() -> None:
    live = obj("Service", "ns/a", spec={"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}]})
    same = obj("Service", "ns/a", version="", spec={"ports": [{"port": 80}]})
    other = obj("Service", "ns/a", version="", spec={"type": "NodePort"})
    for manifest, expected in ((same, []), (other, ["spec"])):
        comparison = compare(state(live), state(manifest, completeness=Completeness.FIELDS))
        assert [str(diff.fields[0].path[0]) for diff in comparison.diffs] == expected


def test_of_a_manifest_of_a_namespace_only_steering_labels_are_compared() -> None:
    there = obj("Namespace", "shop", labels={"istio-injection": "enabled"})
    for labels, expected in (({"team": "a"}, 0), ({"istio-injection": "enabled"}, 0), ({"istio.io/rev": "b"}, 1)):
        manifest = obj("Namespace", "shop", version="", labels=labels, annotations={"owner": "me"})
        comparison = compare(state(there), state(manifest, completeness=Completeness.FIELDS))
        assert sum(len(diff.fields) for diff in comparison.diffs) == expected


def test_a_manifest_asks_for_a_namespace_whatever_its_labels() -> None:
    for manifest in (obj("Namespace", "new"), obj("Namespace", "new", labels={"team": "a"})):
        comparison = compare(state(), state(manifest, completeness=Completeness.FIELDS))
        assert [diff.change for diff in comparison.diffs] == [Change.ADDED]
        assert comparison.diffs[0].after == manifest


def test_a_namespace_counts_only_by_its_steering_labels() -> None:
    plain = obj("Namespace", "shop")
    labelled = obj("Namespace", "shop", version="2", labels={"istio-injection": "enabled"})
    assert outcome((), (plain,)) == []
    assert outcome((), (labelled,)) == [("added", "shop")]
    assert outcome((plain,), (labelled,)) == [("changed", "shop")]


def test_replicas_are_noise_only_under_an_autoscaler() -> None:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "a"}}
    before, after = (
        obj("Deployment", "ns/a", spec={"replicas": 1}),
        obj("Deployment", "ns/a", version="2", spec={"replicas": 3}),
    )
    scaler = obj("HorizontalPodAutoscaler", "ns/a", spec=target)
    assert outcome((before,), (after,)) == [("changed", "a")]
    assert outcome((before, scaler), (after, scaler)) == []
    assert ("changed", "a") in outcome((before, scaler), (after,))


def test_objects_are_grouped_with_definitions_first_and_configuration_last() -> None:
    after = (
        obj("AuthorizationPolicy", "ns/p"),
        obj("VirtualService", "ns/v"),
        obj("CustomResourceDefinition", "crd"),
        obj("Deployment", "istio-system/istiod", labels={"operator.istio.io/component": "Pilot"}),
    )
    comparison = compare(state(), state(*after))
    assert [diff.component for diff in comparison.diffs] == ["definitions", "control plane", "traffic", "security"]


def test_a_change_names_the_managers_of_its_fields() -> None:
    managed = [
        {"manager": "helm", "operation": "Apply", "time": "2026-01-01", "fieldsV1": {"f:data": {"f:a": {}}}},
        {"manager": "edit", "operation": "Update", "time": "2026-02-01", "fieldsV1": {"f:data": {"f:b": {}}}},
    ]
    before = obj("ConfigMap", "ns/a", data={"a": "1", "b": "1"})
    after = obj("ConfigMap", "ns/a", version="2", data={"a": "1", "b": "2"}, managed=managed)
    (diff,) = compare(state(before), state(after)).diffs
    assert [(author.manager, author.paths) for author in diff.authors] == [("edit", ("data.b",))]


def test_the_selection_narrows_everything() -> None:
    both = (obj("ConfigMap", "ns/a"), obj("ConfigMap", "ns/b"))
    comparison = compare(state(), state(*both), lambda one: one == key("ConfigMap", "ns/b"))
    assert [(diff.change, diff.key.name) for diff in comparison.diffs] == [(Change.ADDED, "b")]
