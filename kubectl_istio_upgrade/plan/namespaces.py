"""Namespaces that a rollback has to make anew, because of what it makes in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..models.changes import ObjectDiff
from ..models.objects import Key, MeshObject, State
from ..models.plans import Action, PlannedChange, Write
from ..rules.order import stage_of
from ..rules.scope import NAMESPACE, is_namespace


def with_namespaces(
    changes: Iterable[PlannedChange], diffs: Iterable[ObjectDiff], live: State, target: State
) -> list[PlannedChange]:
    """The changes, and the namespaces that are gone and needed for what will be created in them.

    Such a namespace comes back with the labels that steer Istio, be it selected or not, and whoever deleted it. Where
    no namespaces were captured nobody knows which are gone, and none is made.
    """
    changes = list(changes)
    if any(item.resource == NAMESPACE for item in live.not_captured):
        return changes
    existing = {key for key in live.versions if is_namespace(key)}
    created = {c.key.namespace for c in changes if c.action is Action.CREATE and c.key.namespace}
    needed = sorted({Key("", NAMESPACE, "", name) for name in created} - existing)
    known = target.load([key for key in needed if key in target.versions])
    differing = {diff.key: diff for diff in diffs}
    made = [_created(known.get(key) or _bare(key), differing.get(key), (target, live)) for key in needed]
    return [change for change in changes if change.key not in needed] + made


def _bare(key: Key) -> MeshObject:
    return MeshObject(key, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.name}})


def _created(namespace: MeshObject, diff: ObjectDiff | None, states: Iterable[State]) -> PlannedChange:
    key = namespace.key
    type_ = next(type_ for state in states for type_ in state.types if type_.resource == NAMESPACE)
    return PlannedChange(
        key, type_, Action.CREATE, Write.POST, stage_of(key), diff=diff, body=namespace.body, target=namespace
    )
