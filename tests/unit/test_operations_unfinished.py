"""What an operation that is taken back has made, and what others have: its journal tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubectl_istio_upgrade.models.objects import Key, MeshObject
from kubectl_istio_upgrade.models.operations import Aim, Attempt, Holder, Opening, Operation, Step, Written
from kubectl_istio_upgrade.models.plans import Action, Outcome, PlannedChange
from kubectl_istio_upgrade.operations.unfinished import NOT_MADE, taking_back
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ALICE = Holder("alice", "bastion", 1, "x")
SECRET = obj("Secret", "istio-system/made", version="2", data={"password": f"hmac-sha256:{'0' * 64}"})
MAP = obj("ConfigMap", "istio-system/made", version="2", data={"a": "1"})
DEFINITION = obj(
    "CustomResourceDefinition",
    "sidecars.networking.istio.io",
    version="2",
    spec={"group": "networking.istio.io", "names": {"plural": "sidecars"}, "scope": "Namespaced", "versions": []},
)
LABELLED = obj("Namespace", "shop", version="2", labels={"istio-injection": "enabled"})
EACH = pytest.mark.parametrize("live", [SECRET, MAP, DEFINITION], ids=lambda live: live.kind)


def applied(*plans: Sequence[Step], **written: Written) -> Operation:
    """An apply of these runs; `written` is by the kind of object."""
    opening = Opening("20261124-120000-1a2b3c", "apply", "mesh.yaml", "mesh.yaml", "b" * 40, NOON, {})
    attempts = tuple(Attempt(Aim.TARGET, "f" * 64, ALICE, NOON, tuple(steps)) for steps in plans)
    steps = {key.plural: (key, action) for steps in plans for key, action in steps}
    return Operation(opening, attempts, {steps[plural]: entry for plural, entry in written.items()})


def creating(key: Key, entry: Written | None) -> Operation:
    return applied([(key, Action.CREATE)], **({key.plural: entry} if entry else {}))


def undone(operation: Operation, live: MeshObject, before: MeshObject | None = None) -> PlannedChange:
    target = state(*filter(None, [before]), label="before")
    (change,) = plan_rollback(state(live), target, taking_back(operation)).changes
    return change


@EACH
@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.UNKNOWN, None])
def test_what_it_made_or_may_have_made_goes_secrets_and_definitions_too(
    live: MeshObject, outcome: Outcome | None
) -> None:
    assert undone(creating(live.key, Written(outcome)), live).action is Action.DELETE


@EACH
@pytest.mark.parametrize("entry", [Written(Outcome.FAILED), None], ids=["failed", "never begun"])
def test_what_it_set_out_to_make_and_others_made_stays(live: MeshObject, entry: Written | None) -> None:
    change = undone(creating(live.key, entry), live)
    assert (change.action, change.reason) == (Action.KEEP, NOT_MADE)


def test_a_later_run_that_could_not_make_it_is_what_counts() -> None:
    """It was made and deleted by others, who then made their own before `resume` came to it."""
    twice = applied([(MAP.key, Action.CREATE)], [(MAP.key, Action.CREATE)], configmaps=Written(Outcome.FAILED, run=2))
    assert undone(twice, MAP).action is Action.KEEP


def test_what_was_there_before_goes_back_whatever_became_of_the_write() -> None:
    updating = applied([(MAP.key, Action.UPDATE)], configmaps=Written(Outcome.FAILED))
    before = obj("ConfigMap", "istio-system/made", data={"a": "0"})
    assert undone(updating, MAP, before).action is Action.UPDATE
    labelling = applied([(LABELLED.key, Action.UPDATE)], namespaces=Written(Outcome.FAILED))
    assert undone(labelling, LABELLED).action is Action.UPDATE


def test_what_it_did_not_set_out_to_write_is_not_looked_at() -> None:
    operation = creating(SECRET.key, Written(Outcome.DONE))
    assert plan_rollback(state(MAP), state(label="before"), taking_back(operation)).changes == ()


def test_what_its_journal_has_made_goes_whatever_the_clocks_say() -> None:
    """Of a write that nobody knows the end of, the object's age decides."""
    old = replace(MAP, server=replace(MAP.server, creation_timestamp="2026-11-24T09:00:00Z"))
    for outcome, action in ((Outcome.DONE, Action.DELETE), (Outcome.UNKNOWN, Action.KEEP)):
        options = taking_back(creating(MAP.key, Written(outcome)))
        options = replace(options, age=replace(options.age, taken=NOON))
        (change,) = plan_rollback(state(old), state(label="before"), options).changes
        assert change.action is action
