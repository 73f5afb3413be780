"""From what is read and what is planned to the permissions that it takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from ..models.objects import Key, MeshObject
from ..models.permissions import Grant, Permission, Use
from ..models.plans import Action, PlannedChange, Write
from ..ports import ListQuery
from ..rules.keeping import MADE_WITH_NAMESPACE
from ..rules.permissions import (
    BIND,
    BINDINGS,
    ESCALATE,
    RBAC_GROUP,
    ROLES,
    bound_plural,
    lease_of_reading,
    lease_of_writing,
    reading_besides,
    restarting,
    verbs_of_writing,
)
from ..rules.scope import CRD, NAMESPACE
from .definitions import custom_resource_type

VERBS: Mapping[Write, tuple[str, ...]] = MappingProxyType(
    {
        Write.POST: ("get", "create"),
        Write.PUT: ("get", "update"),
        Write.APPLY: ("get", "patch"),
        Write.FORCE: ("get", "patch"),
        Write.PATCH: ("get", "patch"),
        Write.DELETE: ("get", "delete"),
        Write.RECREATE: ("get", "delete", "create"),
        Write.NONE: (),
    }
)
"""What each kind of write asks of the server. `get`, because an object that has moved is looked at again."""

_OWNED_AFTERWARDS = (Write.POST, Write.PUT, Write.PATCH, Write.RECREATE)


def needed_by(changes: Iterable[PlannedChange], root_namespace: str) -> frozenset[Permission]:
    """Every permission that carrying out these changes takes, the lock on the cluster included.

    A change takes permissions that its dry run does not use: to restore who owned its fields, or to create again
    what could not be changed in place. `escalate` and `bind` are needed only of who does not hold what a role grants,
    which the dry run finds out; they are named here for roles that cannot be tried before the plan has run.
    """
    changes = tuple(changes)
    created = (change.key for change in changes if change.action is Action.CREATE)
    made = {key.name for key in created if key.resource == NAMESPACE}
    needed = {permission for change in changes for permission in _of_change(change, made)}
    lease = {grant.permission for grant in lease_of_writing(root_namespace, fallback=root_namespace in made)}
    return frozenset(needed | lease) if needed else frozenset()


def _of_change(change: PlannedChange, made: set[str]) -> Iterator[Permission]:
    for verb in (*VERBS[change.write], *_besides(change)):
        yield _on(verb, change.key)
    yield from _budgets(change)
    yield from _listed_from_now_on(change)
    if change.key.namespace in made and change.action is Action.CREATE:
        yield from _untried(change)


def _besides(change: PlannedChange) -> Iterator[str]:
    if change.write in (Write.APPLY, Write.FORCE) and change.live is None:
        yield "create"
    if change.write in _OWNED_AFTERWARDS and change.target and change.target.server.managed_fields:
        yield "patch"
    if change.write is Write.POST and (change.key.resource, change.key.name) in MADE_WITH_NAMESPACE:
        yield "update"


def _budgets(change: PlannedChange) -> Iterator[Permission]:
    """A restart that takes pods away first asks their budgets."""
    if change.restart and change.restart.takes:
        yield Permission("list", "policy", "poddisruptionbudgets", change.key.namespace)


def _listed_from_now_on(change: PlannedChange) -> Iterator[Permission]:
    """Making a definition makes a type: without leave to list it nobody proves this plan, or takes it back."""
    if change.key.resource == CRD and change.live is None and change.body:
        yield Permission("list", *custom_resource_type(MeshObject(change.key, change.body)))


def _untried(change: PlannedChange) -> Iterator[Permission]:
    if change.key.resource in ROLES:
        yield _on(ESCALATE, change.key)
    if change.key.resource in BINDINGS:
        yield Permission(BIND, RBAC_GROUP, bound_plural(change.body or {}), change.key.namespace)


def _on(verb: str, key: Key) -> Permission:
    """A namespace counts as being in itself when it is authorised, but for its creation."""
    namespace = key.name if key.resource == NAMESPACE and verb != "create" else key.namespace
    return Permission(verb, key.group, key.plural, namespace)


def needed_for_upgrade(installed: Iterable[Key], root_namespace: str) -> frozenset[Permission]:
    """What upgrading these objects takes, and taking it back: before anybody knows what exactly will change.

    An upgrade writes what the installation consists of, under the same types and in the same namespaces.
    """
    places = {(key.group, key.plural, key.namespace, key.resource) for key in installed}
    needed = {
        Permission(verb, group, plural, namespace)
        for group, plural, namespace, resource in places
        for verb, _ in verbs_of_writing(resource)
    }
    return frozenset(needed | {grant.permission for grant in lease_of_writing(root_namespace, fallback=False)})


def grants(
    lists: Mapping[ListQuery, str],
    root_namespace: str,
    components_in: Collection[str] = (),
    workloads_in: Collection[str] = (),
) -> tuple[Grant, ...]:
    """Everything that the roles for reading grant, and what those for writing add to it; nothing twice.

    And, where `workloads_in` has namespaces ("" for all), what restarting workloads there adds to both.

    `lists` are those of a capture, with their reasons: what is read is what may be written, less what is derived. What
    is found by its labels in any namespace is written in the root namespace and in `components_in`, or anywhere.
    """
    elsewhere = dict.fromkeys((root_namespace, *components_in)) if components_in else ("",)
    reading = [Grant(_listing(query), Use.READING, why) for query, why in lists.items()]
    reading += (*reading_besides(), *lease_of_reading(root_namespace))
    writing = [
        Grant(Permission(verb, query.type.group, query.type.plural, namespace), Use.WRITING, why)
        for query in lists
        for namespace in (elsewhere if query.label_selector else (query.namespace or "",))
        for verb, why in verbs_of_writing(query.type.resource)
    ]
    read = {grant.permission for grant in reading}
    added = [grant for grant in (*writing, *lease_of_writing(root_namespace)) if grant.permission not in read]
    known = {*read, *(grant.permission for grant in added)}
    anywhere = [grant for grant in restarting(workloads_in) if not _is_granted(grant.permission, known)]
    return (*_narrowest(reading), *_narrowest(added), *_narrowest(anywhere))


def _is_granted(permission: Permission, known: Collection[Permission]) -> bool:
    return permission in known or permission._replace(namespace="") in known


def _listing(query: ListQuery) -> Permission:
    return Permission("list", query.type.group, query.type.plural, query.namespace or "")


def _narrowest(found: Iterable[Grant]) -> Iterator[Grant]:
    """Each permission once, and none in a namespace that is granted in the whole cluster anyway."""
    by_permission: dict[Permission, Grant] = {}
    for grant in found:
        by_permission.setdefault(grant.permission, grant)
    for permission, grant in by_permission.items():
        wider = permission._replace(namespace="")
        if permission == wider or wider not in by_permission:
            yield grant
