"""Phases: announced to whoever watches, and on record in the journal, with what each did or why it did not."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ...errors import IstioUpgradeError, StoreError
from ...models.operations import Operation
from ...models.upgrades import Phase, PhaseOutcome, PhaseResult
from ...ports import Journal, Progress, Watch
from ..probing import PROOF

TITLES: dict[Phase, str] = {
    Phase.PLAN: "planning",
    Phase.ISTIOCTL: "finding istioctl",
    Phase.PRECHECK: "checking the cluster",
    Phase.MANIFEST: "recovering the settings",
    Phase.REVIEW: "trying the new manifest on the server",
    Phase.APPLY: "upgrading",
    Phase.VALIDATE: "validating",
    Phase.CONTROL_PLANE: "restarting control plane parts",
    Phase.WORKLOADS: "restarting workloads",
    Phase.AFTER: "proving and recording",
}
"""In the words of somebody who waits. The order is that of the guide."""


PROBED: dict[Phase, str] = {Phase.AFTER: PROOF}
"""Phases that the counts of probes know by another name: what comes after the proof is theirs."""


class Skip(Exception):  # noqa: N818 - not an error: a phase that says why it is not needed
    """Raised inside a phase that turns out not to be needed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


Detail = Callable[[str], None]
"""Says what a phase did or found, in a line."""


@dataclass
class Phases:
    """The phases of one run. Those before the journal is open are written to it once it is."""

    progress: Progress
    earlier: Operation | None = None
    """The unfinished operation that this run goes on with."""
    results: list[PhaseResult] = field(default_factory=list)
    _journal: Journal | None = None
    _watch: Watch | None = None

    def record_in(self, journal: Journal, watch: Watch) -> None:
        """From now on everything is on record, what has been so far too, and probes count by phase."""
        for result in self.results:
            journal.phase(result)
        self._journal, self._watch = journal, watch

    def forget_record(self) -> None:
        """The journal has ended, of an operation that has changed nothing."""
        self._journal = None

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[Detail]:
        """One phase: begun, and then done, failed, or (by `Skip`) skipped."""
        started, clock = datetime.now(UTC).replace(microsecond=0), time.monotonic()
        details: list[str] = []
        self._write(PhaseResult(phase, PhaseOutcome.BEGUN, started))
        self.progress.note(f"{TITLES[phase]} ...")
        if self._watch is not None:
            self._watch.phase(PROBED.get(phase, str(phase)))

        def result(outcome: PhaseOutcome, reason: str = "") -> PhaseResult:
            return PhaseResult(phase, outcome, started, time.monotonic() - clock, "; ".join(details), reason)

        try:
            yield details.append
        except Skip as skip:
            self._add(result(PhaseOutcome.SKIPPED, skip.reason))
        except (IstioUpgradeError, KeyboardInterrupt) as error:
            reason = error.message if isinstance(error, IstioUpgradeError) else "interrupted"
            with contextlib.suppress(StoreError):  # what has failed before is the cause to tell
                self._add(result(PhaseOutcome.FAILED, reason))
            raise
        else:
            self._add(result(PhaseOutcome.DONE))

    def skip(self, phase: Phase, reason: str) -> None:
        """A phase that is left out."""
        now = datetime.now(UTC).replace(microsecond=0)
        self._add(PhaseResult(phase, PhaseOutcome.SKIPPED, now, reason=reason))

    def _add(self, result: PhaseResult) -> None:
        self.results.append(result)
        self._write(result)

    def _write(self, result: PhaseResult) -> None:
        if self._journal is not None:
            self._journal.phase(result)
