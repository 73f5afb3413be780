"""From the live state and a target state to a plan that makes the one the other, exactly and no more."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..canonical import digest
from ..diff.states import Select, compare, everything, fields_between
from ..models.changes import Change, Comparison, ObjectDiff
from ..models.objects import Completeness, Json, Key, MeshObject, ResourceType, State
from ..models.plans import Action, Plan, PlannedChange, Write
from ..normalise.view import Surroundings, keep_live, surroundings
from ..rules.keeping import kept_reason
from ..rules.order import (
    FREED,
    NEWER_VALUES,
    PUT_BACK,
    RELAXING,
    RETIREMENT,
    STAGES,
    TOGETHER,
    stage_named,
    stage_of,
)
from ..rules.scope import CRD, is_namespace
from .age import WAS_THERE, Age
from .allocations import ServicesOf, freed_first, services_in
from .definitions import InstancesOf, instances_in
from .helm import record_follow_ups
from .hiding import hidden_warnings
from .judging import Crds, Definitions, check_named
from .namespaces import steered, with_namespaces
from .owners import owners_of
from .references import Owners
from .retiring import retired_last
from .secrets import SecretSources
from .unlisted import UnlistedOf, found_again, look_up, made_anew, none_unlisted, taken_over
from .webhooks import with_current_ca

KEPT_ADDED = "added since; --keep-added leaves it"
KEPT_CRD_ADDED = "added since; deleting a definition deletes every object of its type"

_WITH_WRITES = tuple(map(stage_named, (RELAXING, FREED, NEWER_VALUES)))
"""Stages whose deletions come in their place, not after all writes."""

_AFTER_RESTARTS = tuple(map(stage_named, RETIREMENT))
"""Stages of deletions that come last of all."""


def by_nobody(_: ObjectDiff) -> str:
    """No difference is the doing of others."""
    return ""


@dataclass(frozen=True)
class RollbackOptions:
    """What the user may choose, and what is known of the operation to take back."""

    select: Select = everything
    delete_added: bool = True
    created: Container[Key] = frozenset()
    """Objects that the operation to take back has created: deleting them loses nothing that was there before it."""
    age: Age = field(default_factory=Age)
    """Tells what has been added since from what was there already."""
    crds: Crds = Crds.AUTO
    restore_crds: frozenset[str] = frozenset()
    """With `Crds.RESTORE`: names of definitions that are restored even where that is not safe."""
    instances: InstancesOf | None = None
    """How to find all objects of a definition's type; None where the live state holds them all."""
    services: ServicesOf | None = None
    """How to find all Services of the cluster; None where the live state holds them all."""
    unlisted: UnlistedOf = none_unlisted
    """How to find objects that are there although the live state does not hold them."""
    restore_secrets: frozenset[str] = frozenset()
    """Of the Secrets that are never touched unasked, those that may be: NAMESPACE/NAME."""
    secrets: SecretSources = field(default_factory=SecretSources)
    others: Callable[[ObjectDiff], str] = by_nobody
    """Why a difference, from live to the target, is the doing of others and stays; "" where it is not."""


def plan_rollback(live: State, target: State, options: RollbackOptions | None = None) -> Plan:
    """Every difference between live and target, as an ordered change or as something kept with its reason.

    Raises UsageError when a definition is named that there is none of.
    """
    options = options or RollbackOptions()
    check_named(options.restore_crds, live, target)
    instances = options.instances or instances_in(live)
    planner = _Planner(live, target, options, _types(live, target), instances)
    comparison = planner.compared()
    changes = [planner.change(diff) for diff in _chosen(comparison.diffs, options.select)]
    definitions = Definitions(instances, changes, _settled(target, comparison), options.crds, options.restore_crds)
    changes = with_namespaces(retired_last(definitions.planned()), comparison.diffs, live, target)
    changes = freed_first(changes, options.services or services_in(live))
    outside = {diff.key for diff in comparison.diffs} - {change.key for change in changes}
    plan = seal("rollback", target.label, changes, comparison, skipped=len(outside))
    hidden = hidden_warnings(live, {change.key for change in plan.writes})
    return replace(
        plan,
        warnings=(*plan.warnings, *definitions.warnings(plan.changes), *hidden, *options.secrets.warnings(plan.writes)),
        blockers=definitions.blockers(changes),
        owners=owners_of(plan.writes, live.versions.keys()),
        follow_ups=record_follow_ups(live, target, plan.changes, comparison),
    )


def seal(
    operation: str, target: str, changes: Iterable[PlannedChange], comparison: Comparison, *, skipped: int = 0
) -> Plan:
    """Put the changes in order and bind them to what they were computed from."""
    ordered = tuple(sorted(changes, key=write_order))
    warnings = (_outside(skipped),) if skipped else ()
    return Plan(operation, target, ordered, comparison.same, plan_hash(ordered), comparison.not_compared, warnings)


def _outside(count: int) -> str:
    if count == 1:
        return "1 differing object is outside the selection and stays as it is"
    return f"{count} differing objects are outside the selection and stay as they are"


def write_order(change: PlannedChange) -> tuple[int, int, tuple[str, ...]]:
    """Writes by stage, then deletions by stage backwards, then webhooks put back, then restarts, then a control plane
    that nothing uses any more, then what is kept.

    Names break ties; restarts go by namespace. A deletion that istiod's start or other writes depend on is among the
    writes.
    """
    if not change.is_write:
        return (5, change.stage, change.key)
    if change.stage in _AFTER_RESTARTS:
        return (4, change.stage, change.key)
    if change.action is Action.RESTART:
        return (3, change.stage, (change.key.namespace, *change.key))
    if change.stage == stage_named(PUT_BACK):
        return (2, change.stage, change.key)
    if change.action is Action.DELETE and change.stage not in _WITH_WRITES:
        return (1, len(STAGES) - change.stage, change.key)
    return (0, change.stage, change.key)


def plan_hash(changes: Iterable[PlannedChange]) -> str:
    """What was approved: every change with the content it aims at and its preconditions."""
    return digest([_approved(change) for change in changes])


def _approved(change: PlannedChange) -> list[Json]:
    # The target's body, not the one sent: a manifest's Secret values are in the latter.
    content = change.target.body if change.target else None
    parts = [*change.key, change.action, change.write, content, change.uid, change.resource_version, change.reason]
    return [*parts, change.restart.after] if change.restart else parts


def _types(live: State, target: State) -> dict[str, ResourceType]:
    return {type_.resource: type_ for state in (target, live) for type_ in state.types}


def _chosen(diffs: tuple[ObjectDiff, ...], select: Select) -> list[ObjectDiff]:
    """The selected differences, and those that move only together with one of them."""
    by_key = {diff.key: diff for diff in diffs}
    chosen = {diff.key for diff in diffs if select(diff.key)}
    partners = {partner for key in chosen for partner in _partners(key) if partner in by_key}
    return [diff for diff in diffs if diff.key in chosen | partners]


def _settled(target: State, comparison: Comparison) -> frozenset[Key]:
    if target.completeness is not Completeness.COMPLETE:
        return frozenset()
    return frozenset(target.versions.keys() - {diff.key for diff in comparison.diffs})


def _partners(key: Key) -> Iterator[Key]:
    for left, right in (*TOGETHER, *((b, a) for a, b in TOGETHER)):
        prefix = left[1].partition("{}")[0]
        if key.resource == left[0] and (key.name == prefix or key.name.startswith(f"{prefix}-")):
            plural, _, group = right[0].partition(".")
            yield Key(group, plural, key.namespace, right[1].partition("{}")[0] + key.name[len(prefix) :])


@dataclass
class _Planner:
    live: State
    target: State
    options: RollbackOptions
    types: dict[str, ResourceType]
    instances: InstancesOf
    around: Surroundings = field(init=False)
    owners: Owners = field(init=False)
    there: Mapping[Key, MeshObject] = field(init=False, default_factory=dict)
    """Objects that the live state does not hold, and that are there."""

    def __post_init__(self) -> None:
        self.owners = Owners(self.live)
        self.around = surroundings(self.live, self.target)

    def compared(self) -> Comparison:
        """The two states, with what they do not say of the selected objects."""
        comparison = compare(self.live, self.target)
        self.there = look_up(_chosen(comparison.diffs, self.options.select), self.types, self.options.unlisted)
        return found_again(comparison, self.there, self.around)

    def change(self, diff: ObjectDiff) -> PlannedChange:
        """One difference as a planned change; definitions are judged later, when the rest is known."""
        live = diff.before or self.there.get(diff.key)
        base = PlannedChange(
            key=diff.key,
            type=self.types[diff.key.resource],
            action=Action.KEEP,
            write=Write.NONE,
            stage=stage_of(diff.key),
            diff=diff,
            autoscaled=live is not None and self.around.autoscale(live),
            live=live,
            target=diff.after,
            uid=live.server.uid if live else "",
            resource_version=live.server.resource_version if live else "",
        )
        if why := self._kept(diff):
            return replace(base, reason=why)
        if is_namespace(diff.key):
            return steered(base, "" if self.options.delete_added else KEPT_ADDED)
        if diff.change is Change.REMOVED:
            return self._added_since(base)
        if diff.change is Change.ADDED:
            return self._gone_since(base)
        return self._changed_since(base)

    def _kept(self, diff: ObjectDiff) -> str:
        reasons = (kept_reason(obj, self.options.restore_secrets) for obj in (diff.before, diff.after) if obj)
        return next(filter(None, reasons), "") or self.options.others(diff)

    def _added_since(self, base: PlannedChange) -> PlannedChange:
        if self.options.age.was_there(_required(base.live)):
            return replace(base, reason=WAS_THERE)
        if base.key in self.options.created and self._is_all_ours(base):
            return replace(base, action=Action.DELETE, write=Write.DELETE)
        if base.key.resource == CRD:
            return replace(base, reason=KEPT_CRD_ADDED)
        if not self.options.delete_added:
            return replace(base, reason=KEPT_ADDED)
        if why := self.options.secrets.deletion_reason(_required(base.live)):
            return replace(base, reason=why)
        return replace(base, action=Action.DELETE, write=Write.DELETE)

    def _is_all_ours(self, base: PlannedChange) -> bool:
        """Of a definition, whether every object of its type is ours, too: they go with it."""
        if base.key.resource != CRD:
            return True
        found = self.instances([_required(base.live)])[base.key]
        return not found.unread and all(obj.key in self.options.created for obj in found.objects)

    def _gone_since(self, base: PlannedChange) -> PlannedChange:
        target = self.options.secrets.known(base.live, _required(base.target))
        if why := taken_over(base.live) or self.options.secrets.unknown_reason(target):
            return replace(base, reason=why)
        body = with_current_ca(target.body, self.live)
        base = self.owners.living(target, body).sent_by(replace(base, target=target))
        return made_anew(replace(base, action=Action.CREATE, write=Write.POST))

    def _changed_since(self, base: PlannedChange) -> PlannedChange:
        live = _required(base.live)
        target = self.options.secrets.known(live, _required(base.target))
        if why := self.options.secrets.unknown_reason(target):
            return replace(base, reason=why)
        base = replace(base, target=target)
        owned = self.owners.living(target, keep_live(target, live, self.around), live)
        if owned.gone and not fields_between(live, MeshObject(live.key, owned.body), autoscaled=base.autoscaled):
            return replace(base, reason=owned.gone)
        guarded = {**owned.body["metadata"], "uid": base.uid, "resourceVersion": base.resource_version}
        body = {**owned.body, "metadata": guarded}
        return replace(owned.sent_by(base), action=Action.UPDATE, write=Write.PUT, body=body)


def _required(obj: MeshObject | None) -> MeshObject:
    if obj is None:  # the kind of difference says which side exists
        raise TypeError("a change without the side that its kind promises")
    return obj
