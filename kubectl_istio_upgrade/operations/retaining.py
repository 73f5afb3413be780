"""Removing old snapshots from a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import Interrupted, RefusedError, UnfinishedError
from ..models.retention import Freed, Policy, Retention
from ..plan.retention import retention
from ..ports import KeptStore, Progress
from .session import UNFINISHED_HINT, unfinished_text

Review = Callable[[Sequence[Retention]], bool]
"""Shows what would go; True when that is all right."""


@dataclass(frozen=True)
class Tidied:
    """What has become, or would become, of a store."""

    retentions: tuple[Retention, ...]
    """One for each branch."""
    freed: Freed | None = None
    """None where nothing was done."""

    @property
    def removed(self) -> int:
        """How many snapshots go."""
        return sum(len(each.removed) for each in self.retentions)

    @property
    def kept(self) -> int:
        """How many stay."""
        return sum(len(each.kept) for each in self.retentions)


def prepare(store: KeptStore, policy: Policy, progress: Progress) -> Tidied:
    """What a policy means for every cluster of a store; changes nothing.

    Raises UnfinishedError while an operation on any of them has not ended, StoreError for a store with damage.
    """
    for branch in store.branches():
        if operation := store.unfinished(branch):
            raise UnfinishedError(unfinished_text(operation), hint=UNFINISHED_HINT)
    store.refuse_damage(progress)
    return Tidied(
        tuple(
            retention(branch, tuple(store.history(branch)), policy, store.fixed(branch)) for branch in store.branches()
        )
    )


def carry_out(store: KeptStore, prepared: Tidied, review: Review, progress: Progress) -> Tidied:
    """Remove what was found to go, after review if there is any, and all that nothing leads to.

    Raises RefusedError when the review says no, Interrupted when Ctrl-C comes while it removes.
    """
    if prepared.removed and not review(prepared.retentions):
        raise RefusedError("not confirmed; nothing was changed")
    kept = {each.branch: [kept.info.commit for kept in each.kept] for each in prepared.retentions}
    try:
        with progress.phase("packing the store"):
            return Tidied(prepared.retentions, store.retain(kept))
    except KeyboardInterrupt as error:
        hint = "run `kubectl istio-upgrade store gc` again to end it"
        raise Interrupted("interrupted; all that was to stay is there, and some of the rest", hint=hint) from error
