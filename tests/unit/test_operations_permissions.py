"""The check before the first write, on a reader that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from kubectl_istio_upgrade.errors import ExitCode, ForbiddenError, RefusedError
from kubectl_istio_upgrade.models.permissions import Permission
from kubectl_istio_upgrade.operations.permissions import check_permissions
from kubectl_istio_upgrade.operations.session import Session
from kubectl_istio_upgrade.plan.revise import as_recreation
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state

UPDATED = plan_rollback(
    state(obj("Service", "istio-system/a", version="2", labels={"x": "1"})), state(obj("Service", "istio-system/a"))
).writes


@dataclass
class Place:
    """As much of a session as the check needs."""

    lacking: tuple[Permission, ...] = ()
    failure: Exception | None = None
    root_namespace: str = "istio-system"
    asked: list[frozenset[Permission]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def reader(self) -> Place:
        return self

    @property
    def progress(self) -> Place:
        return self

    def note(self, text: str) -> None:
        self.notes.append(text)

    def missing(self, wanted: Collection[Permission]) -> tuple[Permission, ...]:
        self.asked.append(frozenset(wanted))
        if self.failure:
            raise self.failure
        return self.lacking

    @property
    def session(self) -> Session:
        return cast("Session", cast("Any", self))


def test_each_missing_permission_is_named() -> None:
    lacking = (Permission("update", "", "services", "istio-system"), Permission("patch", "apps", "deployments", "ns"))
    with pytest.raises(RefusedError) as caught:
        check_permissions(Place(lacking).session, UPDATED)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "2 permissions" in caught.value.message
    assert "  update services in namespace istio-system\n" in caught.value.message
    assert "  patch deployments.apps in namespace ns" in caught.value.message
    assert "kubectl istio-upgrade rbac" in (caught.value.hint or "")


def test_what_was_asked_before_is_not_asked_again() -> None:
    place = Place()
    known = check_permissions(place.session, UPDATED)
    check_permissions(place.session, [as_recreation(change, "immutable") for change in UPDATED], known)
    assert {permission.verb for permission in place.asked[1]} == {"create", "delete"}


def test_a_server_that_does_not_answer_the_question_is_no_reason_to_stop() -> None:
    place = Place(failure=ForbiddenError("may not ask"))
    check_permissions(place.session, UPDATED)
    assert place.notes == ["permissions could not be checked before the first write: may not ask"]
