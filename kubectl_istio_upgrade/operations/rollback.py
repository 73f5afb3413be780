"""Taking the mesh back to a snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..apply.trial import Trial
from ..capture import Capture
from ..errors import UsageError
from ..models.objects import Completeness, Key, State
from ..models.plans import Plan
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import Purpose, SnapshotInfo
from ..normalise.authority import ca_alarms, ca_fingerprints
from ..plan.rollback import RollbackOptions, plan_rollback
from ..plan.secrets import SecretSources, values_for
from ..rules.scope import SECRET
from .running import Finished, Review, Task, carry_out
from .session import WritingSession


@dataclass(frozen=True)
class Planned:
    """A rollback that has been planned and tried on the server, and not begun."""

    target: SnapshotInfo
    state: State
    captured: Capture
    plan: Plan
    options: RollbackOptions
    values: Values = field(default=NO_VALUES, repr=False)
    """What the digests in the plan's bodies stand for."""


def prepare(session: WritingSession, target: SnapshotInfo, options: RollbackOptions) -> Planned:
    """Plan the way to a snapshot and try every write on the server. Changes nothing.

    Raises RefusedError when the server would not accept a write, StoreError when the snapshot cannot be read.
    """
    session.check_comparable(target)
    sources = _sources(session, target)
    state = session.store.state(target)

    def read_ahead() -> None:
        session.store.read_ahead(session.branch)
        _ = state.versions

    captured = session.capture(meanwhile=read_ahead)
    options, warnings = _comparable(session, target, state, options)
    options = replace(options, secrets=sources)
    _check_named(options.restore_secrets, captured.state, state)
    plan = plan_rollback(captured.state, state, options)
    plan = replace(plan, warnings=(*_ca_alarms(captured, target), *plan.warnings, *warnings))
    values = values_for(plan)
    if plan.writes:
        plan = Trial(session.sender(values), session.progress).of_plan(plan)
    return Planned(target, state, captured, plan, options, values)


def run(session: WritingSession, planned: Planned, review: Review) -> Finished:
    """Carry out a prepared rollback."""
    select, target = planned.options.select, planned.target.commit
    task = Task(planned.plan, planned.captured, lambda: planned.state, select, target, planned.values)
    return carry_out(session, task, review)


def _sources(session: WritingSession, target: SnapshotInfo) -> SecretSources:
    sealed = session.store.sealed(target, session.identities)
    return SecretSources(
        is_sealed=sealed.__contains__,
        unseal=sealed.open,
        identified=bool(session.identities),
        sealing=bool(session.store.recipients()),
    )


def _check_named(names: Iterable[str], *states: State) -> None:
    """A name that means nothing is a slip that would leave the CA as it is, unnoticed."""
    known = {f"{key.namespace}/{key.name}" for state in states for key in state.versions if key.resource == SECRET}
    for name in sorted(set(names) - known):
        hint = "write it as NAMESPACE/NAME, such as istio-system/cacerts"
        raise UsageError(f"there is no Secret {name!r}, neither in the mesh nor in the snapshot", hint=hint)


def _ca_alarms(captured: Capture, target: SnapshotInfo) -> tuple[str, ...]:
    recorded = target.meta.ca_fingerprints
    if recorded is None or target.meta.purpose is Purpose.IMPORT:
        return ()
    live = ca_fingerprints(captured.state.objects.values())
    return tuple(ca_alarms(live, recorded, f"snapshot {target.short}"))


def _comparable(
    session: WritingSession, target: SnapshotInfo, state: State, options: RollbackOptions
) -> tuple[RollbackOptions, tuple[str, ...]]:
    """Leave out what cannot be compared with this snapshot, and say so."""
    warnings = []
    if state.completeness is not Completeness.COMPLETE:
        warnings.append(f"{target.short} was imported from files: what is not in it is unknown and stays as it is")
    if target.meta.secret_key_id == session.store.digester().key_id:
        return options, tuple(warnings)
    warnings.append(f"Secrets are left out: {target.short} was taken with another digest key")
    chosen = options.select

    def without_secrets(key: Key) -> bool:
        return key.resource != SECRET and chosen(key)

    return replace(options, select=without_secrets), tuple(warnings)
