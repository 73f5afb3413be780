"""What becomes of definitions that differ, as the user chose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange
from kubectl_istio_upgrade.plan.definitions import COST, UNKNOWN_COST, Instances, InstancesOf, Judge
from kubectl_istio_upgrade.plan.judging import KEPT_AS_ASKED, RESTORED, Crds
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.rules.order import NARROWED_CRDS, stage_named

from .builders import obj, state
from .test_plan_definitions import NEW, OLD, crd, schema

NAME = "envoyfilters.networking.istio.io"
WIDER = schema(**{**OLD["properties"]["spec"]["properties"], "more": {"type": "string"}})
USED = obj("EnvoyFilter", "ns/a", spec={"context": "WAYPOINT", "waypoint": {"filter": {}}})
WAYPOINT = f"{NAME} ns/a: spec.waypoint: "
CONTEXT = f"{NAME} ns/a: spec.context: "


def plan(crds: Crds, *named: str, also: tuple[MeshObject, MeshObject] | None = None) -> Plan:
    live, target = also or (obj("ConfigMap", "istio-system/a"), obj("ConfigMap", "istio-system/a"))
    options = RollbackOptions(delete_added=False, crds=crds, restore_crds=frozenset(named))
    return plan_rollback(state(crd(NEW, version="2"), USED, live), state(crd(OLD), target), options)


def definition(of: Plan) -> PlannedChange:
    (change,) = (change for change in of.changes if change.key.name == NAME)
    return change


@pytest.mark.parametrize("crds", [Crds.AUTO, Crds.RESTORE])
def test_an_unsafe_definition_is_kept_with_its_cost_and_how_to_pay_it(crds: Crds) -> None:
    kept = definition(plan(crds))
    assert kept.action is Action.KEEP
    assert WAYPOINT in kept.reason
    assert CONTEXT in kept.reason
    assert f"--restore-crd {NAME}" in kept.notes[0]


def test_an_unsafe_definition_that_is_named_is_restored_and_says_what_that_costs() -> None:
    restored = plan(Crds.RESTORE, NAME)
    change = definition(restored)
    assert (change.action, change.stage) == (Action.UPDATE, stage_named(NARROWED_CRDS))
    assert change.notes[0] == f"{RESTORED} although {COST}"
    assert [note.startswith(start) for note, start in zip(change.notes[1:], (WAYPOINT, CONTEXT), strict=True)]
    (warning,) = restored.warnings
    assert "2 fields or values" in warning


def test_a_safe_definition_that_is_named_costs_nothing() -> None:
    options = RollbackOptions(crds=Crds.RESTORE, restore_crds=frozenset({NAME}))
    safe = plan_rollback(state(crd(NEW, version="2")), state(crd(OLD)), options)
    assert (definition(safe).action, definition(safe).notes, safe.warnings) == (Action.UPDATE, (), ())


def test_naming_does_not_help_where_the_server_would_refuse() -> None:
    options = RollbackOptions(crds=Crds.RESTORE, restore_crds=frozenset({NAME}))
    live = crd(NEW, version="2", stored=("v1alpha3", "v1"))
    change = definition(plan_rollback(state(live), state(crd(OLD)), options))
    assert change.action is Action.KEEP
    assert "objects are stored as v1" in change.reason
    assert change.notes == ()


def test_no_definition_is_written_on_request_not_even_a_missing_one() -> None:
    assert definition(plan(Crds.KEEP)).reason == KEPT_AS_ASKED
    missing = plan_rollback(state(), state(crd(OLD)), RollbackOptions(crds=Crds.KEEP))
    assert (missing.writes, definition(missing).reason) == ((), KEPT_AS_ASKED)


@pytest.mark.parametrize(("crds", "named"), [(Crds.AUTO, ()), (Crds.KEEP, ()), (Crds.RESTORE, (NAME,))])
def test_an_istiod_that_would_not_start_blocks_whatever_becomes_of_the_definition(
    crds: Crds, named: tuple[str, ...]
) -> None:
    istiods = (
        obj("Deployment", "istio-system/istiod", version="2", spec={"image": "new"}),
        obj("Deployment", "istio-system/istiod", spec={"image": "old"}),
    )
    (blocker,) = plan(crds, *named, also=istiods).blockers
    assert CONTEXT in blocker
    assert plan(crds, *named).blockers == ()


def test_a_name_without_a_definition_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no definition envoyfilters in"):
        plan(Crds.RESTORE, "envoyfilters")


def test_two_schemas_are_compared_once_for_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    init = Judge.__init__

    def counting(judge: Judge, live: MeshObject, target: MeshObject) -> None:
        made.append(judge)
        init(judge, live, target)

    monkeypatch.setattr(Judge, "__init__", counting)
    added = [obj("EnvoyFilter", f"ns/{number}", spec={"context": "ANY"}) for number in range(50)]
    plan_rollback(state(crd(NEW, version="2"), *added), state(crd(OLD)))
    assert len(made) <= 2


OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "1", "controller": True}
OWNED = obj("EnvoyFilter", "ns/owned", spec={"waypoint": {}}, ownerReferences=[OWNER])
FORBIDDEN = "its objects cannot be read: user 'x' may not list them"


def holding(*objects: MeshObject, unread: str = "", asked: list[Key] | None = None) -> InstancesOf:
    def look_up(definitions: Sequence[MeshObject]) -> dict[Key, Instances]:
        if asked is not None:
            asked.extend(crd.key for crd in definitions)
        return {crd.key: Instances(objects, unread) for crd in definitions}

    return look_up


def narrowed(instances: InstancesOf, *named: str) -> Plan:
    crds = Crds.RESTORE if named else Crds.AUTO
    options = RollbackOptions(instances=instances, crds=crds, restore_crds=frozenset(named))
    return plan_rollback(state(crd(NEW, version="2")), state(crd(OLD)), options)


def test_objects_that_no_snapshot_holds_count_as_well() -> None:
    change = definition(narrowed(holding(OWNED)))
    assert change.action is Action.KEEP
    assert f"{NAME} ns/owned: spec.waypoint: " in change.reason


def test_a_definition_whose_objects_cannot_be_read_is_kept_for_that_reason() -> None:
    change = definition(narrowed(holding(unread=FORBIDDEN)))
    assert (change.action, change.reason) == (Action.KEEP, FORBIDDEN)
    assert f"--restore-crd {NAME}" in change.notes[0]


def test_one_that_is_named_is_restored_even_so_and_says_that_nobody_knows_the_cost() -> None:
    plan = narrowed(holding(unread=FORBIDDEN), NAME)
    assert (definition(plan).action, definition(plan).notes) == (
        Action.UPDATE,
        (f"{RESTORED} although {UNKNOWN_COST}", FORBIDDEN),
    )
    assert plan.warnings == (f"--crds restore: {NAME} is restored although {FORBIDDEN}",)


def test_objects_are_looked_up_only_where_a_definition_may_cost_something() -> None:
    asked: list[Key] = []
    narrowed(holding(asked=asked))
    assert asked == [crd(OLD).key]
    asked.clear()
    wider = plan_rollback(
        state(crd(OLD, version="2")), state(crd(WIDER)), RollbackOptions(instances=holding(asked=asked))
    )
    assert (definition(wider).action, asked) == (Action.UPDATE, [])


def test_a_definition_that_an_operation_made_stays_while_others_have_objects_of_its_type() -> None:
    live, target = state(crd(NEW)), state()

    def action(instances: InstancesOf) -> Action:
        options = RollbackOptions(created={crd(NEW).key, USED.key}, instances=instances)
        return definition(plan_rollback(live, target, options)).action

    assert action(holding(USED)) is Action.DELETE
    assert action(holding(USED, OWNED)) is Action.KEEP
    assert action(holding(unread=FORBIDDEN)) is Action.KEEP
