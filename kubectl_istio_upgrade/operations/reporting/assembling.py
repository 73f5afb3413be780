"""From what is on record of an operation to its report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...errors import StoreError, UnknownReferenceError
from ...models.changes import Comparison
from ...models.objects import Body
from ...models.operations import ABORT, End, Operation
from ...models.plans import FollowUp
from ...models.reports import Ending, Report
from ...models.snapshots import SnapshotInfo, Versions
from ...models.upgrades import PhaseOutcome
from ...normalise.inventory import proxy_versions
from .. import diffing
from ..records import attempts_of, record_so_far
from ..session import Session
from . import reading
from .finding import Recorded, find

_commit = re.compile(r"[0-9a-f]{40}").fullmatch
_COMMAND = "kubectl istio-upgrade"


@dataclass(frozen=True)
class Sources:
    """All that the report of one operation is made of."""

    recorded: Recorded
    journal: Operation | None
    """Of an operation that has ended, where this machine has it."""
    before: SnapshotInfo | None
    after: SnapshotInfo | None
    target: SnapshotInfo | None = None
    """The snapshot that it led to, if that was its target."""
    versions: tuple[Versions | None, Versions | None] = (None, None)
    """As the two snapshots have them, for records that do not say."""
    difference: Comparison | None = None


def report(session: Session, reference: str) -> Report:
    """The report of an operation; see `finding.find` for what may be meant.

    Raises UnknownReferenceError, and StoreError for a record that cannot be understood.
    """
    recorded = find(session, reference)
    try:
        return assemble(_sources(session, recorded))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        name = recorded.id or recorded.before[:7]
        raise StoreError(f"the record of operation {name} cannot be understood: {error!r}") from error


def _sources(session: Session, recorded: Recorded) -> Sources:
    store, branch = session.store, session.readable_branch
    before, after = _snapshot(session, recorded.before), recorded.after
    journal = None if recorded.unfinished else store.ended(branch, recorded.id)
    head = _head(_record(recorded, journal, before))
    difference = None
    if before and after:
        difference = diffing.diff(session, (store.state(before), before), (store.state(after), after))
    return Sources(
        recorded=recorded,
        journal=journal,
        before=before,
        after=after,
        target=_snapshot(session, str(head.get("target", ""))),
        versions=(_versions(session, before), _versions(session, after)),
        difference=difference,
    )


def _snapshot(session: Session, commit: str) -> SnapshotInfo | None:
    """A snapshot by its whole commit, or None for what is none, or is not here."""
    if not _commit(commit):
        return None
    try:
        return session.store.resolve(session.readable_branch, commit)
    except UnknownReferenceError:
        return None


def _versions(session: Session, info: SnapshotInfo | None) -> Versions | None:
    return Versions(info.meta.istio_versions, proxy_versions(session.store.workloads(info))) if info else None


def assemble(sources: Sources) -> Report:
    """Put the report together. Pure; raises what `reading` raises."""
    recorded, before, after = sources.recorded, sources.before, sources.after
    record = _record(recorded, sources.journal, before)
    snapshot = after or before
    if snapshot is None:
        raise ValueError("neither of its snapshots is in this store")
    name = reading.naming((*(before.meta.types if before else ()), *(after.meta.types if after else ())))
    attempts = reading.attempts_of(record)
    last = reading.moment(record.get("started"))
    seconds = record.get("seconds")
    head = _head(record)
    ending = _ending(sources, record)
    versions = record.get("versions") or {}
    return Report(
        id=recorded.id,
        kind=str(head.get("kind", "operation")),
        target=_target(head, sources.target),
        ending=ending,
        cluster=snapshot.meta.cluster,
        context=str(record.get("context") or snapshot.meta.cluster.context),
        before=before,
        after=after,
        started=next((one.started for one in attempts if one.started), last) or snapshot.meta.created,
        seconds=seconds,
        ended=_ended(last, seconds, after),
        holder=reading.holder_of(record) or next((one.holder for one in reversed(attempts) if one.holder), ""),
        versions_before=reading.versions_of(versions.get("before")) or sources.versions[0],
        versions_after=reading.versions_of(versions.get("after")) or sources.versions[1],
        stopped_at=_stopped_at(recorded.unfinished),
        way_back=_way_back(ending, before, recorded.later),
        steps=reading.steps_of(record, name),
        proof=reading.proof_of(record, name),
        difference=sources.difference,
        phases=reading.phases_of(record),
        findings=reading.findings_of(record, name),
        review=reading.review_of(record),
        checks=reading.checks_of(record),
        probes=reading.probes_of(record),
        restarts=reading.restarts_of(record, name),
        warnings=tuple(map(str, record.get("warnings") or ())),
        follow_ups=reading.follow_ups_of(record),
        attempts=attempts,
        settings=str(record.get("settings") or ""),
    )


def _record(recorded: Recorded, journal: Operation | None, before: SnapshotInfo | None) -> Body:
    """`operation.yaml` of the snapshot after; else the journal; else what the snapshot before announced."""
    if recorded.unfinished:
        return record_so_far(recorded.unfinished)
    if recorded.after and recorded.after.meta.operation:
        record = recorded.after.meta.operation
        known: Body = {"attempts": attempts_of(journal.opening, journal.attempts)} if journal else {}
        if record["kind"] == ABORT and before and before.meta.operation:
            known["aborted"] = before.meta.operation
        return {**known, **record}
    if journal:
        return record_so_far(journal)
    return (before.meta.operation if before else None) or {}


def _head(record: Body) -> Mapping[str, str]:
    """Kind and target: of an operation that was taken back, what it had been."""
    return record.get("aborted") or record


def _target(head: Mapping[str, str], target: SnapshotInfo | None) -> str:
    if target:
        words = target.names[0] if target.names else target.meta.message
        return f"snapshot {target.short} ({words})" if words else f"snapshot {target.short}"
    text = str(head.get("label") or head.get("target") or "")
    return f"snapshot {text[:7]}" if _commit(text) else text


def _ending(sources: Sources, record: Body) -> Ending:
    if sources.recorded.unfinished:
        return Ending.UNFINISHED
    if sources.after is None:
        return Ending.NOTHING if sources.journal and sources.journal.end is End.NOTHING else Ending.UNKNOWN
    if record.get("kind") == ABORT:
        return Ending.ABORTED
    if "proof" not in record:
        return Ending.UNKNOWN
    return Ending.RESIDUAL if record["proof"].get("residual") else Ending.PROVED


def _ended(last: datetime | None, seconds: float | None, after: SnapshotInfo | None) -> datetime | None:
    if after is None:
        return None
    return last + timedelta(seconds=seconds) if last and seconds is not None else after.meta.created


def _stopped_at(operation: Operation | None) -> str:
    """`phase apply was not finished; 1 of 2 writes made, 1 without a recorded outcome`."""
    if operation is None:
        return ""
    text = f"{operation.done} of {operation.planned} writes made"
    if unsure := len(operation.unsure):
        text += f", {unsure} without a recorded outcome"
    last = operation.phases[-1] if operation.phases else None
    if last and last.outcome in (PhaseOutcome.BEGUN, PhaseOutcome.FAILED):
        how = "failed" if last.outcome is PhaseOutcome.FAILED else "was not finished"
        return f"phase {last.phase} {how}; {text}"
    return text


def _way_back(ending: Ending, before: SnapshotInfo | None, later: int) -> tuple[FollowUp, ...]:
    """The commands that come next."""
    if ending is Ending.UNFINISHED:
        return (
            FollowUp(f"{_COMMAND} resume", "goes on to the target, with proof"),
            FollowUp(f"{_COMMAND} abort", "goes back to the state before, with proof"),
        )
    if ending in (Ending.ABORTED, Ending.NOTHING) or before is None:
        return ()
    also = f", and takes {later} later operation{'s' if later > 1 else ''} back with it" if later else ""
    back = FollowUp(f"{_COMMAND} rollback {before.short}", f"goes back to the state before{also}")
    if ending is Ending.RESIDUAL:
        return (FollowUp(f"{_COMMAND} diff", "shows what differs from the newest snapshot now"), back)
    return (back,)
