"""What reading and writing take, and that the roles grant exactly that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from kubectl_istio_upgrade.capture import CaptureOptions, lists_of
from kubectl_istio_upgrade.errors import UsageError
from kubectl_istio_upgrade.models.objects import MeshObject, ResourceType
from kubectl_istio_upgrade.models.permissions import Permission, Use
from kubectl_istio_upgrade.models.plans import Action, PlannedChange, Write
from kubectl_istio_upgrade.plan.manifests import Manifests, wanted_changes
from kubectl_istio_upgrade.plan.permissions import VERBS, grants, needed_by
from kubectl_istio_upgrade.plan.restarts import planned_restart
from kubectl_istio_upgrade.plan.revise import as_recreation
from kubectl_istio_upgrade.plan.rollback import RollbackOptions, plan_rollback
from kubectl_istio_upgrade.rules.keeping import RECREATABLE
from kubectl_istio_upgrade.rules.permissions import BIND, ESCALATE, verbs_of_writing

from .builders import KINDS, obj, state, type_of

ROOT = "istio-system"
LEASE = {
    Permission("get", "coordination.k8s.io", "leases", ROOT, "kubectl-istio-upgrade"),
    Permission("create", "coordination.k8s.io", "leases", ROOT),
    Permission("update", "coordination.k8s.io", "leases", ROOT, "kubectl-istio-upgrade"),
    Permission("delete", "coordination.k8s.io", "leases", ROOT, "kubectl-istio-upgrade"),
    Permission("get", "coordination.k8s.io", "leases", "kube-system", "kubectl-istio-upgrade"),
}
OWNERS = [{"manager": "istioctl", "operation": "Apply"}]
ANY_VERB = frozenset({"get", "list", "create", "update", "patch", "delete"})
SERVED = (
    *(replace(type_of(kind), verbs=ANY_VERB) for kind in KINDS),
    ResourceType("", "v1", "Pod", "pods", namespaced=True, verbs=ANY_VERB),
    ResourceType("", "v1", "ComponentStatus", "componentstatuses", namespaced=False, verbs=frozenset({"list"})),
    ResourceType("rbac.authorization.k8s.io", "v1", "Role", "roles", namespaced=True, verbs=ANY_VERB),
    ResourceType("networking.istio.io", "v1", "Sidecar", "sidecars", namespaced=True, verbs=ANY_VERB),
    ResourceType("example.com", "v1", "Thing", "things", namespaced=True, verbs=ANY_VERB),
)


def granted(use: Use | None = None, types: Iterable[ResourceType] = SERVED) -> set[Permission]:
    found = grants(lists_of(tuple(types), CaptureOptions(ROOT)), ROOT)
    return {grant.permission for grant in found if use in (None, grant.use)}


def needed(*changes: PlannedChange) -> set[Permission]:
    return set(needed_by(changes, ROOT) - LEASE)


def test_a_plan_that_makes_the_root_namespace_takes_the_lock_beside_it() -> None:
    beside = {permission._replace(namespace="kube-system") for permission in LEASE}
    plan = plan_rollback(state(), state(obj("Namespace", ROOT), obj("ConfigMap", f"{ROOT}/istio", data={"a": "b"})))
    assert beside <= needed_by(plan.changes, ROOT)
    assert beside <= granted()


def content(kind: str, word: str) -> dict[str, Any]:
    """Something in the body that can differ."""
    if kind == "CustomResourceDefinition":
        names = {"plural": "sidecars"}
        return {"spec": {"group": "networking.istio.io", "names": names, "scope": word, "versions": []}}
    return {"labels": {"istio.io/rev": word}}


def every_plan(kind: str, *, managed: Iterable[Any] = OWNERS) -> list[PlannedChange]:
    """Every way in which an object of this kind can be written."""
    where = f"{ROOT}/default" if KINDS[kind][3] else "default"
    old = obj(kind, where, managed=managed, **content(kind, "old"))
    new = obj(kind, where, managed=managed, version="2", **content(kind, "new"))
    root = obj("Namespace", ROOT)
    here = () if kind == "Namespace" else (root,)
    changes: list[PlannedChange] = []
    sides: tuple[tuple[tuple[MeshObject, ...], tuple[MeshObject, ...]], ...] = (
        ((new,), (old,)),
        ((new,), ()),
        ((), (old,)),
    )
    for live, target in sides:
        changes += plan_rollback(state(*here, *live), state(*here, *target)).writes
    taken_back = RollbackOptions(created=frozenset({new.key}))
    changes += plan_rollback(state(*here, new), state(*here), taken_back).writes
    in_place = (change for change in changes if change.write is Write.PUT and change.key.resource in RECREATABLE)
    changes += [as_recreation(change, "immutable") for change in in_place]
    if kind == "Deployment":
        changes.append(planned_restart(new, type_of(kind), "2026-11-25T04:00:00Z"))
    for live in ((), (new,)):
        manifests = Manifests("manifests", {old.key: old}, {old.key: type_of(kind)})
        changes += wanted_changes(state(*here, *live), manifests, force=False)
    return changes


@pytest.mark.parametrize("kind", KINDS)
def test_what_writing_a_type_can_take_is_what_the_table_grants_no_more_and_no_less(kind: str) -> None:
    table = {verb for verb, _ in verbs_of_writing(type_of(kind).resource)} - {BIND, ESCALATE}
    plural = KINDS[kind][2]
    assert {permission.verb for permission in needed(*every_plan(kind)) if permission.plural == plural} == table


def test_a_definition_that_is_made_takes_leave_to_list_its_type() -> None:
    made = [change for change in every_plan("CustomResourceDefinition") if change.action is Action.CREATE]
    assert {change.write for change in made} == {Write.POST, Write.APPLY}
    listing = Permission("list", "networking.istio.io", "sidecars")
    assert all(listing in needed(change) for change in made)
    others = [change for change in every_plan("CustomResourceDefinition") if change not in made]
    assert others
    assert not any(listing in needed(change) for change in others)


def test_reading_takes_the_lists_of_a_capture_and_who_it_is() -> None:
    reading = granted(Use.READING)
    assert {permission.verb for permission in reading} == {"get", "list"}
    assert {permission for permission in reading if permission.verb == "get"} == {
        Permission("get", "", "namespaces", name="kube-system"),
        Permission("get", "coordination.k8s.io", "leases", ROOT, "kubectl-istio-upgrade"),
        Permission("get", "coordination.k8s.io", "leases", "kube-system", "kubectl-istio-upgrade"),
    }
    assert {Permission("list", "", "pods"), Permission("list", "apiregistration.k8s.io", "apiservices")} <= reading


def test_what_is_only_of_the_root_namespace_is_granted_there_alone() -> None:
    every = granted()
    for plural in ("secrets", "persistentvolumeclaims"):
        assert {permission.namespace for permission in every if permission.plural == plural} == {ROOT}
    assert Permission("list", "example.com", "things", ROOT) in every
    assert Permission("list", "", "configmaps") in every
    assert Permission("list", "", "configmaps", ROOT) not in every, "the whole cluster includes it"


def test_nobody_gets_more_than_they_need() -> None:
    writing = granted(Use.WRITING)
    assert not {permission for permission in writing if permission.plural in ("pods", "componentstatuses")}
    assert not {permission for permission in writing if "*" in permission}
    verbs = {p.plural: {q.verb for q in writing if q.plural == p.plural} for p in writing}
    assert verbs["namespaces"] == {"get", "create", "patch"}
    assert verbs["customresourcedefinitions"] == {"get", "create", "update", "patch", "delete"}
    assert verbs["persistentvolumeclaims"] == verbs["jobs"] == {"get", "create", "patch"}
    assert {plural for plural, found in verbs.items() if {BIND, ESCALATE} & found} == {"roles", "clusterroles"}


def test_writing_adds_to_reading() -> None:
    assert not granted(Use.READING) & granted(Use.WRITING)


def test_components_may_be_written_in_named_namespaces_only() -> None:
    lists = lists_of(SERVED, CaptureOptions(ROOT))
    narrow = {grant.permission for grant in grants(lists, ROOT, ("edge",)) if grant.use is Use.WRITING}
    for plural in ("deployments", "configmaps", "serviceaccounts"):
        assert {permission.namespace for permission in narrow if permission.plural == plural} == {ROOT, "edge"}
    assert {permission.namespace for permission in narrow if permission.plural == "virtualservices"} == {""}
    assert {permission.namespace for permission in narrow if permission.plural == "secrets"} == {ROOT}
    reading = {grant.permission for grant in grants(lists, ROOT, ("edge",)) if grant.use is Use.READING}
    assert reading == granted(Use.READING)


def test_a_type_that_is_left_out_is_not_granted() -> None:
    options = CaptureOptions(ROOT, exclude=("secrets",))
    assert "secrets" not in {grant.permission.plural for grant in grants(lists_of(SERVED, options), ROOT)}
    with pytest.raises(UsageError, match="no such type"):
        lists_of(SERVED, CaptureOptions(ROOT, exclude=("secret",)))


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_plan_takes_is_granted(kind: str) -> None:
    every = granted()
    for permission in needed_by(every_plan(kind), ROOT):
        assert {permission, permission._replace(namespace="")} & every, str(permission)


def test_a_plan_takes_no_more_than_its_writes() -> None:
    live = obj("VirtualService", "shop/a", spec={"x": 1})
    (deleted,) = plan_rollback(state(live), state()).writes
    assert needed(deleted) == {
        Permission("get", "networking.istio.io", "virtualservices", "shop"),
        Permission("delete", "networking.istio.io", "virtualservices", "shop"),
    }
    assert needed_by((deleted,), ROOT) >= LEASE
    assert needed_by((), ROOT) == frozenset()


def test_ownership_takes_patch_only_where_it_is_known() -> None:
    verbs = {permission.verb for change in every_plan("Service", managed=()) for permission in needed(change)}
    without = [change for change in every_plan("Service", managed=()) if change.write is Write.PUT]
    with_owners = [change for change in every_plan("Service") if change.write is Write.PUT]
    assert "patch" in verbs, "apply patches"
    assert {permission.verb for permission in needed(*without)} == {"get", "update"}
    assert {permission.verb for permission in needed(*with_owners)} == {"get", "update", "patch"}


def test_a_namespace_is_authorised_as_being_in_itself_but_for_its_creation() -> None:
    live, target = obj("Namespace", "shop", version="2", labels={"istio.io/rev": "b"}), obj("Namespace", "shop")
    changed = plan_rollback(state(live), state(target)).writes
    created = plan_rollback(state(), state(live)).writes
    assert Permission("patch", "", "namespaces", "shop") in needed(*changed)
    assert Permission("create", "", "namespaces") in needed(*created)
    assert str(Permission("patch", "", "namespaces", "shop")) == "patch namespaces/shop"


def test_roles_that_cannot_be_tried_beforehand_take_escalate_and_bind() -> None:
    """Their namespace is made by the same plan, so the dry run cannot find out whether they are held."""
    reference = {"kind": "Role", "name": "istiod"}
    kind = ResourceType("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", namespaced=True)
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "istiod", "namespace": "new"}}
    binding = MeshObject(kind.key(body), {**body, "roleRef": reference})
    role_kind = replace(kind, kind="Role", plural="roles")
    role = MeshObject(role_kind.key(body), body)
    target = replace(state(binding, role, obj("Namespace", "new")), types=(kind, role_kind, type_of("Namespace")))
    untried = needed(*plan_rollback(state(), target).writes)
    tried = needed(*plan_rollback(state(obj("Namespace", "new")), target).writes)
    special = {Permission(verb, "rbac.authorization.k8s.io", "roles", "new") for verb in (BIND, ESCALATE)}
    assert special <= untried
    assert not special & tried


def test_every_kind_of_write_says_what_it_takes() -> None:
    assert set(VERBS) == set(Write)
    without_dead_webhooks = set(Action) - {Action.KEEP, Action.RELAX}  # which is a patch, and undone by an update
    assert {change.action for kind in KINDS for change in every_plan(kind)} == without_dead_webhooks


def test_restarting_is_a_role_of_its_own_and_repeats_nothing() -> None:
    lists = lists_of(SERVED, CaptureOptions(ROOT))
    without = {grant.permission for grant in grants(lists, ROOT, components_in=[ROOT])}
    found = [grant for grant in grants(lists, ROOT, [ROOT], ["shop", ROOT]) if grant.use is Use.WORKLOADS]
    added = {grant.permission for grant in found}
    assert {grant.permission for grant in grants(lists, ROOT, [ROOT], ["shop", ROOT])} == without | added
    assert not added & without
    assert Permission("patch", "apps", "deployments", "shop") in added
    assert Permission("create", "", "pods", "shop") in added
    assert Permission("list", "", "pods", "shop") not in added, "who reads lists them everywhere"
    assert {permission.namespace for permission in added} <= {"shop", ROOT}
    assert all(grant.why for grant in found)


def test_a_restart_that_takes_pods_away_asks_budgets() -> None:
    live = obj("Deployment", "shop/web", spec={"replicas": 8})
    taking = planned_restart(live, type_of("Deployment"), "2026-11-25T04:00:00Z")
    patch = {Permission(verb, "apps", "deployments", "shop") for verb in ("get", "patch")}
    assert needed(taking) == {*patch, Permission("list", "policy", "poddisruptionbudgets", "shop")}
    surging = planned_restart(obj("Deployment", "shop/web", spec={}), type_of("Deployment"), "2026-11-25T04:00:00Z")
    assert needed(surging) == patch
