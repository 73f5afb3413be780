"""The quiet view: an object without the fields that others write at run time; and its opposite, kept from live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..models.objects import Body, Completeness, Json, Key, MeshObject, ScaleTarget, State, clone
from ..rules.fields import ANY, FIELDS, MAPS_OF_TEXTS, Condition, FieldRule, OnUpdate
from ..rules.lists import keyed_lists
from .relaxing import unrelaxed

AUTOSCALER = "horizontalpodautoscalers.autoscaling"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule must know beyond the object itself."""

    autoscaled: frozenset[ScaleTarget] = field(default_factory=frozenset)
    """Every workload that an autoscaler targets."""

    @classmethod
    def of(cls, obj: MeshObject, *, autoscaled: bool) -> Surroundings:
        """The surroundings of one object alone."""
        return cls(frozenset({_target(obj)}) if autoscaled else frozenset())

    def autoscale(self, obj: MeshObject) -> bool:
        """Whether an autoscaler decides this object's replicas."""
        return _target(obj) in self.autoscaled


def _target(obj: MeshObject) -> ScaleTarget:
    return ScaleTarget(obj.kind, obj.key.namespace, obj.key.name)


def is_autoscaler(key: Key) -> bool:
    """True for objects that `surroundings` is made from."""
    return key.resource == AUTOSCALER


def surroundings(before: State, after: State) -> Surroundings:
    """Whose replicas are noise: what an autoscaler of the state after targets, and before, where after is incomplete.

    An autoscaler that goes away leaves the replicas to the manifest again. One that is no state goes for no change of
    states: there, the two states together tell.
    """
    targets = before.autoscaled | after.autoscaled
    for state in (after,) if after.completeness is Completeness.COMPLETE else (before, after):
        scalers = state.load([key for key in state.versions if is_autoscaler(key)])
        targets |= {scaled_by(obj.body) for obj in scalers.values()}
    return Surroundings(targets)


def scaled_by(autoscaler: Body) -> ScaleTarget:
    """What an autoscaler targets: always something in its own namespace."""
    target = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    namespace = str(autoscaler["metadata"].get("namespace", ""))
    return ScaleTarget(str(target.get("kind")), namespace, str(target.get("name")))


def rules_for(obj: MeshObject, around: Surroundings) -> tuple[FieldRule, ...]:
    """The rows that apply to this object."""
    return tuple(rule for rule in FIELDS if obj.key.resource in rule.types and _holds(rule.condition, obj, around))


def _holds(condition: Condition, obj: MeshObject, around: Surroundings) -> bool:
    if condition is Condition.ISTIOD_WEBHOOK:
        return "istio.io/rev" in obj.labels
    if condition is Condition.AUTOSCALED:
        return around.autoscale(obj)
    return True


def quiet(obj: MeshObject, around: Surroundings) -> tuple[Body, Mapping[FieldRule, Json]]:
    """The body without noise, and what was left out by which rule; it shares with the object what stays.

    Labels and annotations that are empty, or that this leaves empty, go as well, those of a template too: otherwise an
    object that had an ignored annotation would differ from one that never had any.
    """
    body = obj.body
    left_out = {}
    maps: set[tuple[str, ...]] = {("metadata", name) for name in MAPS_OF_TEXTS}
    for rule in rules_for(obj, around):
        body, values = _without(body, rule.path, rule.content)
        if values:
            left_out[rule] = list(values) if ANY in rule.path else values[0]
        if len(rule.path) > 1 and rule.path[-2] in MAPS_OF_TEXTS:
            maps.add(rule.path[:-1])
    for path in maps:
        body = _without_empty(body, path)
    return body, left_out


def _without_empty(node: Json, path: tuple[str, ...]) -> Json:
    """The node without the map at the path, if that has nothing in it."""
    head, rest = path[0], path[1:]
    if not isinstance(node, dict) or head not in node:
        return node
    if rest:
        below = _without_empty(node[head], rest)
        return node if below is node[head] else {**node, head: below}
    return node if node[head] else {name: value for name, value in node.items() if name != head}


def _without(node: Json, path: tuple[str, ...], content: tuple[str | int, ...]) -> tuple[Json, tuple[Json, ...]]:
    """The node without what is at the path, and what that was; the node itself where there is nothing."""
    head, rest = path[0], path[1:]
    if head == ANY:
        items = [_without(item, rest, content) for item in node] if isinstance(node, list) else []
        removed = tuple(value for _, values in items for value in values)
        return ([item for item, _ in items] if removed else node), removed
    if not isinstance(node, dict) or head not in node:
        return node, ()
    if rest:
        below, removed = _without(node[head], rest, content)
        return ({**node, head: below} if removed else node), removed
    if _is_content(node[head], content):
        return node, ()
    return {name: value for name, value in node.items() if name != head}, (node[head],)


def _is_content(value: Json, content: tuple[str | int, ...]) -> bool:
    return bool(content) and (value in content or (isinstance(value, list) and any(item in content for item in value)))


def keep_live(target: MeshObject, live: MeshObject, around: Surroundings) -> Body:
    """The target's body as an update of the live object: fields that others own keep the value they have now.

    Of a webhook that this tool has relaxed, they keep the value from before that.
    """
    live = unrelaxed(live)
    body: Body = clone(target.body)
    keys = keyed_lists(target.key.resource)
    for rule in rules_for(live, around):
        if rule.on_update is not OnUpdate.TARGET:
            _Keeper(keys, rule).keep(body, live.body, rule.path, ())
    return body


def for_creation(body: Body, resource: str) -> Body:
    """The body as one of a new object: without what others had set on the one that had its name."""
    for rule in FIELDS:
        if not rule.on_create and resource in rule.types:
            body, _ = _without(body, rule.path, rule.content)
    return body


@dataclass(frozen=True)
class _Keeper:
    """Carries the live values of one rule's field over into a target's body."""

    keyed: Mapping[str, tuple[str, ...]]
    rule: FieldRule

    def keep(self, target: Json, live: Json, path: tuple[str, ...], at: tuple[str, ...]) -> None:
        head, rest = path[0], path[1:]
        if head == ANY:
            names = self.keyed.get(".".join(at), ())
            for index, item in enumerate(target if isinstance(target, list) else ()):
                other = _partner(item, index, live, names)
                if other is not None:
                    self.keep(item, other, rest, (*at, ANY))
        elif isinstance(target, dict) and isinstance(live, dict):
            if not rest:
                self._copy(target, live, head)
            elif head in live or head in target:
                # An annotation kept from live may need a map that the target does not have.
                lent: Body = {}
                self.keep(target.get(head, lent), live.get(head) or {}, rest, (*at, head))
                if lent:
                    target[head] = lent

    def _copy(self, target: Body, live: Body, name: str) -> None:
        if any(_is_content(side.get(name), self.rule.content) for side in (target, live)):
            return
        if self.rule.on_update is OnUpdate.ALLOCATED and (name not in live or name not in target):
            return
        if name in live:
            target[name] = clone(live[name])
        else:
            target.pop(name, None)


def _partner(item: Json, index: int, live: Json, names: tuple[str, ...]) -> Json:
    if not isinstance(live, list) or not isinstance(item, dict):
        return None
    if names:
        wanted = [item.get(name) for name in names]
        return next((other for other in live if [other.get(name) for name in names] == wanted), None)
    return live[index] if index < len(live) else None
