"""Namespaces: those that a rollback has to make anew, and what of those in manifests is not applied. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ..models.changes import ObjectDiff
from ..models.objects import Body, Key, MeshObject, State
from ..models.plans import Action, PlannedChange, Write
from ..normalise.view import Surroundings, quiet
from ..rules.order import NAMESPACE_LABELS, stage_named, stage_of
from ..rules.scope import NAMESPACE, STEERING_LABELS, is_namespace

BEYOND = (
    "of namespace {} only the labels that steer Istio are applied, because no snapshot holds more of it; "
    "`kubectl apply` applies the rest: {}"
)

_NAMED = {"labels": "label", "annotations": "annotation"}


def steered(change: PlannedChange, kept_added: str) -> PlannedChange:
    """One differing namespace: it is made, or gets its steering labels back; none is ever deleted.

    `kept_added` is why the labels of one that is new stay; "" where they go.
    """
    if change.live is None and change.target is not None:
        return replace(change, action=Action.CREATE, write=Write.POST, body=change.target.body)
    if change.target is None and kept_added:
        return replace(change, reason=kept_added)
    labels = _patch(change.live.labels if change.live else {}, change.target.labels if change.target else {})
    metadata = {**({"labels": labels} if labels else {}), "uid": change.uid, "resourceVersion": change.resource_version}
    stage = stage_named(NAMESPACE_LABELS)
    return replace(change, action=Action.UPDATE, write=Write.PATCH, stage=stage, body={"metadata": metadata})


def _patch(live: Mapping[str, str], wanted: Mapping[str, str]) -> Body:
    """A JSON merge patch from one map to another: null removes (RFC 7386). Removes only what steers Istio."""
    removed: Body = {name: None for name in STEERING_LABELS if name in live and name not in wanted}
    return removed | {name: value for name, value in wanted.items() if live.get(name) != value}


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


def beyond_steering(wanted: Iterable[MeshObject], live: Mapping[Key, MeshObject]) -> Iterator[str]:
    """Warnings about what manifests say of namespaces that are there, and that is neither so already nor applied.

    `live` are those namespaces, with all that they have.
    """
    left_out: dict[str, list[str]] = {}
    for namespace in wanted:
        if namespace.key in live and (what := ", ".join(_beyond(namespace, live[namespace.key]))):
            left_out.setdefault(what, []).append(namespace.key.name)
    yield from (BEYOND.format(", ".join(names), what) for what, names in left_out.items())


def _beyond(wanted: MeshObject, live: MeshObject) -> Iterator[str]:
    asked, there = (quiet(obj, Surroundings())[0] for obj in (wanted, live))
    for field, value in asked["metadata"].items():
        now = there["metadata"].get(field)
        if field not in _NAMED:
            yield from () if value == now else (f"metadata.{field}",)
        else:
            yield from (f"{_NAMED[field]} {name}" for name in _differing(value, now or {}))
    if asked.get("spec", there.get("spec")) != there.get("spec"):
        yield "spec"


def _differing(asked: Body, there: Body) -> Iterator[str]:
    return (name for name, value in asked.items() if name not in STEERING_LABELS and there.get(name) != value)
