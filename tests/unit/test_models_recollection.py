"""When a snapshot's word is good for an object that is read after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.objects import Key, MeshObject, ServerFields, Version
from kubectl_istio_upgrade.models.recollection import Recollection, Sight

DEFINITION = "virtualservices.networking.istio.io"
TYPES = {DEFINITION: "v1", "configmaps": "v1", "backends.example.com": "v1", "gateways.gateway.networking.k8s.io": "v1"}
THEN = Sight("0.1.0", "v1.34.4", "0f4c2a7be19d6635", TYPES, {DEFINITION: Version("d", "3")})
CHANGES: dict[str, dict[str, object]] = {
    "another program": {"program": "0.2.0"},
    "another API server": {"server_version": "v1.35.0"},
    "another digest key": {"secret_key_id": "b" * 16},
    "another API version": {"types": {**TYPES, DEFINITION: "v1beta1"}},
    "a type that was not read": {"types": {}},
    "a changed definition": {"definitions": {DEFINITION: Version("d", "4")}},
    "a definition that was made anew": {"definitions": {DEFINITION: Version("e", "3")}},
    "a definition that is not known yet": {"definitions": {}},
    "a definition without a version": {"definitions": {DEFINITION: None}},
}


SAME = Version("u", "7")


def obj(version: Version | None = SAME, name: str = "reviews") -> MeshObject:
    server = ServerFields(*version) if version else ServerFields()
    return MeshObject(Key("networking.istio.io", "virtualservices", "shop", name), {}, server)


def clears(now: Sight, one: MeshObject, withheld: frozenset[Key] | None = frozenset()) -> bool:
    versions = {
        ("networking.istio.io", "virtualservices", "shop"): {"reviews": Version("u", "7"), "old": None},
    }
    return Recollection(THEN, versions, withheld).clears(DEFINITION, now)(one)


def test_what_is_as_it_was_needs_no_look() -> None:
    assert clears(replace(THEN), obj())


@pytest.mark.parametrize(
    "one",
    [obj(Version("u", "8")), obj(Version("v", "7")), obj(None), obj(name="new"), obj(None, name="old")],
    ids=["changed", "made anew", "without a version", "new", "never with a version"],
)
def test_what_is_not_as_it_was_is_looked_at(one: MeshObject) -> None:
    assert not clears(THEN, one)


def test_an_object_of_a_namespace_that_had_none_is_looked_at() -> None:
    assert not clears(THEN, replace(obj(), key=Key("networking.istio.io", "virtualservices", "new", "reviews")))


def test_what_had_something_to_withhold_is_looked_at_again() -> None:
    assert not clears(THEN, obj(), frozenset({obj().key}))


def test_a_snapshot_that_does_not_say_what_it_withheld_clears_nothing() -> None:
    assert not clears(THEN, obj(), None)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_with_other_eyes_everything_is_looked_at(change: dict[str, object]) -> None:
    now = replace(THEN, **change)  # type: ignore[arg-type]
    assert not clears(now, obj())
    assert not now.is_like(THEN, DEFINITION)


def test_types_that_no_definition_makes_are_judged_by_their_group() -> None:
    assert THEN.is_like(THEN, "configmaps")
    assert THEN.is_like(THEN, "gateways.gateway.networking.k8s.io")
    assert not THEN.is_like(THEN, "backends.example.com"), "an API server of its own may answer anything"
