"""Plans tried on a fake server: one whose webhooks do not answer, and one that does not let a field be changed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kubectl_istio_upgrade.apply.sender import Sender
from kubectl_istio_upgrade.apply.trial import RELAXED_FIRST, UNANSWERED, Trial
from kubectl_istio_upgrade.errors import ApiError, ConflictError, InvalidError, RefusedError
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange, Write
from kubectl_istio_upgrade.models.webhooks import Backing
from kubectl_istio_upgrade.plan.manifests import Manifests, wanted_changes
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state, type_of
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


@dataclass
class Strict:
    """Refuses every replacement, with these words."""

    words: str

    def replace(self, _type: ResourceType, key: Key, _body: Body, *, dry_run: bool, manager: str) -> Body:
        assert dry_run
        assert not manager
        raise InvalidError(f'{key.plural} "{key.name}" is invalid: {self.words}', status=422)


def refused(kind: str, words: str) -> PlannedChange:
    server = Strict(words)
    before = plan_rollback(state(obj(kind, "istio-system/a", version="2")), state(obj(kind, "istio-system/a", x=1)))
    return Trial(Sender(server, server), Silence()).of_plan(before).changes[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Service", 'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set'),
        ("Service", "spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"),
        ("Service", 'spec.loadBalancerClass: Invalid value: "example.com/a": may not change once set'),
        ("Service", "spec.healthCheckNodePort: Forbidden: field is immutable"),
        ("Deployment", "spec.selector: Invalid value: {}: field is immutable"),
        ("StatefulSet", "spec: Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden"),
        ("ConfigMap", "data: Forbidden: field is immutable when `immutable` is set"),
    ],
)
def test_a_field_that_cannot_be_changed_in_place_makes_a_recreation_of_the_update(kind: str, words: str) -> None:
    change = refused(kind, words)
    assert (change.action, change.write) == (Action.RECREATE, Write.RECREATE)
    assert words in change.reason


def test_what_may_not_be_recreated_is_kept_then() -> None:
    change = refused("Secret", "type: Invalid value: field is immutable")
    assert change.action is Action.KEEP
    assert "the server refuses to change it" in change.reason


def test_what_is_wrong_with_an_object_is_no_reason_to_recreate_it() -> None:
    with pytest.raises(RefusedError, match="Required value"):
        refused("Service", "spec.ports: Required value")


@dataclass
class Allocating(Server):
    """Refuses a node port that another Service has."""

    def create(self, _type: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str) -> Body:
        if any("nodePort" in port for port in body["spec"]["ports"]):
            raise InvalidError("spec.ports[0].nodePort: provided port is already allocated", status=422)
        return self._take(key, body, dry_run=dry_run, manager=manager)

    def delete(self, *_about: object, dry_run: bool, **_preconditions: str) -> None:
        assert dry_run


def test_a_service_is_tried_without_the_node_port_that_it_gets_back_and_made_with_it() -> None:
    ports = [{"port": 443, "nodePort": 30443}]
    home, old = obj("Namespace", "ns"), obj("Service", "ns/old", spec={"ports": ports})
    new = obj("Service", "ns/new", spec={"ports": ports})
    server = Allocating()
    before = plan_rollback(state(home, new), state(home, old))
    after = Trial(Sender(server, server), Silence()).of_plan(before)  # type: ignore[arg-type]
    assert after == before
    assert [change.body and change.body["spec"]["ports"] for change in after.changes] == [None, ports]
    with pytest.raises(RefusedError, match="already allocated"):
        Trial(Sender(server, server), Silence()).of_plan(plan_rollback(state(home), state(home, old)))  # type: ignore[arg-type]


@dataclass
class Moved(Server):
    """Every object in it has another resource version than when the plan was made: it has been written since."""

    refusing: str = ""

    def server_side_apply(self, _type: ResourceType, key: Key, body: Body, **options: object) -> Body:
        assert options["dry_run"]
        if self.refusing or "resourceVersion" in body["metadata"]:
            raise ConflictError(self.refusing or "the object has been modified", status=409)
        return {**body, "metadata": {**body["metadata"], "uid": "u", "resourceVersion": "2"}}

    def get(self, _type: ResourceType, _key: Key) -> Body:
        return route("written").body


def applied() -> tuple[PlannedChange, ...]:
    """A namespace and an object in it, and an update of a workload and of what its webhook guards."""
    objects = (obj("Namespace", "new"), obj("ConfigMap", "new/a"), istiod("2"), route("written"))
    types = {each.key: type_of(each.kind) for each in objects}
    wanted = Manifests("manifests", {each.key: each for each in objects}, types)
    return wanted_changes(state(istiod(), route()), wanted, force=False)


def test_what_cannot_be_tried_yet_is_told_with_the_reason() -> None:
    server = Moved()
    namespace, inside, *_ = applied()
    previews = Trial(Sender(server, server), Silence()).previews([inside, namespace])  # type: ignore[arg-type]
    assert set(previews.objects) == {namespace.key}
    assert {key: change.notes for key, change in previews.untried.items()} == {
        inside.key: ("not tried on the server: this plan creates its namespace first",)
    }


def test_what_has_been_written_can_all_be_tried_whatever_the_resource_versions() -> None:
    changes = applied()
    server = Moved()
    trial = Trial(Sender(server, server), Silence())  # type: ignore[arg-type]
    previews = trial.previews_again(changes)
    assert set(previews) == {change.key for change in changes}
    assert previews[route().key].body["spec"] == route("written").body["spec"]


def test_a_refusal_of_what_has_been_written_does_not_say_that_nothing_was_changed() -> None:
    server = Moved(refusing='conflict with "helm": .spec.hosts')
    trial = Trial(Sender(server, server), Silence())  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match="asked about what it has just written") as caught:
        trial.previews_again([change for change in applied() if change.live])
    assert "helm" in caught.value.message
    assert "nothing was changed" not in caught.value.message
