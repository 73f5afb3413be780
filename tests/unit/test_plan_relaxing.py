"""Plans over webhooks that nobody serves: what is relaxed, when not, and how it is put back."""

from __future__ import annotations

from collections.abc import Iterable

from kubectl_istio_upgrade.models.objects import Key, MemoryState, MeshObject
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange, Write
from kubectl_istio_upgrade.models.webhooks import Backing, ServiceName
from kubectl_istio_upgrade.normalise.relaxing import RELAXED, relaxed
from kubectl_istio_upgrade.plan.dead_webhooks import Surrounding, dead_webhooks
from kubectl_istio_upgrade.plan.relaxing import DELETED_FIRST, OUTSIDE, PUTS_BACK, around_dead_webhooks
from kubectl_istio_upgrade.plan.revise import against_live
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.rules.order import NEWER_VALUES, PUT_BACK, RELAXING, STAGES, stage_named

from .builders import obj, state
from .test_plan_definitions import NEW, OLD, crd
from .webhooks import ISTIOD, VALIDATOR, WEBHOOK, istiod, route, service, validator

NAMESPACES = (obj("Namespace", "shop"), obj("Namespace", "istio-system"))
NOBODY = Backing(ready=False)
Objects = Iterable[MeshObject]


def around(live: MemoryState, target: MemoryState, backing: Backing, options: RollbackOptions | None = None) -> Plan:
    dead = dead_webhooks(live, Surrounding({ServiceName("istio-system", "istiod"): backing}))
    return around_dead_webhooks(plan_rollback(live, target, options), live, target, dead)


def plan(live: Objects, target: Objects, backing: Backing = NOBODY, options: RollbackOptions | None = None) -> Plan:
    return around(state(service(), *NAMESPACES, *live), state(service(), *NAMESPACES, *target), backing, options)


def steps(of: Plan) -> list[tuple[str, str]]:
    return [(str(change.action), change.key.name) for change in of.changes]


def of_validator(of: Plan) -> list[PlannedChange]:
    return [change for change in of.changes if change.key.name == VALIDATOR]


DRIFTED = (validator(), istiod(), route("new", "2"))
BEFORE = (validator(), istiod(), route())


def test_an_istiod_that_the_plan_does_not_revive_has_its_validator_relaxed_and_put_back() -> None:
    over_dead = plan(DRIFTED, BEFORE)
    assert steps(over_dead) == [("relax", VALIDATOR), ("update", "web"), ("update", VALIDATOR)]
    relax, back = of_validator(over_dead)
    assert (relax.write, relax.stage) == (Write.PATCH, stage_named(RELAXING))
    assert relax.body is not None
    assert relax.body["webhooks"][0]["failurePolicy"] == "Ignore"
    assert relax.body["metadata"]["annotations"] == {RELAXED: WEBHOOK}
    assert relax.body["metadata"]["resourceVersion"] == "1"
    assert "has no ready endpoint" in relax.reason
    assert (back.write, back.stage, back.notes) == (Write.PUT, stage_named(PUT_BACK), (PUTS_BACK,))
    assert back.body is not None
    assert back.body["webhooks"] == validator().body["webhooks"]
    assert "annotations" not in back.body["metadata"]


def test_the_plan_says_what_a_dead_webhook_means() -> None:
    (warning,) = plan(DRIFTED, BEFORE).warnings
    assert "every create, update in networking.istio.io, security.istio.io is refused" in warning
    assert "relaxes it first and puts it back last" in warning
    (warning,) = plan((validator(policy="Ignore"),), (validator(policy="Ignore"),)).warnings
    assert "fails open" in warning


def test_webhooks_of_one_configuration_are_told_together() -> None:
    injector = validator(rules=[{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}])
    injector.body["webhooks"].append({**injector.body["webhooks"][0], "name": "second"})
    (warning,) = plan((injector,), (injector,)).warnings
    assert f"{VALIDATOR}: {WEBHOOK}, second do not answer" in warning
    assert "no pod that it selects can start until somebody serves it" in warning


def test_what_puts_it_back_follows_the_object_that_was_relaxed() -> None:
    """istiod came back and has already renewed the CA and closed the webhook: still the same change."""
    back = of_validator(plan(DRIFTED, BEFORE))[1]
    now = relaxed(validator(ca="RENEWED", version="9"), [WEBHOOK])
    now.body["webhooks"][0]["failurePolicy"] = "Fail"
    body = against_live(back, now).body
    assert body is not None
    assert body["webhooks"][0]["failurePolicy"] == "Fail"
    assert body["webhooks"][0]["clientConfig"]["caBundle"] == "RENEWED"
    assert body["metadata"]["resourceVersion"] == "9"
    assert "annotations" not in body["metadata"]


def test_nothing_is_relaxed_where_it_is_not_needed() -> None:
    alive = plan(DRIFTED, BEFORE, Backing())
    assert (steps(alive), alive.warnings) == ([("update", "web")], ())
    assert steps(plan((validator(policy="Ignore"), *DRIFTED[1:]), (validator(policy="Ignore"), *BEFORE[1:]))) == [
        ("update", "web")
    ]
    config_maps = [obj("ConfigMap", "istio-system/a", version=each, data={"a": each}) for each in ("1", "2")]
    assert steps(plan((validator(), config_maps[1]), (validator(), config_maps[0]))) == [("update", "a")]


def test_an_istiod_that_the_plan_restores_is_waited_for_instead() -> None:
    broken = (validator(), istiod("2", image="bad"), route("new", "2"))
    restored = plan(broken, BEFORE)
    assert steps(restored) == [("update", "istiod"), ("update", "web")]
    assert "until this plan brings it back" in restored.warnings[0]
    deleted = plan((validator(), route("new", "2")), BEFORE)
    assert steps(deleted) == [("create", "istiod"), ("update", "web")]


def test_a_label_of_istiods_deployment_revives_nothing() -> None:
    labelled = istiod("2")
    labelled.body["metadata"]["labels"] = {"new": "1"}
    assert steps(plan((validator(), labelled, route("new", "2")), BEFORE))[0] == ("relax", VALIDATOR)


def test_an_istiod_scaled_to_nothing_is_scaled_back_even_under_an_autoscaler() -> None:
    scaler = obj("HorizontalPodAutoscaler", ISTIOD, spec={"scaleTargetRef": {"kind": "Deployment", "name": "istiod"}})
    live = (validator(), istiod("2", replicas=0), scaler, route("new", "2"))
    restored = plan(live, (*BEFORE, scaler))
    assert steps(restored) == [("update", "istiod"), ("update", "web")]
    assert restored.changes[0].body is not None
    assert restored.changes[0].body["spec"]["replicas"] == 1


def test_values_that_must_go_before_istiod_starts_need_the_validator_relaxed() -> None:
    used = obj("EnvoyFilter", "ns/b", version="2", spec={"context": "WAYPOINT"})
    fine = obj("EnvoyFilter", "ns/b", spec={"context": "ANY"})
    live = (crd(NEW, version="2"), validator(), istiod("2", image="new"), used)
    early = plan(live, (crd(OLD), validator(), istiod(), fine))
    assert [STAGES[change.stage].name for change in early.changes][:3] == [RELAXING, NEWER_VALUES, "control plane"]
    assert early.changes[-1].stage == stage_named(PUT_BACK)


def test_a_service_that_is_gone_comes_back_with_the_plan_or_its_webhook_is_relaxed() -> None:
    gone, wanted = state(*NAMESPACES, *DRIFTED), state(*NAMESPACES, service(), *BEFORE)
    assert steps(around(gone, wanted, Backing(exists=False, ready=True))) == [("create", "istiod"), ("update", "web")]
    dead_too = around(gone, wanted, Backing(exists=False, ready=False))
    assert steps(dead_too)[0] == ("relax", VALIDATOR)


def test_a_validator_that_goes_anyway_goes_first() -> None:
    change = of_validator(plan(DRIFTED, BEFORE[1:]))
    assert [(c.action, c.stage, c.notes) for c in change] == [(Action.DELETE, 0, (DELETED_FIRST,))]


def test_a_validator_that_changes_as_well_is_relaxed_and_then_becomes_the_targets() -> None:
    other = validator(version="2")
    other.body["metadata"]["labels"] = {"istio.io/rev": "default", "new": "1"}
    relax, back = of_validator(plan((other, *DRIFTED[1:]), BEFORE))
    assert relax.action is Action.RELAX
    assert back.body is not None
    assert back.body["metadata"]["labels"] == {"istio.io/rev": "default"}
    assert (back.stage, back.diff is not None) == (stage_named(PUT_BACK), True)


def test_a_difference_of_the_validator_outside_the_selection_stays() -> None:
    other = validator(version="2")
    other.body["metadata"]["labels"] = {"istio.io/rev": "default", "new": "1"}
    only = RollbackOptions(select=route().key.__eq__)
    relax, back, kept = of_validator(plan((other, *DRIFTED[1:]), BEFORE, options=only))
    assert back.body is not None
    assert back.body["metadata"]["labels"]["new"] == "1"
    assert (relax.action, kept.action, kept.reason) == (Action.RELAX, Action.KEEP, OUTSIDE)
    assert kept.diff is not None


def test_what_a_dead_run_left_relaxed_is_put_back_last() -> None:
    left = relaxed(validator(version="2"), [WEBHOOK])
    resumed = plan((left, *DRIFTED[1:]), BEFORE)
    assert steps(resumed) == [("update", "web"), ("update", VALIDATOR)]
    assert resumed.changes[-1].body is not None
    assert resumed.changes[-1].body["webhooks"][0]["failurePolicy"] == "Fail"
    assert resumed.changes[-1].stage == stage_named(PUT_BACK)


def test_approving_covers_the_relaxing() -> None:
    over_dead, alive = plan(DRIFTED, BEFORE), plan(DRIFTED, BEFORE, Backing())
    assert over_dead.hash != alive.hash
    assert Key("", "services", "istio-system", "istiod") not in {change.key for change in over_dead.changes}
