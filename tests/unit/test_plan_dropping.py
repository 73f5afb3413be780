"""What the manifests of a release set and those of the next do not, taken out of what an apply would leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubectl_istio_upgrade.models.changes import ItemKey
from kubectl_istio_upgrade.models.objects import MeshObject, ResourceType
from kubectl_istio_upgrade.models.plans import Action, PlannedChange, Write
from kubectl_istio_upgrade.plan.dropping import Dropped, as_replaced, dropped, left_behind, of_data, to_data, without
from kubectl_istio_upgrade.plan.manifests import Manifests
from kubectl_istio_upgrade.rules.lists import keyed_lists

from .builders import key, obj

ISTIOD = "istio-system/istiod"
ENV = ("spec", "template", "spec", "containers", ItemKey(("name",), ("discovery",)), "env")
KEYED = keyed_lists("deployments.apps")


def istiod(*env: Mapping[str, Any], **spec: Any) -> MeshObject:
    container = {"name": "discovery", "env": [*env]}
    return obj("Deployment", ISTIOD, spec={"template": {"spec": {"containers": [container], **spec}}})


def manifests(*objects: MeshObject) -> Manifests:
    return Manifests("x", {each.key: each for each in objects}, {})


def variable(name: str, value: str = "1", **more: str) -> dict[str, str]:
    return {"name": name, "value": value, **more}


def env_of(body: Any) -> list[str]:
    return [each["name"] for each in body["spec"]["template"]["spec"]["containers"][0]["env"]]


def gone(old: MeshObject, new: MeshObject) -> Any:
    return dropped(manifests(old), manifests(new)).fields[new.key]


def test_what_only_the_old_ones_set_is_found_by_its_key() -> None:
    found = dropped(
        manifests(istiod(variable("OLD"), variable("BOTH"))), manifests(istiod(variable("BOTH"), variable("NEW")))
    )
    ((change,),) = found.fields.values()
    assert change.path == (*ENV, ItemKey(("name",), ("OLD",)))
    assert change.before == variable("OLD")


def test_lists_without_a_key_are_left_out() -> None:
    args = (istiod(tolerations=[{"key": name} for name in names]) for names in ("ab", "a"))
    assert dropped(*map(manifests, args)) == Dropped()


def test_objects_that_only_the_old_ones_have_are_told_apart_but_those_that_hold_what_people_have_made() -> None:
    old = (
        obj("ConfigMap", "istio-system/istio"),
        obj("Namespace", "istio-system"),
        obj("CustomResourceDefinition", "a.b"),
    )
    assert dropped(manifests(*old), manifests(istiod())) == Dropped(objects=(old[0].key,))
    assert dropped(manifests(istiod()), manifests(*old)).objects == (istiod().key,)


def test_what_is_left_behind_is_named_with_the_command_that_deletes_it_where_it_is_still_there() -> None:
    objects = [
        key("Service", ISTIOD),
        key("Deployment", ISTIOD),
        key("ClusterRole", "istiod"),
        key("Service", "a/gone"),
    ]
    commands = [(each.command, each.why) for each in left_behind(objects, objects[:3], "Istio 1.29.1")]
    assert commands == [
        (
            "kubectl delete clusterroles.rbac.authorization.k8s.io/istiod",
            "it is in the manifests of the release before, and not of Istio 1.29.1",
        ),
        (
            "kubectl delete services/istiod deployments.apps/istiod -n istio-system",
            "they are in the manifests of the release before, and not of Istio 1.29.1",
        ),
    ]


def test_it_goes_whatever_the_server_has_added_to_it() -> None:
    changes = gone(istiod(variable("OLD"), variable("BOTH")), istiod(variable("BOTH")))
    preview = istiod(variable("OLD", apiVersion="v1"), variable("BOTH"), variable("MINE"))
    assert env_of(without(preview.body, changes, KEYED)) == ["BOTH", "MINE"]
    assert env_of(preview.body) == ["OLD", "BOTH", "MINE"], "the preview itself stays"


def test_what_somebody_has_changed_stays_and_so_does_what_is_not_there() -> None:
    changes = gone(istiod(variable("OLD")), istiod())
    changed = istiod(variable("OLD", "theirs"))
    assert without(changed.body, changes, KEYED) == changed.body
    assert without(istiod().body, changes, KEYED) == istiod().body


def test_below_a_map_that_is_gone_others_keep_theirs() -> None:
    changes = gone(istiod(nodeSelector={"a": "1", "b": "2"}), istiod())
    left = without(istiod(nodeSelector={"a": "1", "b": "other", "c": "3"}).body, changes, KEYED)
    assert left["spec"]["template"]["spec"]["nodeSelector"] == {"b": "other", "c": "3"}


def test_a_key_that_the_server_has_completed_is_the_same_item() -> None:
    port = {"port": 80, "name": "http"}
    old, new = (obj("Service", ISTIOD, spec={"ports": ports}) for ports in ([port], []))
    live = obj("Service", ISTIOD, spec={"ports": [{**port, "protocol": "TCP"}]})
    assert without(live.body, gone(old, new), keyed_lists("services"))["spec"]["ports"] == []


def test_the_apply_becomes_a_replacement_with_its_preconditions() -> None:
    live = istiod(variable("OLD"))
    type_ = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
    apply = PlannedChange(
        live.key, type_, Action.UPDATE, Write.FORCE, 1, body=istiod().body, live=live, uid="u", resource_version="7"
    )
    changes = gone(istiod(variable("OLD")), istiod())
    made = as_replaced(apply, istiod(variable("OLD"), variable("MINE")), changes)
    assert (made.write, made.action) == (Write.PUT, Action.UPDATE)
    assert made.body
    assert env_of(made.body) == ["MINE"]
    assert (made.body["metadata"]["uid"], made.body["metadata"]["resourceVersion"]) == ("u", "7")
    assert as_replaced(apply, istiod(variable("MINE")), changes) is apply, "nothing is left to take away"


def test_a_journal_keeps_it() -> None:
    found = dropped(
        manifests(
            istiod(variable("OLD"), nodeSelector={"a": "1"}),
            obj("ConfigMap", "shop/a", data={"a": "1", "b": "2"}),
            obj("ConfigMap", "shop/b"),
        ),
        manifests(istiod(), obj("ConfigMap", "shop/a", data={"b": "2"})),
    )
    assert found.fields.keys() == {key("Deployment", ISTIOD), key("ConfigMap", "shop/a")}
    assert found.objects == (key("ConfigMap", "shop/b"),)
    assert of_data(json.loads(json.dumps(to_data(found)))) == found
