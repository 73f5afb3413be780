"""One write against a server that interferes. The server is a fake behind the ports: only so can faults be placed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as with_fields
from typing import Any

import pytest

from kubectl_istio_upgrade.apply import ownership, sender
from kubectl_istio_upgrade.apply.doubt import may_have_happened
from kubectl_istio_upgrade.apply.sender import CONFLICT_ATTEMPTS, Sender
from kubectl_istio_upgrade.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    IncompleteError,
    LostLockError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
    UnreachableError,
    WrittenError,
)
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.plans import Action, PlannedChange, Write
from kubectl_istio_upgrade.normalise.secrets import Redaction, without_values
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.plan.secrets import SecretSources, values_for

from .builders import obj, state

Fault = Callable[[str, int], Exception | None]


@dataclass
class Server:
    """Holds one object. `fault` is asked before each write, with the verb and how often that verb has come before."""

    stored: Body | None
    fault: Fault = lambda _verb, _count: None
    sent: list[tuple[str, Body]] = field(default_factory=list)
    unreadable: Exception | None = None

    def get(self, _type: ResourceType, _key: Key) -> Body | None:
        if self.unreadable:
            raise self.unreadable
        return self.stored

    def __getattr__(self, verb: str) -> Any:
        def write(_type: ResourceType, _key: Key, *content: Any, **options: Any) -> Body:
            body = content[0] if content and isinstance(content[0], dict) else {}
            count = sum(1 for name, _ in self.sent if name == verb)
            self.sent.append((verb, body or options))
            if error := self.fault(verb, count):
                raise error
            if verb == "delete":
                self.stored = None
            return self.stored or body

        return write

    def restore_ownership(self, type_: ResourceType, key: Key, managers: Sequence[Body], version: str) -> Body:
        answer: Body = self.__getattr__("owned")(type_, key, {"managers": list(managers), "version": version})
        return answer

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.sent]


def conflict(_verb: str = "", _count: int = 0) -> Exception:
    return ConflictError("the object has been modified", status=409)


def conflicts(verb: str, times: int) -> Fault:
    return lambda name, count: conflict() if name == verb and count < times else None


def as_read(item: MeshObject) -> Body:
    """The object as the server answers it."""
    metadata = {**item.body["metadata"], "uid": item.server.uid, "resourceVersion": item.server.resource_version}
    return {**item.body, "metadata": metadata}


LIVE = obj("ConfigMap", "istio-system/istio", version="5", uid="u", data={"mesh": "new"})
TARGET = obj("ConfigMap", "istio-system/istio", version="1", uid="u", data={"mesh": "old"})


def update(live: MeshObject = LIVE, target: MeshObject = TARGET) -> PlannedChange:
    (change,) = plan_rollback(state(live), state(target)).changes
    return change


def send(server: Server, change: PlannedChange, *, dry_run: bool = False) -> Body | None:
    return Sender(server, server).send(change, dry_run=dry_run)


def test_an_update_carries_its_preconditions() -> None:
    server = Server(as_read(LIVE))
    send(server, update())
    ((verb, body),) = server.sent
    assert verb == "replace"
    assert (body["metadata"]["uid"], body["metadata"]["resourceVersion"]) == ("u", "5")


def test_an_object_that_only_noise_has_moved_is_written_with_its_new_version() -> None:
    moved = with_fields(
        LIVE, body={**LIVE.body, "status": {"x": 1}}, server=with_fields(LIVE.server, resource_version="6")
    )
    server = Server(as_read(moved), conflicts("replace", 1))
    send(server, update())
    assert [body["metadata"]["resourceVersion"] for _, body in server.sent] == ["5", "6"]


def test_an_object_that_somebody_changed_is_not_overwritten() -> None:
    changed = obj("ConfigMap", "istio-system/istio", version="6", uid="u", data={"mesh": "theirs"})
    server = Server(as_read(changed), conflicts("replace", 1))
    with pytest.raises(IncompleteError, match="changed by somebody else"):
        send(server, update())
    assert server.verbs == ["replace"]


def test_an_object_that_was_made_anew_is_not_overwritten() -> None:
    other = obj("ConfigMap", "istio-system/istio", version="6", uid="other", data={"mesh": "new"})
    with pytest.raises(IncompleteError, match="changed by somebody else"):
        send(Server(as_read(other), conflicts("replace", 1)), update())


def test_fields_that_another_manager_owns_are_no_reason_to_try_again() -> None:
    server = Server(as_read(LIVE), lambda _verb, _count: ConflictError('conflict with "helm": .data.mesh', status=409))
    with pytest.raises(ConflictError, match="helm"):
        send(server, with_fields(update(), write=Write.APPLY))
    assert len(server.sent) == 1


def test_an_object_that_vanished_stays_a_conflict() -> None:
    with pytest.raises(ConflictError):
        send(Server(None, conflicts("replace", 1)), update())


def test_an_object_that_never_holds_still_is_given_up() -> None:
    server = Server(as_read(LIVE), conflicts("replace", 99))
    with pytest.raises(IncompleteError, match="keeps changing"):
        send(server, update())
    assert len(server.sent) == CONFLICT_ATTEMPTS


def deletion() -> PlannedChange:
    (change,) = plan_rollback(state(LIVE), state()).changes
    return change


def test_a_deletion_carries_both_preconditions_and_follows_noise() -> None:
    moved = with_fields(LIVE, server=with_fields(LIVE.server, resource_version="6"))
    server = Server(as_read(moved), conflicts("delete", 1))
    send(server, deletion())
    assert [(sent["uid"], sent["resource_version"]) for _, sent in server.sent] == [("u", "5"), ("u", "6")]


def test_an_object_that_somebody_edited_since_is_not_deleted() -> None:
    changed = obj("ConfigMap", "istio-system/istio", version="6", uid="u", data={"mesh": "theirs"})
    server = Server(as_read(changed), conflicts("delete", 1))
    with pytest.raises(IncompleteError, match="changed by somebody else"):
        send(server, deletion())
    assert server.verbs == ["delete"]


def test_a_webhook_that_does_not_answer_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL", 0)
    down = ApiError('failed calling webhook "validation.istio.io": connection refused', status=500)
    server = Server(as_read(LIVE), lambda _verb, count: down if count < 3 else None)
    send(server, update())
    assert server.verbs == ["replace"] * 4


def test_a_webhook_that_never_answers_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL", 0)
    monkeypatch.setattr(sender, "WEBHOOK_PATIENCE", 0)
    down = ApiError("failed calling webhook", status=500)
    with pytest.raises(ApiError, match="failed calling webhook"):
        send(Server(as_read(LIVE), lambda _verb, _count: down), update())


def test_a_dry_run_does_not_wait_for_a_webhook() -> None:
    server = Server(as_read(LIVE), lambda _verb, _count: ApiError("failed calling webhook", status=500))
    with pytest.raises(ApiError):
        send(server, update(), dry_run=True)
    assert len(server.sent) == 1


OWNED = obj(
    "ConfigMap", "istio-system/istio", version="1", uid="u", data={"mesh": "old"}, managed=[{"manager": "helm"}]
)


def test_ownership_follows_the_content_and_is_left_out_of_a_dry_run() -> None:
    for dry_run, verbs in ((False, ["replace", "owned"]), (True, ["replace"])):
        server = Server(as_read(LIVE))
        send(server, update(target=OWNED), dry_run=dry_run)
        assert server.verbs == verbs


def test_ownership_is_tried_again_when_a_status_moved_the_object() -> None:
    server = Server(as_read(OWNED), conflicts("owned", 2))
    send(server, update(target=OWNED))
    assert server.verbs == ["replace", "owned", "owned", "owned"]


def test_the_digest_of_a_secret_is_never_written() -> None:
    secret = obj("Secret", "istio-system/a", data={"x": "hmac-sha256:" + "0" * 64})
    change = with_fields(update(), key=secret.key, body=secret.body)
    server = Server(None)
    with pytest.raises(RefusedError, match="refusing to write their digests"):
        send(server, change)
    assert server.sent == []


def test_ownership_that_cannot_be_restored_is_noted_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_PAUSE", 0)
    for fault in (conflicts("owned", 99), lambda verb, _: ForbiddenError("no patch") if verb == "owned" else None):
        notes: list[str] = []
        server = Server(as_read(OWNED), fault)
        Sender(server, server, notes.append).send(update(target=OWNED), dry_run=False)
        assert len(notes) == 1


def test_a_deletion_of_what_is_gone_is_done_but_not_in_a_dry_run() -> None:
    (change,) = plan_rollback(state(LIVE), state()).changes
    gone = Server(None, lambda _verb, _count: NotFoundError("gone", status=404))
    send(gone, change)
    with pytest.raises(NotFoundError):
        send(gone, change, dry_run=True)


def test_what_controllers_make_with_a_namespace_is_updated_where_it_was_to_be_created() -> None:
    account = obj("ServiceAccount", "istio-system/default", imagePullSecrets=[{"name": "x"}])
    change = next(c for c in plan_rollback(state(), state(account)).changes if c.key == account.key)
    server = Server(as_read(account), conflicts("create", 1))
    send(server, change)
    assert server.verbs == ["create", "replace"]


def recreation() -> PlannedChange:
    return with_fields(update(), action=Action.RECREATE, write=Write.RECREATE, body=TARGET.body)


def test_a_recreation_deletes_by_uid_and_then_creates() -> None:
    server = Server(as_read(LIVE))
    send(server, recreation())
    assert server.verbs == ["delete", "create"]
    assert server.sent[0][1]["uid"] == "u"


@pytest.mark.parametrize("write", [Write.POST, Write.RECREATE])
def test_a_new_object_is_not_held_by_the_finalizers_of_the_one_before(write: Write) -> None:
    body = {**TARGET.body, "metadata": {**TARGET.body["metadata"], "finalizers": ["gone.example/controller"]}}
    server = Server(as_read(LIVE))
    send(server, with_fields(recreation(), write=write, body=body))
    assert server.sent[-1] == ("create", TARGET.body)


def test_a_recreation_goes_on_when_the_old_object_is_gone_already() -> None:
    server = Server(None, lambda verb, _count: NotFoundError("gone", status=404) if verb == "delete" else None)
    send(server, recreation())
    assert server.verbs == ["delete", "create"]


def going(version: str = "5") -> MeshObject:
    """The live object, of which somebody has asked for the deletion."""
    metadata = {**LIVE.body["metadata"], "deletionTimestamp": "2026-11-23T08:00:00Z", "finalizers": ["a/b"]}
    return with_fields(
        LIVE, body={**LIVE.body, "metadata": metadata}, server=with_fields(LIVE.server, resource_version=version)
    )


class Lingering(Server):
    """Its object goes by itself, when it has been looked at often enough."""

    looks = 2

    def get(self, type_: ResourceType, key: Key) -> Body | None:
        self.looks -= 1
        if self.looks < 0:
            self.stored = None
        return super().get(type_, key)


def test_what_is_being_deleted_is_not_deleted_again_but_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL", 0)
    server = Lingering(as_read(going()), conflicts("delete", 9))
    change = with_fields(recreation(), live=going())
    send(server, change, dry_run=True)
    assert server.verbs == []
    send(server, change)
    assert server.verbs[0] == "create"
    assert server.looks < 0


def test_what_does_not_go_ends_the_wait_with_what_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_POLL", 0)
    server = Server(as_read(going()))
    impatient = Sender(server, server, patience=0)
    with pytest.raises(IncompleteError, match="still there after 0 s, held by a/b"):
        impatient.send(with_fields(recreation(), live=going()), dry_run=False)
    assert server.verbs == []


def test_an_update_of_what_somebody_deletes_meanwhile_is_not_made() -> None:
    server = Server(as_read(going("6")), conflicts("replace", 1))
    with pytest.raises(IncompleteError, match="changed by somebody else"):
        send(server, update())
    assert server.verbs == ["replace"]


def test_a_recreation_is_tried_by_its_deletion_only() -> None:
    server = Server(as_read(LIVE))
    send(server, recreation(), dry_run=True)
    assert [(verb, body.get("dry_run")) for verb, body in server.sent] == [("delete", True)]


LOST = UnreachableError("the connection or the answer broke off")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_DOUBT_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(ownership, "_PAUSE", 0)


def loses(server: Server, verb: str, times: int, *, after: MeshObject | None, error: Exception = LOST) -> None:
    """The first answers to a verb get lost; if the write happened the object is `after` from then on."""

    def fault(name: str, count: int) -> Exception | None:
        if name != verb or count >= times:
            return None
        if after is not None:
            server.stored = as_read(after)
        return error

    server.fault = fault


def written(version: str = "6", **fields: Any) -> MeshObject:
    return obj("ConfigMap", "istio-system/istio", version=version, uid="u", **fields)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [LOST, ApiError("etcd has no leader", status=500), ApiError("busy", status=429)])
def test_a_write_that_happened_though_its_answer_got_lost_is_not_sent_again(error: Exception) -> None:
    server = Server(as_read(LIVE))
    loses(server, "replace", 1, after=written(data={"mesh": "old"}), error=error)
    answer = send(server, update())
    assert server.verbs == ["replace"]
    assert answer is not None
    assert answer["metadata"]["resourceVersion"] == "6"


@pytest.mark.usefixtures("impatient")
def test_a_write_that_did_not_happen_is_sent_again() -> None:
    server = Server(as_read(LIVE))
    loses(server, "replace", 2, after=None)
    send(server, update())
    assert server.verbs == ["replace"] * 3


@pytest.mark.usefixtures("impatient")
def test_a_write_that_happened_late_is_recognised_by_the_conflict_with_it() -> None:
    server = Server(as_read(LIVE))

    def fault(_verb: str, count: int) -> Exception:
        if count == 0:
            return LOST
        server.stored = as_read(written(data={"mesh": "old"}))
        return conflict()

    server.fault = fault
    send(server, update())
    assert server.verbs == ["replace"] * 2


@pytest.mark.usefixtures("impatient")
def test_what_somebody_else_wrote_meanwhile_is_not_taken_for_ours() -> None:
    server = Server(as_read(LIVE))
    theirs = written(data={"mesh": "theirs"})
    server.fault = lambda _verb, count: LOST if count == 0 else conflict()
    server.stored = as_read(theirs)
    with pytest.raises(UnreachableError) as caught:  # which says that ours may have been before theirs
        send(server, update())
    assert "changed by somebody else" in str(caught.value.__cause__)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_stays_out_of_order_ends_the_write() -> None:
    server = Server(as_read(LIVE))
    loses(server, "replace", 99, after=None)
    with pytest.raises(UnreachableError):
        send(server, update())
    assert server.verbs == ["replace"] * 3


@pytest.mark.usefixtures("impatient")
def test_a_creation_that_happened_is_not_a_conflict_with_itself() -> None:
    (change,) = plan_rollback(state(), state(TARGET)).changes[-1:]
    server = Server(None)
    loses(server, "create", 1, after=written(data={"mesh": "old"}))
    send(server, change)
    assert server.verbs == ["create"]


@pytest.mark.usefixtures("impatient")
def test_an_apply_that_created_its_object_does_not_take_it_for_somebody_elses() -> None:
    (change,) = plan_rollback(state(), state(TARGET)).changes[-1:]
    server = Server(None)
    loses(server, "server_side_apply", 1, after=written(data={"mesh": "old", "defaulted": "by the server"}))
    send(server, with_fields(change, write=Write.APPLY))
    assert server.verbs == ["server_side_apply"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("labels", [{"labels": {"there": "yes"}}, {}])
def test_a_patch_that_removed_a_label_is_recognised(labels: dict[str, Any]) -> None:
    body = {"metadata": {"labels": {"gone": None, **labels.get("labels", {})}, "uid": "u", "resourceVersion": "5"}}
    server = Server(as_read(written("5", labels={"gone": "no"})))
    loses(server, "merge_patch", 1, after=written(**labels))
    send(server, with_fields(update(), write=Write.PATCH, body=body))
    assert server.verbs == ["merge_patch"]


@pytest.mark.usefixtures("impatient")
def test_a_deletion_of_which_the_answer_got_lost_is_sent_again_and_may_meet_nothing() -> None:
    server = Server(as_read(LIVE))

    def fault(_verb: str, count: int) -> Exception:
        server.stored = None
        return LOST if count == 0 else NotFoundError("gone", status=404)

    server.fault = fault
    send(server, deletion())
    assert server.verbs == ["delete", "delete"]


@pytest.mark.usefixtures("impatient")
def test_ownership_is_tried_again_when_the_server_was_out_of_order() -> None:
    server = Server(as_read(OWNED))
    loses(server, "owned", 2, after=None)
    notes: list[str] = []
    Sender(server, server, notes.append).send(update(target=OWNED), dry_run=False)
    assert server.verbs == ["replace", "owned", "owned", "owned"]
    assert notes == []


@pytest.mark.usefixtures("impatient")
def test_ownership_that_a_broken_server_keeps_from_us_stops_the_run() -> None:
    server = Server(as_read(OWNED))
    loses(server, "owned", 99, after=None)
    with pytest.raises(WrittenError, match="configmaps istio-system/istio is written"):
        send(server, update(target=OWNED))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [LostLockError("taken over"), ForbiddenError("no get"), UnauthorizedError("expired")])
def test_whatever_keeps_the_ownership_from_us_the_object_is_written(error: Exception) -> None:
    server = Server(as_read(OWNED), conflicts("owned", 99))
    if isinstance(error, LostLockError):
        server.fault = lambda verb, _: error if verb == "owned" else None
    else:
        server.unreadable = error
    with pytest.raises(WrittenError) as caught:
        send(server, update(target=OWNED))
    assert may_have_happened(caught.value)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [ForbiddenError("no get"), UnauthorizedError("expired")])
def test_a_write_in_doubt_stays_in_doubt_where_the_object_cannot_be_read(error: Exception) -> None:
    server = Server(as_read(LIVE), unreadable=error)
    loses(server, "replace", 1, after=None)
    with pytest.raises(UnreachableError):
        send(server, update())


@pytest.mark.usefixtures("impatient")
def test_an_apply_with_an_empty_map_is_recognised() -> None:
    body = {"metadata": {"name": "istio", "labels": {}}, "data": {"mesh": "old"}}
    server = Server(as_read(LIVE))
    loses(server, "server_side_apply", 1, after=written(data={"mesh": "old"}))
    send(server, with_fields(update(), write=Write.FORCE, body=body))
    assert server.verbs == ["server_side_apply"]


class Masking:
    key_id = "k"

    def digest(self, context: str, value: bytes) -> str:
        return "hmac-sha256:" + hashlib.sha256(context.encode() + value).hexdigest()


def secret(value: str, version: str = "1") -> MeshObject:
    return without_values(obj("Secret", "istio-system/a", version=version, uid="u", data={"x": value}), Masking())


def test_values_take_the_place_of_their_digests_in_the_request_alone() -> None:
    target = secret("b2xk")
    sources = SecretSources(lambda _: True, lambda _: target.withheld, identified=True, sealing=True)
    plan = plan_rollback(state(secret("bmV3", "5")), state(target), RollbackOptions(secrets=sources))
    (change,) = plan.changes
    server = Server(as_read(obj("Secret", "istio-system/a", version="5", uid="u", data={"x": "bmV3"})))
    secrets = Redaction(Masking(), values_for(plan))
    answer = Sender(server, server, secrets=secrets).send(change, dry_run=True)
    assert server.sent[0][1]["data"] == {"x": "b2xk"}
    assert answer is not None
    assert "bmV3" not in str(answer)
    assert "b2xk" not in f"{plan}{secrets}"


def test_a_secret_that_only_its_version_moved_is_still_the_one_of_the_plan() -> None:
    live = secret("bmV3", "5")
    (change,) = plan_rollback(state(live), state(without_values(LABELLED, Masking()))).changes
    moved = obj("Secret", "istio-system/a", version="6", uid="u", data={"x": "bmV3"})
    server = Server(as_read(moved), conflicts("replace", 1))
    Sender(server, server, secrets=Redaction(Masking(), live.withheld)).send(change, dry_run=True)
    assert [body["metadata"]["resourceVersion"] for _, body in server.sent] == ["5", "6"]
    assert server.sent[1][1]["data"] == {"x": "bmV3"}


LABELLED = obj("Secret", "istio-system/a", uid="u", data={"x": "bmV3"}, labels={"back": "1"})
