"""What installing with known settings would still change, as further settings that keep it from that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...diff.paths import dotted
from ...models.changes import Change, FieldChange, FieldOp, ItemKey, ObjectDiff, Path
from ...models.objects import Body, Json, MeshObject, clone
from ...models.settings import Source
from ...rules.components import COMPONENT_LABEL
from ...rules.operator_fields import BY_LABEL, CONTAINER, FIELDS, RECORDS, OperatorComponent, OperatorField, Part
from .merging import beyond, merged, with_value
from .recorded import INJECTOR, MESH, suffixed

Parse = Callable[[str], Json]
"""Reads YAML."""


@dataclass
class Amendment:
    """Settings, and what was put into them to keep live objects as they are."""

    body: Body
    parse: Parse
    revision: str
    sources: list[Source] = field(default_factory=list)

    def keep(self, residual: Iterable[ObjectDiff]) -> None:
        """Take in what installing would change (from live to installed): keep what is live.

        What no setting is known for is passed over: it is in the residual of the next round again.
        """
        for diff in residual:
            if diff.change is not Change.CHANGED or is_record(diff):
                continue
            if diff.key.resource == "configmaps":
                self._keep_texts(diff)
            else:
                self._keep_object(diff)

    def _keep_texts(self, diff: ObjectDiff) -> None:
        """Mesh configuration and the injector's values are texts with settings in them."""
        texts = {
            (suffixed(MESH, self.revision), "mesh"): (("spec", "meshConfig"), self.parse),
            (suffixed(INJECTOR, self.revision), "values"): (("spec", "values"), json.loads),
        }
        for change in diff.fields:
            if (diff.key.name, str(change.path[-1])) in texts:
                place, read = texts[diff.key.name, str(change.path[-1])]
                kept = beyond(read(str(change.before or "{}")), read(str(change.after or "{}")))
                self._lay(place, kept, diff)

    def _keep_object(self, diff: ObjectDiff) -> None:
        live = diff.before
        component = BY_LABEL.get(live.labels.get(COMPONENT_LABEL, "")) if live else None
        if live is None or component is None:
            return
        entry = self._entry(component, live)
        done: set[str] = set()
        for change in diff.fields:
            row = _row_for(change, live, component)
            if row is None:
                self._overlay(entry, live, change)
            else:
                self._field(entry, row, live, change, done)

    def _entry(self, component: OperatorComponent, live: MeshObject) -> tuple[str | int, ...]:
        """The steps to the component's entry; a gateway has one of its own in a list."""
        place: tuple[str | int, ...] = ("spec", "components", component.spec_name)
        if not component.is_gateway:
            return place
        entries = (self.body["spec"].get("components") or {}).get(component.spec_name) or []
        names = [str(entry["name"]) for entry in entries]
        fitting = [name for name in names if live.key.name.startswith(name)]
        if fitting:
            return (*place, names.index(max(fitting, key=len)))
        self.body = with_value(self.body, (*place, len(names)), {"name": _gateway_of(live), "enabled": True})
        return (*place, len(names))

    def _field(
        self, entry: tuple[str | int, ...], row: OperatorField, live: MeshObject, change: FieldChange, done: set[str]
    ) -> None:
        place = (*entry, "k8s", row.name)
        if row.part is Part.WHOLE:
            value = _at(live.body, _with_container(row.path, change.path))
        else:
            value = _part(row, live, change)
        self.body = with_value(self.body, place, _together(_get(self.body, place), value))
        if row.name not in done:
            done.add(row.name)
            self.sources.append(Source(_dotted(place), f"{live.kind} {live.key.namespace}/{live.key.name}"))

    def _overlay(self, entry: tuple[str | int, ...], live: MeshObject, change: FieldChange) -> None:
        place = (*entry, "k8s", "overlays")
        overlays: list[Body] = clone(_get(self.body, place) or [])
        mine = next((each for each in overlays if (each["kind"], each["name"]) == (live.kind, live.key.name)), None)
        if mine is None:
            mine = {"apiVersion": live.body["apiVersion"], "kind": live.kind, "name": live.key.name, "patches": []}
            overlays.append(mine)
        mine["patches"].append(_patch(change))
        self.body = with_value(self.body, place, overlays)
        self.sources.append(Source(_dotted(place), f"{live.kind} {live.key.namespace}/{live.key.name}"))

    def _lay(self, place: tuple[str, ...], value: Json, diff: ObjectDiff) -> None:
        self.body = with_value(self.body, place, merged(_get(self.body, place) or {}, value))
        self.sources.append(Source(_dotted(place), f"{diff.kind} {diff.key.namespace}/{diff.key.name}"))


def settable(residual: Iterable[ObjectDiff], revision: str, parse: Parse) -> Iterator[ObjectDiff]:
    """What installing would take from live objects that a setting may have put there, and nothing else of it.

    With another release than the one that runs it cannot be told from what that release changes by itself.
    """
    for diff in residual:
        if diff.change is not Change.CHANGED or diff.before is None:
            continue
        if (diff.key.resource, diff.key.name) == ("configmaps", suffixed(MESH, revision)):
            fields = tuple(_mesh_fields(diff, parse))
        else:
            component = BY_LABEL.get(diff.before.labels.get(COMPONENT_LABEL, ""))
            live = diff.before
            fields = tuple(each for each in diff.fields if component and _is_settable(each, live, component))
        if fields:
            yield replace(diff, fields=fields)


def _mesh_fields(diff: ObjectDiff, parse: Parse) -> Iterator[FieldChange]:
    for change in diff.fields:
        if change.path == ("data", "mesh"):
            before, after = parse(str(change.before or "{}")), parse(str(change.after or "{}"))
            yield from _taken(change.path, before, after)


def _taken(path: Path, before: Json, after: Json) -> Iterator[FieldChange]:
    """The entries of a map that another lacks or has otherwise, down to what is no map."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield FieldChange(FieldOp.REPLACE, path, before, after)
        return
    for name, value in beyond(before, after).items():
        if name in after:
            yield from _taken((*path, name), before[name], after[name])
        else:
            yield FieldChange(FieldOp.REMOVE, (*path, name), value)


def is_record(diff: ObjectDiff) -> bool:
    """Whether the difference is in a record that nothing reads."""
    return diff.key.resource == "configmaps" and any(
        diff.key.name == name or diff.key.name.startswith(f"{name}-") for name in RECORDS
    )


def _row_for(change: FieldChange, live: MeshObject, component: OperatorComponent) -> OperatorField | None:
    """The row whose field can say what is live. A field that is not there cannot be said: that takes an overlay."""
    if change.op is FieldOp.ADD:
        return None
    row = next(_rows_about(change, live, component), None)
    return row if row and _can_say(row, change) else None


def _rows_about(change: FieldChange, live: MeshObject, component: OperatorComponent) -> Iterator[OperatorField]:
    for row in FIELDS:
        if live.key.resource in row.types and _is_below(change.path, row.path, component.container):
            yield row


def _is_settable(change: FieldChange, live: MeshObject, component: OperatorComponent) -> bool:
    """Whether what is live may be there because a field says so."""
    return change.op is not FieldOp.ADD and any(_rows_about(change, live, component))


def _can_say(row: OperatorField, change: FieldChange) -> bool:
    return row.part is Part.WHOLE or (
        len(change.path) > len(row.path) and not (row.name == "service" and change.path[1] in ("ports", "selector"))
    )


def _is_below(path: Path, of: Path, container: str) -> bool:
    if len(path) < len(of):
        return False
    wanted = (ItemKey(("name",), (container,)) if step == CONTAINER else step for step in of)
    return all(step == other for step, other in zip(path, wanted, strict=False))


def _with_container(path: Path, actual: Path) -> Path:
    return tuple(actual[index] if step == CONTAINER else step for index, step in enumerate(path))


def _part(row: OperatorField, live: MeshObject, change: FieldChange) -> Json:
    """The entry of a map, or the item of a list, that differs."""
    below = change.path[: len(row.path) + 1]
    value = _at(live.body, below)
    return [value] if row.part is Part.ITEMS else {str(below[-1]): value}


def _together(before: Json, value: Json) -> Json:
    if isinstance(value, list) and isinstance(before, list):
        names = [item.get("name") for item in value if isinstance(item, dict)]
        return [item for item in before if not (isinstance(item, dict) and item.get("name") in names)] + value
    return merged(before or {}, value) if isinstance(value, dict) else value


def _patch(change: FieldChange) -> Body:
    """One overlay patch (operator/pkg/tpath): without a value it takes the path away; `[-1]` appends to a list."""
    path = change.path
    if change.op is FieldOp.REMOVE and not isinstance(path[-1], str):
        path = (*path[:-1], -1)
    patch: Body = {"path": ".".join(_spelled(path))}
    return patch if change.op is FieldOp.ADD else {**patch, "value": clone(change.before)}


def _spelled(path: Path) -> Iterator[str]:
    for step in path:
        if isinstance(step, ItemKey):
            yield f"[{step.names[0]}:{step.values[0]}]"
        else:
            yield f"[{step}]" if isinstance(step, int) else step.replace(".", "\\.")


def _gateway_of(live: MeshObject) -> str:
    """Of a gateway that the profile itself names: the objects around it are called after its Deployment."""
    for suffix in ("-service-account", "-sds"):
        if live.key.name.endswith(suffix):
            return live.key.name.removesuffix(suffix)
    return live.key.name


def _at(body: Json, path: Sequence[object]) -> Json:
    for step in path:
        if isinstance(step, ItemKey):
            pairs = tuple(zip(step.names, step.values, strict=True))
            body = next((item for item in body or () if all(item.get(name) == value for name, value in pairs)), None)
        elif isinstance(step, int):
            body = body[step]
        else:
            body = (body or {}).get(step)
    return clone(body)


def _get(body: Json, steps: Sequence[str | int]) -> Json:
    for step in steps:
        if isinstance(step, int):
            body = body[step] if isinstance(body, list) and step < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def _dotted(steps: Sequence[str | int]) -> str:
    return dotted(tuple(steps))
