"""What a snapshot does not hold although it was there: deleting it would take what nothing can put back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.plans import Action, PlannedChange, Write
from kubectl_istio_upgrade.plan.age import SKEW, WAS_THERE, Age
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback

from .builders import obj, state

TAKEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
GATEWAY = obj("Deployment", "istio-ingress/gateway", uid="u", labels={"app.kubernetes.io/part-of": "istio"})


def made(when: datetime | None, thing: MeshObject = GATEWAY) -> MeshObject:
    created = f"{when:%Y-%m-%dT%H:%M:%SZ}" if when else ""
    return replace(thing, server=replace(thing.server, creation_timestamp=created))


def way_back(thing: MeshObject, age: Age, options: RollbackOptions | None = None) -> PlannedChange:
    options = replace(options or RollbackOptions(), age=age)
    (change,) = plan_rollback(state(thing), state(label="then"), options).changes
    return change


def test_what_is_older_than_the_snapshot_is_kept_with_the_reason() -> None:
    """A gateway of an older chart has no label of Istio's; its upgrade gives it one."""
    change = way_back(made(TAKEN - timedelta(days=100)), Age(TAKEN))
    assert (change.action, change.write, change.reason) == (Action.KEEP, Write.NONE, WAS_THERE)


@pytest.mark.parametrize("age", [-SKEW, timedelta(0), timedelta(days=1)], ids=["about then", "then", "a day later"])
def test_what_came_with_the_snapshot_or_after_it_goes(age: timedelta) -> None:
    assert way_back(made(TAKEN + age), Age(TAKEN)).action is Action.DELETE


def test_what_is_known_to_have_been_made_since_goes_whatever_the_clocks_say() -> None:
    old = made(TAKEN - timedelta(hours=1))
    assert way_back(old, Age(TAKEN, frozenset({GATEWAY.key}))).action is Action.DELETE


def test_what_an_installer_may_have_made_is_kept_where_it_is_older() -> None:
    """To a plan that goes by what the mesh lacks, an update of it looks like a creation."""
    change = way_back(made(TAKEN - timedelta(hours=1)), Age(TAKEN), RollbackOptions(created=frozenset({GATEWAY.key})))
    assert (change.action, change.reason) == (Action.KEEP, WAS_THERE)


def test_without_a_time_on_either_side_nothing_is_old() -> None:
    assert way_back(made(TAKEN - timedelta(days=1)), Age()).action is Action.DELETE
    assert way_back(made(None), Age(TAKEN)).action is Action.DELETE


def test_it_says_so_of_what_would_be_kept_anyway() -> None:
    assert (
        way_back(made(TAKEN - timedelta(days=1)), Age(TAKEN), RollbackOptions(delete_added=False)).reason == WAS_THERE
    )
