"""What the probes decide: whether an operation may begin, and whether traffic passes when it has ended."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import RefusedError
from ..models.objects import Body
from ..models.probes import BEFORE, ProbeCount, ProbeFailure
from ..ports import Prober, Watch

WRITING, PROOF, AFTER = "writing", "proof", "after"
"""The phases of an operation, after `BEFORE`."""

FIRST = 5
"""Requests of each probe before anything is decided. All must succeed: one that fails now and then proves nothing."""

LAST = 10
"""Requests of each probe after the proof, by when proxies have their configuration. All must succeed."""

MENDING = frozenset({"rollback"})
"""Operations that people begin because traffic fails: that a probe does so is told, and no reason to refuse."""


def check_before(watch: Watch, prober: Prober, operation: str, *, goes_on: bool = False) -> tuple[str, ...]:
    """Look whether every probe succeeds while nothing has changed; return what there is to warn of.

    Raises RefusedError for one that fails, unless the operation is there to mend that, goes on with an earlier one, or
    the user has said that probes may fail.
    """
    failing = _failures(watch.observe(FIRST), BEFORE)
    if failing and not (goes_on or prober.may_fail or operation in MENDING):
        message = f"{'; '.join(failing)}; nothing was changed"
        raise RefusedError(message, hint="what fails before tells nothing after; --probe-may-fail goes on all the same")
    return tuple(f"{text}, before anything is changed" for text in failing)


def still_failing(counts: Iterable[ProbeCount]) -> tuple[str, ...]:
    """What to say of the probes that fail although the operation is over; nothing when traffic passes."""
    return _failures(counts, AFTER)


def told(counts: Iterable[ProbeCount]) -> tuple[str, ...]:
    """One line for each probe."""
    return tuple(f"probe {count.probe.name}: {count}" for count in counts)


def recorded(counts: Iterable[ProbeCount]) -> Body:
    """What `operation.yaml` says of them, as `snapshots/README.md` has it: nothing where there were none."""
    probes = [_record(count) for count in counts]
    return {"probes": probes} if probes else {}


def _record(count: ProbeCount) -> Body:
    first = {"firstFailure": {"at": _at(count.first), "reason": count.first.reason}} if count.first else {}
    return {
        "probe": count.probe.name,
        "phases": [{"phase": each.phase, "sent": each.sent, "failed": each.failed} for each in count.phases],
        **first,
        "longestGap": round(count.longest_gap, 3),
    }


def probe_data(count: ProbeCount) -> Body:
    """What one probe counted, for programs: the record's words, with the sums and the phases of failures added."""
    failures = {"firstFailure": count.first, "lastFailure": count.last}
    return {
        **_record(count),
        "kind": str(count.probe.kind),
        "sent": count.sent,
        "failed": count.failed,
        **{name: _failure(failure) for name, failure in failures.items() if failure},
    }


def _failure(failure: ProbeFailure) -> Body:
    return {"at": _at(failure), "phase": failure.phase, "reason": failure.reason}


def _at(failure: ProbeFailure) -> str:
    return failure.at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _failures(counts: Iterable[ProbeCount], phase: str) -> tuple[str, ...]:
    return tuple(
        f"probe {count.probe.name} fails: {count.last.reason}"
        for count in counts
        if count.last and count.during(phase).failed
    )
