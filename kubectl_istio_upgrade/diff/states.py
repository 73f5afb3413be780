"""Two states compared, object by object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ..canonical import same
from ..models.changes import Change, Comparison, FieldChange, IgnoredField, ObjectDiff
from ..models.objects import Body, Completeness, Json, Key, MeshObject, State
from ..normalise.partial import restricted
from ..normalise.view import Surroundings, quiet, surroundings
from ..rules.components import component_of, component_rank
from ..rules.fields import API_VERSION_RULE, FieldRule
from ..rules.lists import keyed_lists
from ..rules.scope import is_excluded, is_namespace, steering_only
from .authors import authors_of, creators_of
from .fields import field_changes

Select = Callable[[Key], bool]
"""Which objects to look at."""


def everything(_: Key) -> bool:
    """The selection of all objects."""
    return True


def compare(before: State, after: State, select: Select = everything) -> Comparison:
    """What became of `before` in `after`.

    Objects whose UID and resource version agree are equal without a look; all others are compared field by field,
    quietly. Types that either state did not capture are named, not compared; what an incomplete state does not know
    is not compared either.
    """
    unknown = {item.resource for state in (before, after) for item in state.not_captured}
    old = _selected(before.versions, select, unknown)
    new = _selected(after.versions, select, unknown)
    if before.completeness is not Completeness.COMPLETE:
        new = {key: version for key, version in new.items() if key in old}
    if after.completeness is not Completeness.COMPLETE:
        old = {key: version for key, version in old.items() if key in new}
    around = surroundings(before, after)
    fields_of = tuple(state.completeness is Completeness.FIELDS for state in (before, after))
    differ = _Differ(around, {}, *fields_of)
    candidates = [key for key in old.keys() & new.keys() if old[key] is None or old[key] != new[key]]
    diffs = differ.changed(before.load(candidates), after.load(candidates))
    diffs += differ.one_sided(before.load(old.keys() - new.keys()), Change.REMOVED)
    diffs += differ.one_sided(after.load(new.keys() - old.keys()), Change.ADDED)
    return Comparison(
        before_label=before.label,
        after_label=after.label,
        diffs=tuple(sorted(diffs, key=lambda diff: (component_rank(diff.component), diff.key))),
        same=len(old.keys() & new.keys()) - sum(1 for diff in diffs if diff.change is Change.CHANGED),
        ignored=differ.ignored,
        not_compared=tuple(sorted(unknown)),
    )


def _selected(versions: Mapping[Key, object], select: Select, unknown: set[str]) -> dict[Key, object]:
    return {key: version for key, version in versions.items() if not is_excluded(key.resource, unknown) and select(key)}


@dataclass(frozen=True)
class _Differ:
    around: Surroundings
    ignored: dict[Key, tuple[IgnoredField, ...]]
    old_is_partial: bool = False
    new_is_partial: bool = False

    def changed(self, before: Mapping[Key, MeshObject], after: Mapping[Key, MeshObject]) -> list[ObjectDiff]:
        pairs = ((before[key], after[key]) for key in before)
        return [diff for old, new in pairs if (diff := self.of_pair(old, new)) is not None]

    def of_pair(self, old: MeshObject, new: MeshObject) -> ObjectDiff | None:
        if is_namespace(new.key):
            old, new = steering_only(old), steering_only(new)
        if same(old.body, new.body):
            return None
        (view_old, out_old), (view_new, out_new) = quiet(old, self.around), quiet(new, self.around)
        if _only_version_differs(view_old, view_new):
            out_old = {**out_old, API_VERSION_RULE: view_old["apiVersion"]}
            out_new = {**out_new, API_VERSION_RULE: view_new["apiVersion"]}
            view_old = {**view_old, "apiVersion": view_new["apiVersion"]}
        if ignored := tuple(_ignored(out_old, out_new)):
            self.ignored[new.key] = ignored
        keyed = keyed_lists(new.key.resource)
        if self.new_is_partial:
            view_old = restricted(view_old, view_new, keyed)
        if self.old_is_partial:
            view_new = restricted(view_new, view_old, keyed)
        fields = field_changes(view_old, view_new, keyed)
        if not fields:
            return None
        return ObjectDiff(
            new.key, Change.CHANGED, component_of(new), old, new, view_old, view_new, fields, authors_of(new, fields)
        )

    def one_sided(self, objects: Mapping[Key, MeshObject], change: Change) -> list[ObjectDiff]:
        return [diff for obj in objects.values() if (diff := self.of_one(obj, change)) is not None]

    def of_one(self, obj: MeshObject, change: Change) -> ObjectDiff | None:
        if is_namespace(obj.key) and not obj.labels and not self.new_is_partial:
            return None  # nothing of Istio's came or went, nor did a manifest ask for it
        view = quiet(obj, self.around)[0]
        if change is Change.ADDED:
            return ObjectDiff(obj.key, change, component_of(obj), None, obj, None, view, (), creators_of(obj))
        return ObjectDiff(obj.key, change, component_of(obj), obj, None, view, None)


def _only_version_differs(old: Body, new: Body) -> bool:
    """True for `networking.istio.io/v1beta1` against `…/v1`: the same type, served under another version."""
    first, second = str(old.get("apiVersion", "")), str(new.get("apiVersion", ""))
    return first != second and first.rpartition("/")[0] == second.rpartition("/")[0]


def _ignored(old: Mapping[FieldRule, Json], new: Mapping[FieldRule, Json]) -> Iterable[IgnoredField]:
    for rule in dict.fromkeys((*old, *new)):
        if not same(old.get(rule), new.get(rule)):
            yield IgnoredField(".".join(rule.path), rule.id, rule.why, old.get(rule), new.get(rule))


def fields_between(before: MeshObject, after: MeshObject, *, autoscaled: bool) -> tuple[FieldChange, ...]:
    """The quiet differences of two versions of one object, outside any state."""
    diff = of_pair(before, after, Surroundings.of(before, autoscaled=autoscaled))
    return diff.fields if diff else ()


def of_pair(before: MeshObject, after: MeshObject, around: Surroundings) -> ObjectDiff | None:
    """The quiet difference of two versions of one object; None where there is none."""
    return _Differ(around, {}).of_pair(before, after)
