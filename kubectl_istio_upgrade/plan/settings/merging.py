"""Values laid over one another, and told apart: as Helm and istioctl do it. Maps are merged, all else is replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...canonical import same
from ...errors import UsageError
from ...models.objects import Json, clone

Steps = tuple[str | int, ...]

_STEP = re.compile(r"((?:[^.\[\]\\]|\\.)+)|\[(\d+)\]")


def merged(base: Json, over: Json) -> Json:
    """`over` laid on `base`; a null of `over` takes an entry away. Neither is changed."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return clone(over)
    result = {name: clone(value) for name, value in base.items() if name not in over}
    for name, value in over.items():
        if value is not None:
            result[name] = merged(base.get(name), value)
    return result


def laid_over(base: Json, over: Json) -> Json:
    """`over` laid on `base` as helm and istioctl lay a file over another: merged, but that a null stays.

    It unsets what a chart or a profile would set (helm/helm, pkg/chart/common/util/coalesce.go; istio/istio,
    operator/pkg/values/map.go, MergeFrom); without it that would be set again. Neither side is changed.
    """
    if not isinstance(base, dict) or not isinstance(over, dict):
        return clone(over)
    return {**clone(base), **{name: laid_over(base.get(name), value) for name, value in over.items()}}


def beyond(value: Json, default: Json) -> Json:
    """What of a map is not in another: laid over the other it gives (at least) this one.

    Empty where everything is in it. What only the other has is not in the answer.
    """
    if not isinstance(value, dict) or not isinstance(default, dict):
        return clone(value)
    found = {}
    for name, item in value.items():
        if name not in default:
            found[name] = clone(item)
        elif not same(item, default[name]):
            part = beyond(item, default[name])
            if part != {}:
                found[name] = part
    return found


def steps_of(path: str) -> Steps:
    """`a.b[0].c\\.d` as steps; none for what is no path."""
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return ()
        name, index = match.groups()
        steps.append(re.sub(r"\\(.)", r"\1", name) if name else int(index))
        position = match.end() + (path[match.end() : match.end() + 1] == ".")
    return () if steps and isinstance(steps[0], int) else tuple(steps)


def with_value(base: Json, steps: Iterable[str | int], value: Json) -> Json:
    """`base` with one value set; maps and lists on the way are made. Raises UsageError where the path cannot lead."""
    first, *rest = steps
    if isinstance(first, int):
        items: list[Any] = clone(base) if isinstance(base, list) else []
        if first > len(items):
            raise UsageError(f"there is no item [{first}], and the next would be [{len(items)}]")
        item = with_value(items[first] if first < len(items) else None, rest, value) if rest else value
        return [*items[:first], item, *items[first + 1 :]]
    if base is not None and not isinstance(base, dict):
        raise UsageError(f"{first!r} cannot be set: what is above it is no map")
    inner = (base or {}).get(first)
    return {**(base or {}), first: with_value(inner, rest, value) if rest else value}
