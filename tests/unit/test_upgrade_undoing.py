"""Whose doing a difference is, when an upgrade is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubectl_istio_upgrade.models.objects import Body, MeshObject
from kubectl_istio_upgrade.models.operations import Aim, Attempt, Holder, Opening, Operation, Written
from kubectl_istio_upgrade.models.plans import Action, Outcome, PlannedChange
from kubectl_istio_upgrade.operations.unfinished import taking_back
from kubectl_istio_upgrade.operations.upgrading.undoing import Created, Taken
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback

from .builders import key, obj, state

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEFORE, DURING = "2026-11-01T00:00:00Z", "2026-11-24T12:00:30Z"
BY_ISTIOCTL: Body = {"kind": "IstioOperator", "spec": {}}
BY_HELM: Body = {"istio-system/istiod": {}}
PLANNED = key("ConfigMap", "istio-system/istio")
INSTALLED = {"operator.istio.io/component": "Pilot", "istio.io/rev": "default"}
OTHER_REVISION = {**INSTALLED, "istio.io/rev": "blue"}
RELEASED = {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"}
KIALI = {**RELEASED, "meta.helm.sh/release-name": "kiali"}


def operation(settings: Body, revision: str = "") -> Operation:
    if revision:
        settings = {**settings, "spec": {"revision": revision}}
    opening = Opening("20261124-120000-1a2b3c", "upgrade", "1.29.1", "Istio 1.29.1", "b" * 40, NOON, {})
    opening = replace(opening, request={"settings": settings})
    run = Attempt(Aim.TARGET, "f" * 64, Holder("alice", "bastion", 1, "x"), NOON, ((PLANNED, Action.UPDATE),))
    return Operation(opening, (run,))


def by(manager: str, time: str = DURING, **more: object) -> Body:
    return {"manager": manager, "operation": "Apply", "time": time, **more}


def planned(settings: Body, live: MeshObject | None, before: MeshObject | None, revision: str = "") -> PlannedChange:
    """What becomes of the one object that differs."""
    begun = operation(settings, revision)
    options = RollbackOptions(others=Taken(begun).others, created=Created(begun))
    live_state, target = (state(*filter(None, (each,)), label=label) for label, each in (("live", live), ("b", before)))
    (kind,) = {each.kind for each in (live, before) if each}
    changes = plan_rollback(live_state, target, options).changes
    return next(change for change in changes if change.type.kind == kind)


def config_map(value: str, *managed: Body, labels: Body | None = None, annotations: Body | None = None) -> MeshObject:
    marks = {"labels": labels or {}, "annotations": annotations or {}}
    made = obj("ConfigMap", "istio-system/x", version=value, managed=managed, data={"x": value})
    return replace(made, body={**made.body, "metadata": {**made.body["metadata"], **marks}})


def test_what_the_upgrade_set_out_to_write_is_taken_back_whoever_wrote_last() -> None:
    live = obj("ConfigMap", "istio-system/istio", version="2", data={"x": "2"}, managed=[by("kubectl-edit")])
    before = obj("ConfigMap", "istio-system/istio", data={"x": "1"})
    assert planned(BY_ISTIOCTL, live, before).action is Action.UPDATE


@pytest.mark.parametrize("settings", [BY_ISTIOCTL, BY_HELM])
def test_what_others_have_changed_added_or_deleted_stays_and_is_named(settings: Body) -> None:
    old = config_map("1", by("istio-operator", BEFORE), by("helm", BEFORE), annotations=RELEASED)
    edited = config_map("2", by("istio-operator", BEFORE), by("helm", BEFORE), by("kubectl-edit"), annotations=RELEASED)
    changes = [planned(settings, edited, old)]
    changes.append(planned(settings, config_map("2", by("kubectl-create")), None))
    changes.append(planned(settings, None, config_map("1", by("kubectl-create", BEFORE))))
    assert {change.action for change in changes} == {Action.KEEP}
    assert [change.reason for change in changes] == [
        "changed since by kubectl-edit, not by this upgrade",
        "added since by kubectl-create, not by this upgrade",
        "deleted since by others, not by this upgrade",
    ]


def test_mesh_configuration_and_namespaces_of_users_stay_too() -> None:
    service = obj("VirtualService", "shop/web", version="2", spec={"x": 2}, managed=[by("kubectl-edit")])
    labels = {"istio-injection": "enabled"}
    new = obj("Namespace", "shop", version="2", labels=labels, managed=[by("kubectl-label")])
    assert planned(BY_ISTIOCTL, service, obj("VirtualService", "shop/web", spec={"x": 1})).action is Action.KEEP
    assert planned(BY_ISTIOCTL, new, obj("Namespace", "shop")).action is Action.KEEP


def test_what_the_installer_writes_beyond_its_manifest_is_taken_back() -> None:
    tag = obj("MutatingWebhookConfiguration", "istio-revision-tag-default", managed=[by("istio-operator")])
    assert planned(BY_ISTIOCTL, tag, None).action is Action.DELETE
    old, new = config_map("1", by("istio-operator", BEFORE)), config_map("2", by("istio-operator"))
    assert planned(BY_ISTIOCTL, new, old).action is Action.UPDATE
    hook = config_map("2", by("helm"), annotations=RELEASED)
    assert planned(BY_HELM, hook, config_map("1", by("helm", BEFORE), annotations=RELEASED)).action is Action.UPDATE


def test_what_the_installer_removes_comes_back_and_what_is_not_its_own_does_not() -> None:
    cases: list[tuple[Body, Body, Action]] = [
        (BY_ISTIOCTL, {"labels": INSTALLED}, Action.CREATE),
        (BY_ISTIOCTL, {"labels": OTHER_REVISION}, Action.KEEP),
        (BY_HELM, {"annotations": RELEASED}, Action.CREATE),
        (BY_HELM, {"annotations": KIALI}, Action.KEEP),
        (BY_HELM, {"labels": INSTALLED}, Action.KEEP),
    ]
    made = [planned(settings, None, config_map("1", by("x", BEFORE), **marks)) for settings, marks, _ in cases]
    assert [change.action for change in made] == [action for *_, action in cases]


def test_of_a_canary_it_is_its_own_revision_that_counts() -> None:
    gone = config_map("1", labels=OTHER_REVISION)
    assert planned(BY_ISTIOCTL, None, gone, revision="blue").action is Action.CREATE
    assert planned(BY_ISTIOCTL, None, gone, revision="green").action is Action.KEEP


def test_another_helm_release_that_is_upgraded_meanwhile_stays() -> None:
    records = {
        name: obj("Secret", f"istio-system/sh.helm.release.v1.{name}.v2", type="helm.sh/release.v1", data={})
        for name in ("kiali", "istiod")
    }
    assert planned(BY_HELM, records["kiali"], None).action is Action.KEEP
    assert planned(BY_HELM, records["istiod"], None).action is Action.DELETE
    added = config_map("2", by("helm"), annotations=KIALI)
    assert planned(BY_HELM, added, None).action is Action.KEEP


def test_fields_that_others_have_taken_from_the_installer_are_no_write_of_the_installer() -> None:
    before = config_map("1", by("istio-operator", BEFORE, fieldsV1={"f:data": {"f:x": {}}}))
    taken = config_map("2", by("istio-operator", BEFORE, fieldsV1={}), by("kubectl"))
    assert planned(BY_ISTIOCTL, taken, before).reason == "changed since by kubectl, not by this upgrade"


def test_the_status_that_istiod_writes_makes_no_object_its_own() -> None:
    added = config_map("2", by("kubectl-create"), by("pilot-discovery", subresource="status"))
    assert planned(BY_ISTIOCTL, added, None).action is Action.KEEP
    assert planned(BY_ISTIOCTL, config_map("2", by("pilot-discovery")), None).action is Action.DELETE


MADE_NAME = "istio-system/made"
MADE = key("Secret", MADE_NAME)
WITHHELD = f"hmac-sha256:{'0' * 64}"


def making(outcome: Outcome | None, *, begun: bool = True, settings: Body = BY_ISTIOCTL) -> Operation:
    """An upgrade that set out to make a Secret, and how far it got with that."""
    upgrade = operation(settings)
    attempt = replace(upgrade.attempts[0], steps=((MADE, Action.CREATE),))
    written = {(MADE, Action.CREATE): Written(outcome)} if begun else {}
    return replace(upgrade, attempts=(attempt,), written=written)


def there(*managed: Body, annotations: Body | None = None) -> MeshObject:
    data = {"password": WITHHELD}
    return obj("Secret", MADE_NAME, version="2", managed=managed, data=data, annotations=annotations or {})


def undone(begun: Operation, live: MeshObject) -> PlannedChange:
    options = taking_back(begun)
    return next(each for each in plan_rollback(state(live), state(), options).changes if each.key == live.key)


@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.UNKNOWN, None])
def test_what_it_has_made_or_may_have_made_goes_whoever_wrote_it_last(outcome: Outcome | None) -> None:
    assert undone(making(outcome), there(by("kubectl-edit"))).action is Action.DELETE


def test_what_it_could_not_make_since_others_were_faster_stays() -> None:
    change = undone(making(Outcome.FAILED), there(by("kubectl-create")))
    assert (change.action, change.reason) == (Action.KEEP, "added since by kubectl-create, not by this upgrade")
    assert undone(making(None, begun=False), there(by("kubectl-create"))).action is Action.KEEP


def test_what_an_installer_makes_is_in_no_journal_and_goes_by_who_wrote_it() -> None:
    assert undone(making(None, begun=False), there(by("istio-operator"))).action is Action.DELETE
    by_helm = making(None, begun=False, settings=BY_HELM)
    assert undone(by_helm, there(by("helm"), annotations=RELEASED)).action is Action.DELETE
    assert undone(by_helm, there(by("helm"), annotations=KIALI)).action is Action.KEEP
    assert MADE in Created(by_helm)
    assert MADE not in Created(making(Outcome.FAILED))
