"""Helm's release records, as an upgrade meets them: what a helm that was killed has left pending.

Helm writes a record `pending-upgrade` or `pending-install` before it writes anything else, and from then on refuses the
release ("another operation is in progress") until somebody ends that.
Source: helm/helm, pkg/action/upgrade.go (prepareUpgrade).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...models.objects import Key, MeshObject, State
from ...models.plans import PlannedChange
from ...models.settings import HelmRelease
from ...rules.helm import DEPLOYED, PENDING, RELEASE_LABEL, STATUS_LABEL, records_in, revision_of_record
from ...rules.scope import SECRET
from ..revise import deletion_of

WHY = "left pending by the helm of this very operation when it was cut short; helm refuses to go on with it"


@dataclass(frozen=True)
class Pending:
    """The records of these releases now, and those before the operation that goes on; None where none does."""

    live: State
    before: State | None
    releases: Sequence[HelmRelease]

    def leftovers(self) -> tuple[PlannedChange, ...]:
        """Removing what this operation's own helm has left pending: records that were not there before it."""
        if not self._can_tell:
            return ()
        type_ = next(each for each in self.live.types if each.resource == SECRET)
        found = (self._newest(release) for release in self.releases)
        return tuple(
            deletion_of(each, type_, WHY) for each in found if each and _is_pending(each) and self._is_ours(each)
        )

    def stuck(self) -> dict[str, str]:
        """Releases that somebody else's helm is at work on, or has left pending: the status of each."""
        found = {release.label: self._newest(release) for release in self.releases}
        return {
            name: record.labels[STATUS_LABEL]
            for name, record in found.items()
            if record is not None and _is_pending(record) and not self._is_ours(record)
        }

    def behind(self) -> frozenset[str]:
        """Releases of which no record tells that this operation has upgraded them, whatever their objects are like."""
        if not self._can_tell:
            return frozenset()
        newest = {release.label: self._newest(release) for release in self.releases}
        return frozenset(name for name, record in newest.items() if record is None or not self._is_done(record))

    @property
    def _can_tell(self) -> bool:
        """Whether an operation goes on whose records can be told from those before it."""
        return self.before is not None and _shows_records(self.before) and _shows_records(self.live)

    def _is_done(self, record: MeshObject) -> bool:
        return self._is_ours(record) and record.labels.get(STATUS_LABEL) == DEPLOYED

    def _is_ours(self, record: MeshObject) -> bool:
        return self.before is not None and _shows_records(self.before) and record.key not in self.before.versions

    def _newest(self, release: HelmRelease) -> MeshObject | None:
        mine = [
            record
            for record in self._records.values()
            if (record.key.namespace, record.labels.get(RELEASE_LABEL)) == (release.namespace, release.name)
        ]
        return max(mine, key=revision_of_record, default=None)

    @cached_property
    def _records(self) -> dict[Key, MeshObject]:
        return records_in(self.live)


def _shows_records(state: State) -> bool:
    return SECRET not in {each.resource for each in state.not_captured}


def _is_pending(record: MeshObject) -> bool:
    return record.labels.get(STATUS_LABEL) in PENDING
