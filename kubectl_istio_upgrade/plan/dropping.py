"""What the manifests of one release have and those of the next do not.

Fields are taken away, unless somebody changed them: a server-side apply takes away what its own manager has set and
sets no more; what another has applied, such as `kubectl apply`, it leaves, and the new release would run with what only
the old one wanted. Whole objects are named, with the command that deletes them: somebody may still use them. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ..canonical import same
from ..diff.fields import field_changes
from ..models.changes import FieldChange, FieldOp, ItemKey, Path, Step
from ..models.objects import Body, Json, Key, MeshObject, clone
from ..models.plans import FollowUp, PlannedChange, Write
from ..normalise.partial import restricted
from ..rules.lists import keyed_lists
from ..rules.scope import CRD, is_namespace
from .manifests import Manifests

Fields = Mapping[Key, tuple[FieldChange, ...]]
"""By object, what is not set any more; `before` is what it was set to."""


@dataclass(frozen=True)
class Dropped:
    """What the old manifests have, and the new ones do not."""

    fields: Fields = field(default_factory=dict)
    """Of objects that are in both."""
    objects: tuple[Key, ...] = ()
    """Those that are in the old ones alone."""


def dropped(old: Manifests, new: Manifests) -> Dropped:
    """Compare them.

    Lists without a key are left out: they belong as a whole to whoever applies them. So are definitions and namespaces
    as a whole: with them would go what people have made of them.
    """
    both = [(key, old.objects[key].body, obj.body) for key, obj in new.objects.items() if key in old.objects]
    found = {key: tuple(_gone(field_changes(was, now, keyed_lists(key.resource)))) for key, was, now in both}
    alone = (key for key in sorted(old.objects.keys() - new.objects) if key.resource != CRD and not is_namespace(key))
    return Dropped({key: changes for key, changes in found.items() if changes}, tuple(alone))


def left_behind(objects: Iterable[Key], live: Container[Key], release: str) -> Iterator[FollowUp]:
    """Commands that delete those of the objects that are still there, one for each namespace."""
    there = sorted((key for key in objects if key in live), key=lambda key: (key.namespace, key))
    for namespace, keys in groupby(there, key=lambda key: key.namespace):
        names = [f"{key.resource}/{key.name}" for key in keys]
        where = f" -n {namespace}" if namespace else ""
        why = (
            f"{'it is' if len(names) == 1 else 'they are'} in the manifests of the release before, and not of {release}"
        )
        yield FollowUp(f"kubectl delete {' '.join(names)}{where}", why)


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
    """As a journal has it: an object without a path is gone as a whole."""
    fields: list[Json] = [
        {"object": str(key), "path": [_step_data(step) for step in change.path], "before": change.before}
        for key, changes in found.fields.items()
        for change in changes
    ]
    return fields + [{"object": str(key)} for key in found.objects]


def of_data(data: Iterable[Body]) -> Dropped:
    """The inverse. Raises KeyError or TypeError for damage."""
    fields: dict[Key, tuple[FieldChange, ...]] = {}
    objects: list[Key] = []
    for each in data:
        key = Key.of(each["object"])
        if "path" not in each:
            objects.append(key)
            continue
        change = FieldChange(FieldOp.REMOVE, tuple(map(_step, each["path"])), before=each["before"])
        fields[key] = (*fields.get(key, ()), change)
    return Dropped(fields, tuple(objects))


def _step_data(step: Step) -> Json:
    return dict(zip(step.names, step.values, strict=True)) if isinstance(step, ItemKey) else step


def _step(data: Json) -> Step:
    return ItemKey(tuple(data), tuple(data.values())) if isinstance(data, dict) else str(data)
