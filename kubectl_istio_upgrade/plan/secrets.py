"""What a plan may do with objects whose values are withheld: which are known, and what to say if they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..models.objects import Body, Key, MeshObject
from ..models.plans import Action, Plan, PlannedChange
from ..models.secrets import NO_VALUES, Values
from ..normalise.secrets import digests_in, has_withheld_values, pooled

NOT_STORED = "its values are not in the store, only their digests"
ENCRYPTED = "its values are encrypted: pass --identity"
ENCRYPTED_TO_OTHERS = "its values are encrypted to others than the identities given"
LOST = "its values are not in the store, so deleting it could not be taken back"

_NO_WAY_BACK = (
    "{key}: the values that it has now would be gone: the store will hold only their digests; "
    "`kubectl istio-upgrade store init --recipient` makes it hold them, encrypted"
)


@dataclass(frozen=True)
class SecretSources:
    """Where the values for a rollback may come from, beside the live objects, which always have theirs."""

    is_sealed: Callable[[Key], bool] = lambda _: False
    """Whether the target snapshot holds the values of an object, encrypted."""
    unseal: Callable[[Key], Values] = lambda _: NO_VALUES
    """Those values; none where no identity opens them."""
    identified: bool = False
    """Identities were given."""
    sealing: bool = False
    """The snapshot before the first write will hold the present values, so that whatever happens can be taken back."""

    def known(self, live: MeshObject | None, target: MeshObject) -> MeshObject:
        """The target with all values that can be had: the live object's where digests agree, else sealed ones."""
        at_hand = live.withheld if live else NO_VALUES
        if missing(target.body, at_hand) and self.is_sealed(target.key):
            at_hand |= self.unseal(target.key)
        return replace(target, withheld=target.withheld | at_hand)

    def unknown_reason(self, target: MeshObject) -> str:
        """Why the target cannot be written: "" when all its values are known."""
        if not missing(target.body, target.withheld):
            return ""
        if not self.is_sealed(target.key):
            return NOT_STORED
        return ENCRYPTED_TO_OTHERS if self.identified else ENCRYPTED

    def deletion_reason(self, live: MeshObject) -> str:
        """Why an object that was added must not be deleted: "" when its deletion can be taken back."""
        return "" if self.sealing or not has_withheld_values(live.body) else LOST

    def warnings(self, changes: Iterable[PlannedChange]) -> tuple[str, ...]:
        """Of each change that does away with values that no snapshot will have."""
        if self.sealing:
            return ()
        return tuple(_NO_WAY_BACK.format(key=change.key) for change in changes if _loses_values(change))


def missing(body: Body, values: Values) -> frozenset[str]:
    """The digests in a body whose values are not known."""
    return digests_in(body) - values.digests


def values_for(plan: Plan) -> Values:
    """All that is known for the writes of a plan: what the sender needs."""
    return pooled(obj for change in plan.writes for obj in (change.live, change.target))


def _loses_values(change: PlannedChange) -> bool:
    if not change.is_write or change.live is None or not has_withheld_values(change.live.body):
        return False
    if change.action is Action.DELETE:
        return True
    return change.target is not None and not digests_in(change.live.body) <= digests_in(change.target.body)
