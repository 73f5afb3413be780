from __future__ import annotations

import pytest

from kubectl_istio_upgrade.models.objects import Body, Json, MeshObject
from kubectl_istio_upgrade.models.plans import Action
from kubectl_istio_upgrade.plan.definitions import crd_verdict, may_cost
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.plan.schemas import narrows, tightenings, unknown_fields, widens
from kubectl_istio_upgrade.rules.order import NARROWED_CRDS, stage_named

from .builders import obj, state


def schema(**properties: Json) -> Json:
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}


def crd(spec_schema: Json, *, version: str = "1", served: str = "v1alpha3", stored: tuple[str, ...] = ()) -> MeshObject:
    spec: Body = {
        "group": "networking.istio.io",
        "names": {"plural": "envoyfilters"},
        "versions": [{"name": served, "storage": True, "schema": {"openAPIV3Schema": spec_schema}}],
    }
    return obj("CustomResourceDefinition", "envoyfilters.networking.istio.io", version=version, spec=spec,
               status={"storedVersions": list(stored)})  # fmt: skip


STRING = {"type": "string"}
OLD = schema(context={"type": "string", "enum": ["ANY"]}, name=STRING, weight={"type": "integer", "minimum": 1})
NEW = schema(
    context={"type": "string", "enum": ["ANY", "WAYPOINT"]}, name=STRING, weight={"type": "integer", "minimum": 0},
    waypoint={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
)  # fmt: skip


def problems(*specs: Json) -> list[str]:
    objects = [obj("EnvoyFilter", f"ns/{index}", spec=spec) for index, spec in enumerate(specs)]
    verdict = crd_verdict(crd(NEW, version="2"), crd(OLD), objects, lambda _: True)
    return list(verdict.problems)


def test_an_older_schema_is_safe_where_nobody_uses_what_is_new() -> None:
    assert problems({"context": "ANY", "name": "x", "weight": 1}, {}) == []


def test_a_field_that_would_be_dropped_is_named_with_its_object() -> None:
    (problem,) = problems({"waypoint": {"filter": {}}})
    assert problem.startswith("envoyfilters.networking.istio.io ns/0: spec.waypoint: ")
    assert "drop" in problem


def test_values_that_the_older_schema_refuses_are_named() -> None:
    (enum,) = problems({"context": "WAYPOINT"})
    (minimum,) = problems({"weight": 0})
    assert "spec.context" in enum
    assert "enum" in enum
    assert "minimum 1" in minimum


def test_objects_that_the_plan_changes_do_not_count_when_the_schema_comes_after_them() -> None:
    used = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT"})
    verdict = crd_verdict(crd(NEW), crd(OLD), [used], lambda _: False)
    assert verdict.problems == ()
    assert verdict.stage == stage_named(NARROWED_CRDS)


def test_a_schema_that_also_allows_more_comes_first_and_every_object_counts() -> None:
    both = schema(context={"type": "string", "enum": ["ANY"]}, lost=STRING)
    used = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT"})
    verdict = crd_verdict(crd(NEW), crd(both), [used], lambda _: False)
    assert verdict.problems
    assert verdict.stage == stage_named("definitions")


def test_a_stored_version_that_the_older_definition_lacks_is_refused() -> None:
    verdict = crd_verdict(crd(NEW, stored=("v1alpha3", "v1")), crd(NEW), [], lambda _: True)
    assert verdict.problems == ("objects are stored as v1, which the older definition does not have",)


def test_the_plan_keeps_an_unsafe_definition_and_restores_a_safe_one() -> None:
    used = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT"})
    live, target = crd(NEW, version="2"), crd(OLD)
    kept = plan_rollback(state(live, used), state(target, used))
    assert [change.action for change in kept.changes] == [Action.KEEP]
    deleted = plan_rollback(state(live, used), state(target))
    assert [change.action for change in deleted.changes] == [Action.DELETE, Action.UPDATE]


def test_values_that_an_older_istiod_cannot_read_go_before_it_starts() -> None:
    used = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT"})
    edited = obj("EnvoyFilter", "ns/b", version="2", spec={"context": "WAYPOINT"})
    fine = obj("EnvoyFilter", "ns/c", spec={"context": "ANY"})
    istiod = obj("Deployment", "istio-system/istiod", version="2", spec={"a": 1})
    live = state(crd(NEW, version="2"), used, edited, fine, istiod)
    before = obj("EnvoyFilter", "ns/b", spec={"context": "ANY"}), obj("Deployment", "istio-system/istiod", spec={})
    plan = plan_rollback(live, state(crd(OLD), *before))
    assert [(change.action, change.key.name) for change in plan.changes] == [
        (Action.DELETE, "a"),
        (Action.UPDATE, "b"),
        (Action.UPDATE, "istiod"),
        (Action.UPDATE, "envoyfilters.networking.istio.io"),
        (Action.DELETE, "c"),
    ]


def test_rules_that_cannot_be_checked_do_not_count_against_what_lived_under_them() -> None:
    older = schema(context={"type": "string", "x-kubernetes-validations": [{"rule": "self != 'x'"}]})
    same = obj("EnvoyFilter", "ns/a", spec={"context": "ANY"})
    live = state(crd(NEW, version="2"), same)
    assert [change.action for change in plan_rollback(live, state(crd(older), same)).changes] == [Action.UPDATE]
    stays = plan_rollback(live, state(crd(older)), RollbackOptions(delete_added=False))
    assert [change.action for change in stays.changes] == [Action.KEEP, Action.KEEP]


def test_combined_keywords_are_checked() -> None:
    one_of = {"oneOf": [{"not": {"required": ["a"]}}, {"required": ["a"]}]}
    older = schema(match={"type": "object", "properties": {"a": STRING, "b": STRING}, **one_of})
    newer = schema(match={"type": "object", "properties": {"a": STRING, "b": STRING}})
    fits = obj("EnvoyFilter", "ns/a", spec={"match": {"a": "x"}})
    assert crd_verdict(crd(newer), crd(older), [fits], lambda _: True).problems == ()
    older["properties"]["spec"]["properties"]["match"]["oneOf"] = [{"required": ["b"]}, {"required": ["c"]}]
    assert "demands oneOf" in crd_verdict(crd(newer), crd(older), [fits], lambda _: True).problems[0]


def test_descriptions_decide_nothing() -> None:
    described = schema(name={"type": "string", "description": "new words"})
    verdict = crd_verdict(crd(described), crd(schema(name=STRING)), [], lambda _: True)
    assert verdict.stage == stage_named("definitions")


def test_a_property_called_description_is_a_property() -> None:
    used = obj("EnvoyFilter", "ns/a", spec={"description": "x"})
    verdict = crd_verdict(crd(schema(description=STRING)), crd(schema()), [used], lambda _: True)
    assert len(verdict.problems) == 1


def test_unknown_fields_are_found_below_lists_and_maps() -> None:
    older = {
        "properties": {
            "list": {"items": {"properties": {"a": STRING}}},
            "map": {"additionalProperties": {"properties": {"a": STRING}}},
            "free": {"x-kubernetes-preserve-unknown-fields": True},
        }
    }
    value = {"list": [{"a": 1}, {"b": 1}], "map": {"k": {"a": 1, "b": 1}}, "free": {"b": 1}, "metadata": {"b": 1}}
    assert list(unknown_fields(value, older)) == ["list[1].b", "map.k.b"]


def test_a_rule_that_is_in_force_already_tightens_nothing() -> None:
    one, two = {"rule": "self.a"}, {"rule": "self.b"}
    newer = {"x-kubernetes-validations": [one, two]}
    assert list(tightenings(newer, {"x-kubernetes-validations": [one]})) == []
    assert [item.keyword for item in tightenings({"x-kubernetes-validations": [one]}, newer)] == [
        "x-kubernetes-validations"
    ]


def test_a_keyword_that_cannot_be_checked_is_unsafe_only_where_there_is_a_value() -> None:
    newer, older = schema(name={"type": "string", "format": "a"}), schema(name={"type": "string", "format": "b"})
    used, unused = obj("EnvoyFilter", "ns/a", spec={"name": "x"}), obj("EnvoyFilter", "ns/b", spec={})
    assert len(crd_verdict(crd(newer), crd(older), [used, unused], lambda _: True).problems) == 1


def test_widening_is_seen_at_any_depth() -> None:
    deep = {"items": {"properties": {"a": {"additionalProperties": {"properties": {"b": STRING}}}}}}
    less: Json = {"items": {"properties": {"a": {"additionalProperties": {"properties": {}}}}}}
    assert widens(less, deep)
    assert not widens(deep, less)


OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
MAP = {"type": "object", "additionalProperties": STRING}


@pytest.mark.parametrize(
    ("current", "older", "narrower"),
    [
        (schema(a=STRING), schema(a=STRING), False),
        (schema(a=STRING), schema(a=STRING, b=STRING), False),
        (schema(a=STRING, b=STRING), schema(a=STRING), True),
        (schema(a={"type": "array", "items": schema(a=STRING)}), schema(a={"type": "array", "items": schema()}), True),
        (schema(a=STRING), schema(a={"type": "string", "enum": ["x"]}), True),
        (schema(a={"type": "string", "enum": ["x"]}), schema(a=STRING), False),
        (schema(a=OPEN), schema(a=OPEN, b=STRING), False),
        (schema(a=OPEN), schema(a={"type": "object", "properties": {"b": STRING}}), True),
        (schema(a={"type": "object", "properties": {"b": STRING}}), schema(a=OPEN), False),
        (schema(a=MAP), schema(a=MAP, b=STRING), False),
        (schema(a=MAP), schema(a={"type": "object"}), True),
        (schema(a={"type": "object"}), schema(a=MAP), False),
        (None, schema(a=STRING), True),
        (schema(a=STRING), None, False),
    ],
)
def test_a_schema_is_narrower_unless_all_that_fits_survives_it(current: Json, older: Json, narrower: bool) -> None:
    assert narrows(current, older) is narrower


def test_a_definition_that_stores_another_version_may_cost_something() -> None:
    assert not may_cost(crd(OLD), crd(OLD))
    assert may_cost(crd(OLD, served="v1"), crd(OLD, served="v1alpha3"))


def test_an_istiod_is_not_restored_under_a_value_that_it_does_not_know() -> None:
    used = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT"})
    live = (crd(NEW, version="2"), used, obj("Deployment", "istio-system/istiod", version="2", spec={"image": "new"}))
    target = (crd(OLD), obj("Deployment", "istio-system/istiod", spec={"image": "old"}))
    (blocker,) = plan_rollback(state(*live), state(*target), RollbackOptions(delete_added=False)).blockers
    assert "ns/a: spec.context: " in blocker
    assert plan_rollback(state(*live), state(*target)).blockers == ()
    only_the_crd = RollbackOptions(select=live[0].key.__eq__, delete_added=False)
    assert plan_rollback(state(*live), state(*target), only_the_crd).blockers == ()
