"""Plans tried on a fake server whose webhooks do not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kubectl_istio_upgrade.apply.sender import Sender
from kubectl_istio_upgrade.apply.trial import RELAXED_FIRST, UNANSWERED, Trial
from kubectl_istio_upgrade.errors import ApiError, RefusedError
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.models.plans import Action, Plan
from kubectl_istio_upgrade.models.webhooks import Backing

from .silence import Silence
from .test_plan_relaxing import BEFORE, DRIFTED, plan
from .webhooks import istiod, route, validator


@dataclass
class Server:
    """Takes every write but those that istiod's validator guards."""

    written: list[str] = field(default_factory=list)

    def replace(self, _type: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str) -> Body:
        return self._take(key, body, dry_run=dry_run, manager=manager)

    def merge_patch(self, _type: ResourceType, key: Key, body: Body, *, dry_run: bool) -> Body:
        return self._take(key, body, dry_run=dry_run)

    def _take(self, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        assert dry_run
        assert not manager
        if key.group == "networking.istio.io":
            raise ApiError('failed calling webhook "rev.validation.istio.io": connection refused', status=500)
        return body


def tried(of: Plan) -> Plan:
    server = Server()
    return Trial(Sender(server, server), Silence()).of_plan(of)  # type: ignore[arg-type]


def notes(of: Plan) -> list[tuple[Action, bool]]:
    return [(change.action, RELAXED_FIRST in change.notes) for change in of.changes]


def test_what_a_webhook_guards_is_noted_as_not_tried_where_the_plan_relaxes_it_first() -> None:
    before = plan(DRIFTED, BEFORE)
    after = tried(before)
    assert notes(after) == [(Action.RELAX, False), (Action.UPDATE, True), (Action.UPDATE, False)]
    assert [change.body for change in after.changes] == [change.body for change in before.changes], "told apart"


def test_or_where_it_restores_what_serves_it() -> None:
    restoring = tried(plan((validator(), istiod("2", image="bad"), route("new", "2")), BEFORE))
    assert [UNANSWERED in change.notes for change in restoring.changes] == [False, True]


def test_a_silent_webhook_that_the_plan_does_nothing_about_refuses_it() -> None:
    with pytest.raises(RefusedError, match="failed calling webhook"):
        tried(plan(DRIFTED, BEFORE, Backing()))
