"""Carrying out an approved plan: stages one after another, the writes of a stage in parallel, restarts in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import groupby

from ..errors import IncompleteError, IstioUpgradeError, NotReadyError
from ..models.objects import Body, Key, Version
from ..models.plans import Action, Outcome, Plan, PlannedChange, StepResult
from ..plan.restarts import batches, restarted_by
from ..ports import Journal, Progress
from ..rules.order import STAGES
from ..rules.restarts import BATCH, FOLLOWS
from .budgets import wait_for_budgets
from .doubt import may_have_happened
from .rollout import wait_for_stage
from .sender import Sender

PARALLEL = 16
"""Requests in flight at once; the API server's priority and fairness decides beyond that."""

EARLIER_FAILURE = "not started: an earlier write failed"


@dataclass(frozen=True)
class Execution:
    """How far a plan got."""

    results: tuple[StepResult, ...]
    failure: IstioUpgradeError | None = None
    """Why it stopped; with all writes made, why what they started is not ready."""

    @property
    def written(self) -> int:
        """Writes that reached the cluster."""
        return sum(1 for result in self.results if result.outcome is Outcome.DONE)

    @property
    def changed_nothing(self) -> bool:
        """Whether it is certain that no write has happened."""
        return all(result.outcome in (Outcome.FAILED, Outcome.SKIPPED) for result in self.results)


@dataclass
class Executor:
    """Carries out plans on one cluster, each write announced in the journal first. One executor runs one plan."""

    sender: Sender
    journal: Journal
    progress: Progress
    timeout: float = 300.0
    """Seconds to wait for the definitions and rollouts of one stage, or of one batch of restarts."""
    batch: int = BATCH
    """Workloads that are restarted at once."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _unsettled: bool = False
    """Whether something was written that an injector may go by, and has to follow before pods are made anew."""
    _late: list[tuple[int, list[PlannedChange]]] = field(default_factory=list)
    """Stages that were not ready in time, which nothing after them needs."""
    _results: dict[tuple[Key, Action], StepResult] = field(default_factory=dict)

    def execute(self, plan: Plan) -> Execution:
        """Write the plan. Never raises for a failed write: the result says how far it got.

        After a failure, or Ctrl-C, what is in flight is finished and nothing more is started. Workloads that nothing
        else needs and that are still not ready when everything is written are a failure, too.
        """
        with self.progress.phase("writing", total=len(plan.writes)) as advance:
            failure = None
            for stage, changes in _batches(plan.writes, self.batch):
                failure = self._admit(changes) or self._stage(changes, advance) or self._settle(stage, changes)
                if failure:
                    break
        failure = failure or self._still_late()
        skipped = (
            StepResult(change.key, change.action, Outcome.SKIPPED, reason=EARLIER_FAILURE)
            for change in plan.writes
            if (change.key, change.action) not in self._results
        )
        return Execution((*self._results.values(), *skipped), failure)

    def _admit(self, changes: Sequence[PlannedChange]) -> IstioUpgradeError | None:
        """Wait until the disruption budgets of what will be restarted allow it."""
        restarts = [change for change in changes if change.action is Action.RESTART]
        if restarts and self._unsettled and (failure := self._waited(lambda: time.sleep(FOLLOWS))):
            return failure
        self._unsettled = not restarts
        return self._waited(lambda: wait_for_budgets(self.sender.reader, restarts, self.timeout, self.progress))

    def _stage(self, changes: Sequence[PlannedChange], advance: Callable[[int], None]) -> IstioUpgradeError | None:
        failure: IstioUpgradeError | None = None
        with ThreadPoolExecutor(PARALLEL) as pool:
            futures: list[_StepFuture] = []
            try:
                for change in changes:
                    futures.append(pool.submit(self._step, change))  # noqa: PERF401 - kept when interrupted half-way
                for future in as_completed(futures):
                    failure = failure or future.result()
                    advance(1)
            except KeyboardInterrupt:
                self._stop.set()
                failure = IncompleteError("interrupted")
                for future in _in_flight(futures):
                    future.result()
                    advance(1)
            except BaseException:
                self._stop.set()  # leaving the block waits for the queue: nothing of it may still be written
                raise
        return failure

    def _step(self, change: PlannedChange) -> IstioUpgradeError | None:
        """One write, and why it failed. Its thread notes the result: Ctrl-C may lose whoever waits for it."""
        if self._stop.is_set():
            return None
        try:
            self.journal.intend(change.key, change.action, restarted_by(change))
            result, failure = self._send(change)
            self.journal.conclude(result)
        except IstioUpgradeError as error:
            failure = error
            result = StepResult(change.key, change.action, Outcome.UNKNOWN, reason=error.message)
        self._results[result.key, result.action] = result
        if failure:
            self._stop.set()
        return failure

    def _send(self, change: PlannedChange) -> tuple[StepResult, IstioUpgradeError | None]:
        started = time.monotonic()
        try:
            answer = self.sender.send(change, dry_run=False)
        except IstioUpgradeError as error:
            seconds = time.monotonic() - started
            result = StepResult(change.key, change.action, _outcome(change, error), seconds, error.message)
            return result, _named(change, error)
        seconds = time.monotonic() - started
        return StepResult(change.key, change.action, Outcome.DONE, seconds, version=_version(answer)), None

    def _settle(self, stage: int, changes: list[PlannedChange]) -> IstioUpgradeError | None:
        """Wait for what a stage has written; what later stages can do without is looked at again at the end."""
        failure = self._wait(stage, changes, self.timeout)
        if isinstance(failure, NotReadyError) and not STAGES[stage].needed:
            self.progress.note(f"going on without waiting any longer; {failure.message}")
            self._late.append((stage, changes))
            return None
        return failure

    def _still_late(self) -> IstioUpgradeError | None:
        failures = (self._wait(stage, changes, 0) for stage, changes in self._late)
        return next((failure for failure in failures if failure), None)

    def _wait(self, stage: int, changes: Sequence[PlannedChange], timeout: float) -> IstioUpgradeError | None:
        return self._waited(lambda: wait_for_stage(self.sender.reader, STAGES[stage], changes, timeout, self.progress))

    def _waited(self, wait: Callable[[], None]) -> IstioUpgradeError | None:
        try:
            wait()
        except KeyboardInterrupt:
            return IncompleteError("interrupted while waiting")
        except IstioUpgradeError as error:
            return error
        return None


def _batches(changes: Iterable[PlannedChange], size: int) -> Iterable[tuple[int, list[PlannedChange]]]:
    """The changes in order, cut where the stage, or the kind of write, changes; restarts into batches of a size."""
    apart = (Action.DELETE, Action.RESTART)
    for (action, stage), group in groupby(changes, key=lambda c: (c.action if c.action in apart else None, c.stage)):
        for batch in batches(list(group), size) if action is Action.RESTART else (list(group),):
            yield stage, batch


_StepFuture = Future[IstioUpgradeError | None]


def _in_flight(futures: Sequence[_StepFuture]) -> Iterable[_StepFuture]:
    """What was started before the interruption; what waits in the queue is taken out of it."""
    return [future for future in futures if not future.cancel()]


def _outcome(change: PlannedChange, error: IstioUpgradeError) -> Outcome:
    """Whether a failed write is sure not to have happened: a broken connection and a server's fault leave it open.

    Of a recreation the first half may have happened, whatever the second ran into.
    """
    open_ended = may_have_happened(error) or change.action is Action.RECREATE
    return Outcome.UNKNOWN if open_ended else Outcome.FAILED


def _version(answer: Body | None) -> Version | None:
    metadata = (answer or {}).get("metadata") or {}
    return Version(metadata["uid"], metadata["resourceVersion"]) if "uid" in metadata else None


def _named(change: PlannedChange, error: IstioUpgradeError) -> IstioUpgradeError:
    text = error.message if str(change.key) in error.message else f"{change.key}: {error.message}"
    return IncompleteError(text, hint=error.hint)
