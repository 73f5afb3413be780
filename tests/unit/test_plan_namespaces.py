"""What manifests want of namespaces that are there, beyond what is applied."""

from __future__ import annotations

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.plan.namespaces import BEYOND, beyond_steering

from .builders import obj


def told(live: tuple[MeshObject, ...], *wanted: MeshObject) -> list[str]:
    return list(beyond_steering(wanted, {each.key: each for each in live}))


THERE = obj("Namespace", "shop", labels={"team": "a"}, annotations={"owner": "me"}, spec={"finalizers": ["kubernetes"]})
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def test_what_is_so_already_or_is_applied_or_nobodys_business_is_not_told() -> None:
    steering = {"istio-injection": "enabled", "istio.io/rev": "canary"}
    noise = {LAST_APPLIED: "{}", "owner": "me"}
    wanted = obj("Namespace", "shop", labels={**steering, "team": "a"}, annotations=noise, status={"phase": "Active"})
    assert told((THERE,), wanted, obj("Namespace", "new", labels={"team": "b"})) == []


def test_labels_annotations_and_all_else_are_told_by_name_and_never_by_value() -> None:
    wanted = obj(
        "Namespace",
        "shop",
        labels={"istio.io/rev": "canary", "team": "token", "tier": "1"},
        annotations={"owner": "token"},
        ownerReferences=[{"kind": "Tenant", "name": "a"}],
        spec={"finalizers": []},
    )
    what = "label team, label tier, annotation owner, metadata.ownerReferences, spec"
    assert told((THERE,), wanted) == [BEYOND.format("shop", what)]


def test_namespaces_of_which_the_same_is_left_out_are_told_together() -> None:
    names = ("a", "b", "c")
    wanted = [obj("Namespace", name, labels={"team": "x"} if name != "b" else {"tier": "x"}) for name in names]
    assert told(tuple(obj("Namespace", name) for name in names), *wanted) == [
        BEYOND.format("a, c", "label team"),
        BEYOND.format("b", "label tier"),
    ]
