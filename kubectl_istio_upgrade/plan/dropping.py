"""Fields that the manifests of one release set and those of the next do not: taken away, unless somebody changed them.

A server-side apply takes away what its own manager has set and sets no more. What another has applied, such as
`kubectl apply`, it leaves, and the new release would run with what only the old one wanted. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..canonical import same
from ..diff.fields import field_changes
from ..models.changes import FieldChange, FieldOp, ItemKey, Path, Step
from ..models.objects import Body, Json, Key, MeshObject, clone
from ..models.plans import PlannedChange, Write
from ..normalise.partial import restricted
from ..rules.lists import keyed_lists
from .manifests import Manifests

Dropped = Mapping[Key, tuple[FieldChange, ...]]
"""By object, what is not set any more; `before` is what it was set to."""


def dropped(old: Manifests, new: Manifests) -> dict[Key, tuple[FieldChange, ...]]:
    """What the old manifests set and the new ones do not, of objects that are in both.

    Lists without a key are left out: they belong as a whole to whoever applies them.
    """
    both = [(key, old.objects[key].body, obj.body) for key, obj in new.objects.items() if key in old.objects]
    found = {key: tuple(_gone(field_changes(was, now, keyed_lists(key.resource)))) for key, was, now in both}
    return {key: changes for key, changes in found.items() if changes}


def _gone(changes: Iterable[FieldChange]) -> Iterator[FieldChange]:
    for change in changes:
        if change.op is FieldOp.REMOVE and not any(isinstance(step, int) for step in change.path):
            yield from _leaves(change)


def _leaves(change: FieldChange) -> Iterator[FieldChange]:
    """Others may have set more below a map that is gone; an item of a list goes as a whole."""
    if not isinstance(change.before, dict) or not change.before or isinstance(change.path[-1], ItemKey):
        yield change
        return
    for name, value in change.before.items():
        yield from _leaves(FieldChange(FieldOp.REMOVE, (*change.path, name), before=value))


def as_replaced(change: PlannedChange, preview: MeshObject, gone: Sequence[FieldChange]) -> PlannedChange:
    """An apply as a replacement by what the server says it gives, less these fields; itself where none is there."""
    body = without(preview.body, gone, keyed_lists(change.key.resource))
    if change.live is None or same(body, preview.body):
        return change
    metadata = {**body["metadata"], "uid": change.uid, "resourceVersion": change.resource_version}
    return replace(change, write=Write.PUT, body={**body, "metadata": metadata})


def without(body: Body, gone: Iterable[FieldChange], keyed: Mapping[str, tuple[str, ...]]) -> Body:
    """The body without those of the fields that still are what they were set to."""
    result: Body = clone(body)
    for change in gone:
        _drop(result, change.path, change.before, keyed)
    return result


def _drop(value: Any, path: Path, before: Json, keyed: Mapping[str, tuple[str, ...]], at: str = "") -> None:
    head, rest = path[0], path[1:]
    index = _index(value, head)
    if index is None:
        return
    here = f"{at}.*" if isinstance(head, ItemKey) else f"{at}.{head}".removeprefix(".")
    if rest:
        _drop(value[index], rest, before, keyed, here)
    elif same(restricted(value[index], before, keyed, here), before):
        del value[index]


def _index(value: Json, step: Step) -> Any:
    """Where the step leads in a map or in a list; None for nowhere."""
    if isinstance(value, list) and isinstance(step, ItemKey):
        wanted = dict(zip(step.names, step.values, strict=True))
        return next((index for index, item in enumerate(value) if _is_item(item, wanted)), None)
    return step if isinstance(value, dict) and step in value else None


def _is_item(item: Json, wanted: Mapping[str, Json]) -> bool:
    """What a manifest leaves out of a key (a port's protocol), the server has set."""
    return isinstance(item, dict) and all(item.get(name) == each for name, each in wanted.items() if each is not None)


def to_data(found: Dropped) -> list[Json]:
    """As a journal has it."""
    return [
        {"object": str(key), "path": [_step_data(step) for step in change.path], "before": change.before}
        for key, changes in found.items()
        for change in changes
    ]


def of_data(data: Iterable[Body]) -> dict[Key, tuple[FieldChange, ...]]:
    """The inverse. Raises KeyError or TypeError for damage."""
    found: dict[Key, tuple[FieldChange, ...]] = {}
    for each in data:
        key, path = Key.of(each["object"]), tuple(map(_step, each["path"]))
        found[key] = (*found.get(key, ()), FieldChange(FieldOp.REMOVE, path, before=each["before"]))
    return found


def _step_data(step: Step) -> Json:
    return dict(zip(step.names, step.values, strict=True)) if isinstance(step, ItemKey) else step


def _step(data: Json) -> Step:
    return ItemKey(tuple(data), tuple(data.values())) if isinstance(data, dict) else str(data)
