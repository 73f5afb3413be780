"""The definitions that a rollback would change, each judged, and then done with as the user chose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ..errors import UsageError
from ..models.objects import Key, MeshObject, State
from ..models.plans import Action, PlannedChange, Write
from ..rules.order import NEWER_VALUES, stage_named
from ..rules.scope import CRD
from .definitions import Instances, InstancesOf, Judge, Verdict, crd_verdict, defined_by, may_cost
from .revise import as_kept


class Crds(StrEnum):
    """What becomes of definitions that differ."""

    AUTO = "auto"
    """A safe one is restored, an unsafe one kept."""
    KEEP = "keep"
    """None is written."""
    RESTORE = "restore"
    """As `auto`, and an unsafe one is restored, too, where it is named."""


KEPT_AS_ASKED = "--crds keep leaves definitions as they are"
NAME_IT = "to restore it all the same, and pay that: --crds restore --restore-crd {name}"
RESTORED = "restored as asked,"


def check_named(names: Collection[str], *states: State) -> None:
    """Refuse names that no state has a definition of: a slip of the pen. Raises UsageError."""
    known = {key.name for state in states for key in state.versions if key.resource == CRD}
    if unknown := sorted(set(names) - known):
        hint = "name it in full, such as envoyfilters.networking.istio.io"
        raise UsageError(f"there is no definition {', '.join(unknown)} in the mesh or the snapshot", hint=hint)


@dataclass
class Definitions:
    """The changed definitions among the planned changes, and what they mean for the others."""

    instances: InstancesOf
    """All live objects of a definition's type."""
    changes: list[PlannedChange]
    settled: Collection[Key]
    """Objects that are as the complete target has them: they lived under its definitions."""
    crds: Crds = Crds.AUTO
    named: Collection[str] = ()
    _judges: dict[Key, tuple[MeshObject, Judge]] = field(init=False)
    _verdicts: dict[Key, Verdict] = field(init=False)

    def __post_init__(self) -> None:
        """Compare the schemas, once each, and look up the objects where they matter."""
        puts = [c for c in self.changes if c.key.resource == CRD and c.write is Write.PUT]
        changed = [(c.live, c.target) for c in puts if c.live and c.target]
        self._judges = {live.key: (live, Judge(live, target)) for live, target in changed}
        instances = self.instances([live for live, target in changed if may_cost(live, target)])
        self._verdicts = {live.key: self._verdict(live, target, instances) for live, target in changed}

    def planned(self) -> list[PlannedChange]:
        """The changes, with what becomes of each definition, and with values before istiod that would stop it."""
        return [
            self._decided(change) if change.key.resource == CRD else self._before_istiod(change)
            for change in self.changes
        ]

    def blockers(self, changes: Iterable[PlannedChange]) -> tuple[str, ...]:
        """Why a plan must not be carried out: it restores istiod under values that this istiod does not know.

        Measured: istiod 1.28.3 waits for ever to read EnvoyFilters while one has the context WAYPOINT of 1.29. It does
        not matter whether the definition is kept or restored: the value stays readable.
        """
        if not any(change.is_write and change.stage == stage_named("control plane") for change in changes):
            return ()
        losses = (loss for verdict in self._verdicts.values() for loss in verdict.losses)
        return tuple(
            f"istiod would not start under a value of a newer release: {loss}"
            for loss in losses
            if loss.loss.keyword == "enum"
        )

    def warnings(self, changes: Iterable[PlannedChange]) -> tuple[str, ...]:
        """One line for each definition that is restored at a cost, be it a known one."""
        verdicts = ((change.key.name, self._verdicts.get(change.key)) for change in changes if change.is_write)
        return tuple(
            f"--crds restore: {name} is restored although {verdict.although}"
            for name, verdict in verdicts
            if verdict and verdict.although
        )

    def _verdict(self, live: MeshObject, target: MeshObject, instances: Mapping[Key, Instances]) -> Verdict:
        found = instances.get(live.key, Instances())
        touched = {change.key for change in self.changes if change.is_write}
        verdict = crd_verdict(live, target, found.objects, lambda key: key not in touched, self.settled.__contains__)
        return replace(verdict, unread=found.unread)

    def _decided(self, change: PlannedChange) -> PlannedChange:
        if self.crds is Crds.KEEP and change.is_write:
            return as_kept(change, KEPT_AS_ASKED)
        verdict = self._verdicts.get(change.key)
        if verdict is None:
            return change
        if verdict.refusals or (verdict.costs and not self._is_wanted(change.key)):
            hint = () if verdict.refusals else (NAME_IT.format(name=change.key.name),)
            return replace(as_kept(change, "; ".join(verdict.problems)), notes=(*change.notes, *hint))
        return replace(change, stage=verdict.stage, notes=(*change.notes, *verdict.told(RESTORED)))

    def _is_wanted(self, key: Key) -> bool:
        return self.crds is Crds.RESTORE and key.name in self.named

    def _before_istiod(self, change: PlannedChange) -> PlannedChange:
        """Earlier than usual if the live object holds a value that would keep the target's istiod from starting."""
        if change.live is None or change.action is Action.KEEP:
            return change
        for definition, judge in self._judges.values():
            if defined_by(definition, change.key) and judge.refuses(change.live.body):
                return replace(change, stage=stage_named(NEWER_VALUES))
        return change
