"""Changes applied to a value: the inverse of `diff.fields`, by which the property tests judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubectl_istio_upgrade.diff.fields import item_key
from kubectl_istio_upgrade.models.changes import FieldChange, FieldOp, ItemKey, Path, Step
from kubectl_istio_upgrade.models.objects import Json, clone


def patched(value: Json, changes: Sequence[FieldChange]) -> Json:
    """The value after the changes: `patched(a, field_changes(a, b))` is b, keyed lists up to order.

    Raises LookupError when the changes do not fit the value.
    """
    return _patched(value, [(change.path, change) for change in changes])


_Relative = tuple[Path, FieldChange]


def _patched(value: Json, changes: Sequence[_Relative]) -> Json:
    if not changes:
        return clone(value)
    if not changes[-1][0]:  # of a keyed list in another order, the last word
        return clone(changes[-1][1].after)
    here: dict[Step, FieldChange] = {path[0]: change for path, change in changes if len(path) == 1}
    below: dict[Step, list[_Relative]] = {}
    for path, change in changes:
        if len(path) > 1 or change.op is FieldOp.REPLACE:
            below.setdefault(path[0], []).append((path[1:], change))
    if isinstance(value, dict):
        return _patched_map(value, here, below)
    if any(isinstance(step, ItemKey) for step in (*here, *below)):
        return _patched_keyed(value, here, below)
    additions = [(path[0], change) for path, change in changes if len(path) == 1 and change.op is FieldOp.ADD]
    removed = {path[0] for path, change in changes if len(path) == 1 and change.op is FieldOp.REMOVE}
    result = [_patched(item, below.get(i, ())) for i, item in enumerate(value) if i not in removed]
    for index, change in additions:
        result.insert(int(str(index)), clone(change.after))
    return result


def _patched_map(value: Json, here: Mapping[Step, FieldChange], below: Mapping[Step, Sequence[_Relative]]) -> Json:
    result = {}
    for name, item in value.items():
        if name not in here or here[name].op is not FieldOp.REMOVE:
            result[name] = _patched(item, below.get(name, ()))
    result.update({name: clone(change.after) for name, change in here.items() if change.op is FieldOp.ADD})
    return result


def _patched_keyed(value: Json, here: Mapping[Step, FieldChange], below: Mapping[Step, Sequence[_Relative]]) -> Json:
    names = next(step.names for step in (*here, *below) if isinstance(step, ItemKey))
    result = []
    for item in value:
        key = item_key(item, names)
        if key not in here or here[key].op is not FieldOp.REMOVE:
            result.append(_patched(item, below.get(key, ())))
    return result + [clone(change.after) for change in here.values() if change.op is FieldOp.ADD]
