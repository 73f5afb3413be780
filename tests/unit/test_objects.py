"""Objects are taken apart without loss, and without touching what was handed in."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Key, ResourceType, ServerFields
from kubectl_istio_upgrade.normalise.objects import SERVER_FIELDS, split

DEPLOYMENTS = ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True)
CRDS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)

BODY: dict[str, Any] = {
    "metadata": {
        "name": "istiod",
        "namespace": "istio-system",
        "uid": "u1",
        "resourceVersion": "42",
        "generation": 0,
        "creationTimestamp": "2026-11-01T09:14:07Z",
        "managedFields": [{"manager": "helm"}],
        "selfLink": "/apis/…",
        "labels": {},
        "annotations": None,
        "ownerReferences": [{"uid": "u0"}],
        "finalizers": ["a"],
        "deletionTimestamp": "2026-11-02T09:14:07Z",
    },
    "spec": {"replicas": 0, "paused": False, "template": {}},
    "status": {"replicas": 0},
}


def test_what_only_the_server_owns_goes_beside_the_body() -> None:
    obj = split(BODY, DEPLOYMENTS)

    assert obj.key == Key("apps", "deployments", "istio-system", "istiod")
    assert obj.server == ServerFields("u1", "42", 0, "2026-11-01T09:14:07Z", ({"manager": "helm"},))
    assert obj.body["metadata"] == {
        name: value for name, value in BODY["metadata"].items() if name not in SERVER_FIELDS
    }
    assert set(obj.body["metadata"]) >= {"labels", "annotations", "ownerReferences", "finalizers", "deletionTimestamp"}


def test_list_items_get_their_type_back_and_others_keep_theirs() -> None:
    assert split(BODY, DEPLOYMENTS).body["apiVersion"] == "apps/v1"
    assert split(BODY, DEPLOYMENTS).body["kind"] == "Deployment"
    assert split({**BODY, "apiVersion": "apps/v1beta1"}, DEPLOYMENTS).body["apiVersion"] == "apps/v1beta1"


def test_nothing_is_copied_and_nothing_touched() -> None:
    before = copy.deepcopy(BODY)

    obj = split(BODY, DEPLOYMENTS)

    assert before == BODY
    assert obj.body["spec"] is BODY["spec"]
    assert obj.server.managed_fields[0] is BODY["metadata"]["managedFields"][0]


@pytest.mark.parametrize("metadata", [{"name": "a"}, {"name": "a", "creationTimestamp": None, "managedFields": None}])
def test_a_manifest_has_no_server_fields(metadata: dict[str, Any]) -> None:
    obj = split({"metadata": metadata}, CRDS)

    assert obj.server == ServerFields()
    assert obj.server.version is None
    assert obj.body["metadata"] == {"name": "a"}


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(KeyError):
        split({"metadata": {}}, CRDS)
