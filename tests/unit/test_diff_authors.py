from __future__ import annotations

from kubectl_istio_upgrade.diff.authors import authors_of, creators_of
from kubectl_istio_upgrade.diff.fields import field_changes
from kubectl_istio_upgrade.models.objects import Body, Json

from .builders import obj

KEYED = {"spec.containers": ("name",)}


def entry(manager: str, fields: Json, **more: str) -> Body:
    return {"manager": manager, "operation": "Update", "time": "2026-01-01T00:00:00Z", "fieldsV1": fields, **more}


def authors(managed: list[Body], before: Json, after: Json) -> list[str]:
    changed = field_changes({"spec": before}, {"spec": after}, KEYED)
    return [author.manager for author in authors_of(obj("Deployment", "ns/a", managed=managed), changed)]


def test_an_item_of_a_keyed_list_has_owners_of_its_own() -> None:
    managed = [
        entry("helm", {"f:spec": {"f:containers": {'k:{"name":"a"}': {".": {}, "f:image": {}}}}}),
        entry("injector", {"f:spec": {"f:containers": {'k:{"name":"b"}': {".": {}, "f:image": {}}}}}),
    ]
    before = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    after = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]}
    assert authors(managed, before, after) == ["injector"]


def test_below_an_atomic_field_the_owner_of_the_whole_is_the_author() -> None:
    managed = [entry("kubectl", {"f:spec": {".": {}, "f:http": {}}}), entry("other", {"f:spec": {".": {}}})]
    assert authors(managed, {"http": [{"a": 1}]}, {"http": [{"a": 2}]}) == ["kubectl"]


def test_two_owners_of_one_field_are_both_authors() -> None:
    managed = [entry("a", {"f:spec": {"f:x": {}}}), entry("b", {"f:spec": {"f:x": {}}})]
    assert authors(managed, {"x": 1}, {"x": 2}) == ["a", "b"]


def test_a_removed_field_has_no_author() -> None:
    assert authors([entry("a", {"f:spec": {"f:y": {}}})], {"x": 1, "y": 1}, {"y": 1}) == []


def test_an_added_object_names_its_writers_but_not_those_of_its_status() -> None:
    managed = [entry("kubectl", {}, time="2026-01-01T00:00:00Z"), entry("istiod", {}, subresource="status")]
    assert [author.manager for author in creators_of(obj("VirtualService", "ns/a", managed=managed))] == ["kubectl"]
