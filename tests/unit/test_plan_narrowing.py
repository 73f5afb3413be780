"""Definitions among manifests that allow less than the live ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from kubectl_istio_upgrade.models.objects import Body, Json, Key, MeshObject
from kubectl_istio_upgrade.models.plans import Plan, PlannedChange
from kubectl_istio_upgrade.plan.definitions import COST, UNKNOWN_COST, Instances, InstancesOf
from kubectl_istio_upgrade.plan.manifests import Manifests, plan_apply, wanted_changes
from kubectl_istio_upgrade.plan.narrowing import APPLIED, Narrowing
from kubectl_istio_upgrade.plan.secrets import SecretSources
from kubectl_istio_upgrade.rules.order import NARROWED_CRDS, stage_named

from .builders import obj, state, type_of
from .test_plan_definitions import NEW, OLD, STRING, crd, schema

NAME = "envoyfilters.networking.istio.io"
USED = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT", "waypoint": {"filter": {}}})
FINE = obj("EnvoyFilter", "ns/a", version="2", spec={"context": "ANY"})
LOST = (
    f"{NAME} ns/a: spec.waypoint: the older definition does not know this field and would drop it",
    f"{NAME} ns/a: spec.context: the older definition demands enum ['ANY']",
)
UNREAD = "its objects cannot be read"


def holding(*objects: MeshObject, unread: str = "") -> InstancesOf:
    def look_up(definitions: Sequence[MeshObject]) -> dict[Key, Instances]:
        return {crd.key: Instances(objects, unread) for crd in definitions}

    return look_up


def applied(
    older: Json, *also: MeshObject, held: InstancesOf, forced: Collection[str] | None = (), live: Json = NEW
) -> Plan:
    """The plan for this definition, and what else is in the files."""
    wanted = {item.key: item for item in (crd(older), *also)}
    manifests = Manifests("a.yaml", wanted, {key: type_of(item.kind) for key, item in wanted.items()})
    here = state(crd(live, version="2"), USED)
    changes = wanted_changes(here, manifests, force=False)
    return plan_apply(here, manifests, changes, wanted, SecretSources(), Narrowing(held, forced))


def definition(plan: Plan) -> PlannedChange:
    (change,) = (change for change in plan.changes if change.key.name == NAME)
    return change


def test_what_a_definition_would_take_from_live_objects_blocks_the_plan() -> None:
    plan = applied(OLD, held=holding(USED))
    assert plan.blockers == tuple(f"{NAME} would be narrowed: {loss}" for loss in LOST)
    assert plan.warnings == ()


@pytest.mark.parametrize("forced", [{NAME}, None])
def test_one_that_is_forced_says_its_cost(forced: Collection[str] | None) -> None:
    plan = applied(OLD, held=holding(USED), forced=forced)
    assert plan.blockers == ()
    assert definition(plan).notes == (f"{APPLIED} although {COST}", *LOST)
    (warning,) = plan.warnings
    assert warning.startswith(f"{NAME} is applied although 2 fields or values")


def test_objects_that_cannot_be_read_block_unless_it_is_forced() -> None:
    assert applied(OLD, held=holding(unread=UNREAD)).blockers == (f"{NAME} would be narrowed: {UNREAD}",)
    forced = applied(OLD, held=holding(unread=UNREAD), forced={NAME})
    assert (forced.blockers, definition(forced).notes) == ((), (f"{APPLIED} although {UNKNOWN_COST}", UNREAD))
    assert forced.warnings == (f"{NAME} is applied although {UNREAD}",)


def test_objects_that_change_first_count_as_they_will_be() -> None:
    plan = applied(OLD, FINE, held=holding(USED))
    assert (plan.blockers, definition(plan).notes) == ((), ())
    assert [change.key.plural for change in plan.writes] == ["envoyfilters", "customresourcedefinitions"]
    assert definition(plan).stage == stage_named(NARROWED_CRDS)


def test_what_a_definition_also_allows_is_needed_first_so_they_count_as_they_are() -> None:
    wider = schema(context={"type": "string", "enum": ["ANY"]}, more=STRING)
    plan = applied(wider, FINE, held=holding(USED))
    assert len(plan.blockers) == 2
    assert plan.writes[0].key.name == NAME


def test_new_rules_that_cannot_be_checked_are_told_and_block_nothing() -> None:
    rule: Body = {"x-kubernetes-validations": [{"rule": "self != 'x'"}]}
    plan = applied(schema(context={**STRING, **rule}), held=holding(FINE), live=schema(context=STRING))
    assert plan.blockers == ()
    assert plan.warnings == (
        f"{NAME}: whether 1 values pass its new rules cannot be checked, such as {NAME} ns/a: spec.context: the older "
        "definition has another x-kubernetes-validations here, which cannot be checked",
    )


def test_where_nothing_blocks_nothing_is_said_of_rules_that_cannot_be_checked() -> None:
    rule: Body = {"x-kubernetes-validations": [{"rule": "self != 'x'"}]}
    live, newer = schema(context=STRING), schema(context={**STRING, **rule})
    assert applied(newer, held=holding(FINE), live=live, forced=None).warnings == ()


def test_a_definition_that_allows_more_asks_for_nothing() -> None:
    def never(definitions: Sequence[MeshObject]) -> dict[Key, Instances]:
        assert not definitions
        return {}

    plan = applied(NEW, held=never, live=schema())
    assert (plan.blockers, len(plan.writes)) == ((), 1)
