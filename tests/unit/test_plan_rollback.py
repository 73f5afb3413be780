from __future__ import annotations

from dataclasses import replace

import pytest

from kubectl_istio_upgrade.models.objects import MeshObject, ScaleTarget
from kubectl_istio_upgrade.models.plans import Action, Plan, PlannedChange, Write
from kubectl_istio_upgrade.models.secrets import Values
from kubectl_istio_upgrade.plan import rollback, secrets
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.plan.secrets import SecretSources
from kubectl_istio_upgrade.rules.order import STAGES

from .builders import key, obj, state

WITHHELD = {"password": "hmac-sha256:" + "0" * 64}


def plan(live: tuple[MeshObject, ...], target: tuple[MeshObject, ...], options: RollbackOptions | None = None) -> Plan:
    return plan_rollback(state(*live), state(*target, label="snapshot 1234567"), options)


def only(plan_: Plan) -> PlannedChange:
    (change,) = plan_.changes
    return change


def test_what_changed_is_put_back_in_place_with_its_preconditions() -> None:
    live = obj("ConfigMap", "istio-system/istio", version="7", uid="u", data={"mesh": "new"})
    change = only(plan((live,), (obj("ConfigMap", "istio-system/istio", uid="u", data={"mesh": "old"}),)))
    assert (change.action, change.write, change.uid, change.resource_version) == (Action.UPDATE, Write.PUT, "u", "7")
    assert change.body is not None
    assert change.body["data"] == {"mesh": "old"}
    assert change.body["metadata"] == {"name": "istio", "namespace": "istio-system", "uid": "u", "resourceVersion": "7"}


def test_what_was_deleted_is_created_without_an_identity() -> None:
    change = only(
        plan((obj("Namespace", "ns"),), (obj("Namespace", "ns"), obj("VirtualService", "ns/a", spec={"x": 1})))
    )
    assert (change.action, change.write) == (Action.CREATE, Write.POST)
    assert change.body is not None
    assert change.body["metadata"] == {"name": "a", "namespace": "ns"}


def test_what_was_added_is_deleted_by_its_uid() -> None:
    change = only(plan((obj("AuthorizationPolicy", "ns/deny", uid="u"),), ()))
    assert (change.action, change.write, change.uid, change.body) == (Action.DELETE, Write.DELETE, "u", None)


def test_added_objects_stay_on_request() -> None:
    change = only(plan((obj("AuthorizationPolicy", "ns/deny"),), (), RollbackOptions(delete_added=False)))
    assert (change.action, change.reason) == (Action.KEEP, rollback.KEPT_ADDED)


def test_an_added_definition_is_never_deleted() -> None:
    crd = obj("CustomResourceDefinition", "a.istio.io", spec={"group": "istio.io", "names": {"plural": "a"}})
    assert only(plan((crd,), ())).reason == rollback.KEPT_CRD_ADDED


@pytest.mark.parametrize("name", ["istio-ca-secret", "cacerts"])
def test_the_ca_is_neither_restored_nor_deleted(name: str) -> None:
    secret = obj("Secret", f"istio-system/{name}", data=WITHHELD)
    changed = obj("Secret", f"istio-system/{name}", version="2", data={"password": "hmac-sha256:" + "1" * 64})
    for live, target in (((secret,), ()), ((), (secret,)), ((changed,), (secret,))):
        assert "CA is never put back" in only(plan(live, target)).reason


def test_a_secret_without_its_values_is_kept_and_says_so() -> None:
    secret = obj("Secret", "istio-system/a", data=WITHHELD)
    changed = obj("Secret", "istio-system/a", version="2", data={"password": "hmac-sha256:" + "1" * 64})
    assert only(plan((), (secret,))).reason == secrets.NOT_STORED
    assert only(plan((changed,), (secret,))).reason == secrets.NOT_STORED
    assert only(plan((secret,), ())).reason == secrets.LOST


def test_what_the_live_object_has_in_common_with_the_target_is_restored_without_any_identity() -> None:
    target = obj("Secret", "istio-system/a", data=WITHHELD, labels={"back": "1"})
    more = {**WITHHELD, "added": "hmac-sha256:" + "1" * 64}
    live = obj("Secret", "istio-system/a", version="2", data=more, labels={"new": "1"})
    live = replace(live, withheld=Values(dict.fromkeys(more.values(), "value")))
    done = plan((live,), (target,))
    change = only(done)
    assert (change.action, change.write) == (Action.UPDATE, Write.PUT)
    assert change.body is not None
    assert change.body["data"] == WITHHELD
    assert secrets.values_for(done).get(WITHHELD["password"]) == "value"
    assert "the values that it has now would be gone" in done.warnings[0]


HOME = obj("Namespace", "istio-system")


def sealed(*, identities: bool, opens: bool, sealing: bool = True) -> RollbackOptions:
    """A target snapshot with encrypted values."""
    values = Values({WITHHELD["password"]: "value"}) if opens else Values()
    sources = SecretSources(lambda _: True, lambda _: values, identities, sealing)
    return RollbackOptions(secrets=sources)


def test_a_secret_with_encrypted_values_is_restored_with_an_identity() -> None:
    secret = obj("Secret", "istio-system/a", data=WITHHELD)
    changed = obj("Secret", "istio-system/a", version="2", data={"password": "hmac-sha256:" + "1" * 64})
    options = sealed(identities=True, opens=True)
    assert only(plan((changed,), (secret,), options)).action is Action.UPDATE
    assert only(plan((HOME,), (HOME, secret), options)).action is Action.CREATE
    assert only(plan((secret,), (), options)).action is Action.DELETE
    assert plan((changed,), (secret,), options).warnings == ()


def test_encrypted_values_that_cannot_be_opened_are_kept_and_the_reason_says_why() -> None:
    secret = obj("Secret", "istio-system/a", data=WITHHELD)
    for identities, reason in ((False, secrets.ENCRYPTED), (True, secrets.ENCRYPTED_TO_OTHERS)):
        options = sealed(identities=identities, opens=False)
        assert only(plan((HOME,), (HOME, secret), options)).reason == reason


@pytest.mark.parametrize("name", ["cacerts", "istio-remote-secret-east", "renamed"])
def test_the_ca_and_remote_access_are_touched_when_they_are_named(name: str) -> None:
    labels = {"istio/multiCluster": "true"} if name == "renamed" else {}
    secret = obj("Secret", f"istio-system/{name}", data=WITHHELD, labels=labels)
    options = sealed(identities=True, opens=True)
    assert f"--restore-secret istio-system/{name}" in only(plan((), (secret,), options)).reason
    named = replace(options, restore_secrets=frozenset({f"istio-system/{name}"}))
    assert only(plan((HOME,), (HOME, secret), named)).action is Action.CREATE


def test_a_credential_elsewhere_is_treated_like_a_secret() -> None:
    target = obj("ConfigMap", "istio-system/a", data={"mesh": "header: Bearer hmac-sha256:" + "0" * 64})
    live = obj("ConfigMap", "istio-system/a", version="2", data={"mesh": "none"})
    assert only(plan((live,), (target,))).reason == secrets.NOT_STORED
    assert only(plan((target,), ())).reason == secrets.LOST
    opened = RollbackOptions(secrets=SecretSources(sealing=True))
    assert only(plan((target,), (), opened)).action is Action.DELETE


def test_of_a_namespace_only_steering_labels_are_written() -> None:
    target = obj("Namespace", "shop", labels={"istio-injection": "enabled"})
    live = obj("Namespace", "shop", version="2", labels={"istio.io/rev": "canary"})
    change = only(plan((live,), (target,)))
    assert change.write is Write.PATCH
    assert change.body is not None
    assert change.body["metadata"]["labels"] == {"istio.io/rev": None, "istio-injection": "enabled"}


def test_a_new_namespace_loses_its_labels_and_is_not_deleted() -> None:
    change = only(plan((obj("Namespace", "new", labels={"istio-injection": "enabled"}),), ()))
    assert (change.action, change.write) == (Action.UPDATE, Write.PATCH)


def test_a_namespace_that_is_gone_comes_back_for_the_objects_in_it() -> None:
    changes = plan((obj("Namespace", "other"),), (obj("Namespace", "shop"), obj("VirtualService", "shop/a"))).changes
    assert [(change.action, change.type.kind) for change in changes] == [
        (Action.CREATE, "Namespace"), (Action.CREATE, "VirtualService"),
    ]  # fmt: skip


def test_a_namespace_that_comes_back_belongs_to_whom_it_belonged() -> None:
    owned = obj("Namespace", "shop", managed=[{"manager": "kubectl-create", "operation": "Update"}])
    created = plan((), (owned, obj("VirtualService", "shop/a"))).changes[0]
    assert created.target is not None
    assert created.target.server.managed_fields == owned.server.managed_fields


SHOP = obj("Namespace", "shop", labels={"istio-injection": "enabled"})


def test_a_namespace_that_is_needed_comes_back_with_its_labels_be_it_selected_or_not() -> None:
    target = (SHOP, obj("VirtualService", "shop/a"), obj("ConfigMap", "istio-system/a"))
    chosen = plan((HOME,), (HOME, *target), RollbackOptions(select=lambda key: key.namespace == "shop"))
    namespace, _ = chosen.writes
    assert (namespace.key, namespace.body) == (SHOP.key, SHOP.body)
    assert namespace.diff is not None
    assert chosen.warnings == ("1 differing object is outside the selection and stays as it is",), "the ConfigMap"


def test_a_namespace_that_others_have_deleted_comes_back_for_what_is_created_in_it() -> None:
    """Without, nothing could be: the server would refuse the whole plan."""
    options = RollbackOptions(others=lambda diff: "deleted since by bob" if diff.key == SHOP.key else "")
    changes = plan((), (SHOP, obj("VirtualService", "shop/a")), options).changes
    assert [(change.action, change.type.kind) for change in changes] == [
        (Action.CREATE, "Namespace"), (Action.CREATE, "VirtualService"),
    ]  # fmt: skip
    assert only(plan((), (SHOP,), options)).reason == "deleted since by bob"


def test_namespaces_that_were_not_looked_for_are_not_made() -> None:
    target = state(SHOP, obj("VirtualService", "shop/a"))
    unseen = plan_rollback(state(without=["namespaces"]), target)
    assert [change.type.kind for change in unseen.changes] == ["VirtualService"]


def test_writes_come_in_stages_and_deletions_backwards_after_them() -> None:
    added = (obj("AuthorizationPolicy", "ns/p"), obj("ClusterRole", "r"), obj("Deployment", "ns/d"))
    missing = (obj("ValidatingWebhookConfiguration", "w"), obj("VirtualService", "ns/v"), obj("ServiceAccount", "ns/s"))
    changes = plan((obj("Namespace", "ns"), *added), (obj("Namespace", "ns"), *missing)).changes
    assert [(str(change.action), change.type.kind) for change in changes] == [
        ("create", "ServiceAccount"), ("create", "VirtualService"), ("create", "ValidatingWebhookConfiguration"),
        ("delete", "AuthorizationPolicy"), ("delete", "Deployment"), ("delete", "ClusterRole"),
    ]  # fmt: skip


def test_the_injector_template_and_its_istiod_move_together() -> None:
    pairs = (("ConfigMap", "istio-system/istio-sidecar-injector-1-28"), ("Deployment", "istio-system/istiod-1-28"))
    live = tuple(obj(kind, name, version="2", spec={"new": 1}) for kind, name in pairs)
    target = tuple(obj(kind, name, spec={"old": 1}) for kind, name in pairs)
    for kind, name in pairs:
        chosen = plan(live, target, RollbackOptions(select=key(kind, name).__eq__))
        assert len(chosen.writes) == 2


def test_the_injector_of_another_revision_stays() -> None:
    pairs = (("ConfigMap", "istio-system/istio-sidecar-injector"), ("Deployment", "istio-system/istiod-canary"))
    live = tuple(obj(kind, name, version="2", spec={"new": 1}) for kind, name in pairs)
    target = tuple(obj(kind, name, spec={"old": 1}) for kind, name in pairs)
    assert len(plan(live, target, RollbackOptions(select=key(*pairs[0]).__eq__)).writes) == 1


def test_what_is_outside_the_selection_is_mentioned() -> None:
    live = (obj("ConfigMap", "istio-system/a"), obj("ConfigMap", "istio-system/b"))
    chosen = plan(live, (), RollbackOptions(select=live[0].key.__eq__))
    assert [change.key.name for change in chosen.writes] == ["a"]
    assert chosen.warnings == ("1 differing object is outside the selection and stays as it is",)


def test_a_webhook_created_anew_gets_the_ca_in_force() -> None:
    service = {"namespace": "istio-system", "name": "istiod"}
    stale = obj(
        "ValidatingWebhookConfiguration", "a", webhooks=[{"clientConfig": {"service": service, "caBundle": "OLD"}}]
    )
    other = obj(
        "MutatingWebhookConfiguration", "b", webhooks=[{"clientConfig": {"service": service, "caBundle": "NEW"}}]
    )
    created = only(plan((other,), (other, stale)))
    alone = only(plan((), (stale,)))
    assert created.body is not None
    assert alone.body is not None
    assert created.body["webhooks"][0]["clientConfig"]["caBundle"] == "NEW"
    assert alone.body["webhooks"][0]["clientConfig"]["caBundle"] == "OLD"


def test_the_hash_binds_content_and_preconditions() -> None:
    def hash_of(version: str, value: str) -> str:
        live = obj("ConfigMap", "istio-system/a", version=version, data={"a": "live"})
        return plan((live,), (obj("ConfigMap", "istio-system/a", version="0", data={"a": value}),)).hash

    assert hash_of("1", "x") == hash_of("1", "x")
    assert len({hash_of("1", "x"), hash_of("2", "x"), hash_of("1", "y")}) == 3


def test_equal_states_leave_nothing_to_do() -> None:
    one = obj("ConfigMap", "istio-system/a")
    nothing = plan((one,), (one,))
    assert (nothing.changes, nothing.same) == ((), 1)


def test_an_object_is_written_under_the_version_it_was_stored_with() -> None:
    target = obj("VirtualService", "ns/a", spec={"old": 1})
    target.body["apiVersion"] = "networking.istio.io/v1beta1"
    change = only(plan((obj("VirtualService", "ns/a", version="2", spec={"new": 1}),), (target,)))
    assert change.type.api_version == "networking.istio.io/v1beta1"
    assert STAGES[change.stage].name == "mesh configuration"


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Job"])
def test_what_holds_data_or_would_run_again_is_left_alone(kind: str) -> None:
    one, other = obj(kind, "istio-system/a", spec={"x": 1}), obj(kind, "istio-system/a", version="2", spec={"x": 2})
    for live, target in (((one,), ()), ((), (one,)), ((other,), (one,))):
        assert only(plan(live, target)).action is Action.KEEP


@pytest.mark.parametrize("namespace", ["ns", pytest.param("elsewhere", id="of another namespace")])
def test_the_replicas_of_what_an_autoscaler_that_is_no_state_targets_stay(namespace: str) -> None:
    """KEDA's has a controlling owner, and a user's own no label of Istio's: no snapshot holds either."""
    now = obj("Deployment", "ns/a", version="2", spec={"replicas": 20, "paused": True})
    then = obj("Deployment", "ns/a", spec={"replicas": 2, "paused": False})
    target = ScaleTarget("Deployment", namespace, "a")
    live = replace(state(now), autoscaled=frozenset({target}))
    change = only(plan_rollback(live, state(then, label="then")))
    assert (change.body or {})["spec"]["replicas"] == (20 if namespace == "ns" else 2)
    assert change.autoscaled == (namespace == "ns")
    quiet = state(obj("Deployment", "ns/a", version="2", spec={"replicas": 20, "paused": False}))
    planned = plan_rollback(replace(quiet, autoscaled=frozenset({target})), state(then, label="then"))
    assert len(planned.changes) == (0 if namespace == "ns" else 1)


def test_an_autoscaler_added_since_gives_the_replicas_back() -> None:
    target = obj("Deployment", "ns/a", spec={"replicas": 3})
    live = obj("Deployment", "ns/a", version="2", spec={"replicas": 1})
    scaler = obj("HorizontalPodAutoscaler", "ns/a", spec={"scaleTargetRef": {"kind": "Deployment", "name": "a"}})
    changes = plan((live, scaler), (target,)).changes
    assert [change.body["spec"]["replicas"] for change in changes if change.body] == [3]
    assert [change.action for change in changes] == [Action.UPDATE, Action.DELETE]
