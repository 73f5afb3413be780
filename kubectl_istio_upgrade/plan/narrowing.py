"""Definitions that an apply narrows: the verdict that a rollback passes on older ones, on those of manifests."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..models.objects import Key, MeshObject
from ..models.plans import PlannedChange
from ..rules.scope import CRD
from .definitions import Instances, InstancesOf, Verdict, crd_verdict, defined_by, is_needed_first, may_cost

APPLIED = "applied"


@dataclass(frozen=True)
class Narrowing:
    """How definitions are judged that allow less than those in force."""

    instances: InstancesOf
    """All live objects of a definition's type."""
    forced: Collection[str] | None = frozenset()
    """Names of definitions that are applied even where that is not safe; None: all, with warnings.

    Then rules that cannot be checked here (CEL, for one) are passed over: a newer release has some for every object.
    """

    def judged(self, changes: Sequence[PlannedChange], previews: Mapping[Key, MeshObject]) -> Judged:
        """The changes, with their costs and in an order that takes nothing from objects that change themselves.

        `previews` are the objects as they will be. A value under a new rule that cannot be checked here blocks nothing.
        """
        pairs = [(c.live, c.target) for c in changes if c.key.resource == CRD and c.live and c.target]
        narrowed = [(live, target) for live, target in pairs if may_cost(live, target)]
        found = self.instances([live for live, _ in narrowed])
        verdicts = {live.key: _verdict(live, target, found[live.key], previews) for live, target in narrowed}
        told = narrowed if self.forced is not None else ()
        doubtful = {live.key: _verdict(live, target, found[live.key], previews, doubts=True) for live, target in told}
        forced = {key for key in verdicts if self.forced is None or key.name in self.forced}
        return Judged(
            tuple(_changed(change, verdicts.get(change.key), told=change.key in forced) for change in changes),
            (*_warnings(verdicts, forced), *_doubts(verdicts, doubtful)),
            tuple(_blockers(verdicts, forced)),
        )


@dataclass(frozen=True)
class Judged:
    """The changes, and what is to be said about them."""

    changes: tuple[PlannedChange, ...]
    warnings: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    """One line for each object and path that would be lost."""


def _verdict(
    live: MeshObject, target: MeshObject, found: Instances, previews: Mapping[Key, MeshObject], *, doubts: bool = False
) -> Verdict:
    """Written before the objects, it takes from what they are; written after them, from what they have become."""
    are = {obj.key: obj for obj in found.objects}
    become = {key: obj for key, obj in previews.items() if defined_by(live, key)}
    objects = {**become, **are} if is_needed_first(live, target.body) else {**are, **become}
    verdict = crd_verdict(live, target, objects.values(), lambda _: True, lambda _: not doubts)
    return replace(verdict, unread=found.unread)


def _changed(change: PlannedChange, verdict: Verdict | None, *, told: bool) -> PlannedChange:
    if verdict is None:
        return change
    costs = verdict.told(APPLIED) if told else ()
    return replace(change, stage=verdict.stage, notes=(*change.notes, *costs))


def _blockers(verdicts: Mapping[Key, Verdict], forced: Container[Key]) -> Iterator[str]:
    for key, verdict in verdicts.items():
        for problem in verdict.refusals if key in forced else verdict.problems:
            yield f"{key.name} would be narrowed: {problem}"


def _warnings(verdicts: Mapping[Key, Verdict], forced: Container[Key]) -> Iterator[str]:
    for key, verdict in verdicts.items():
        if key in forced and verdict.although:
            yield f"{key.name} is {APPLIED} although {verdict.although}"


def _doubts(verdicts: Mapping[Key, Verdict], doubtful: Mapping[Key, Verdict]) -> Iterator[str]:
    for key, verdict in doubtful.items():
        if unsure := [loss for loss in verdict.losses if loss not in verdicts[key].losses]:
            yield f"{key.name}: whether {len(unsure)} values pass its new rules cannot be checked, such as {unsure[0]}"
