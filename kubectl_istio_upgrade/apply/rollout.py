"""Waiting for what was written to take effect. Readiness is a value with a reason, so a time-out can say why."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import ApiError, ClusterError, NotReadyError, UnreachableError
from ..models.objects import Body
from ..models.plans import Action, PlannedChange
from ..normalise.objects import held_by
from ..ports import ClusterReader, Progress
from ..rules.order import Stage, Wait

POLL = 0.5
"""Seconds between two looks."""

GAP = 20.0
"""Seconds for which the API server may be out of reach while something is waited for, as when it is restarted: as long
as the lock of the cluster lasts without it. Longer, and the wait ends with what the last look met."""


PASSING = (429, 500, 502, 503, 504)
"""What a server answers that is starting, stopping or overloaded."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an object does what it should, and what is missing if not."""

    ready: bool
    why: str = ""


READY = Readiness(ready=True)


def wait_for_stage(
    reader: ClusterReader, stage: Stage, changes: Iterable[PlannedChange], timeout: float, progress: Progress
) -> None:
    """Return when all that this stage writes is ready, or gone. Raises NotReadyError naming what is not, and why."""
    deleted = stage.wait is Wait.GONE
    waiting = {change.key: change for change in changes if (change.action is Action.DELETE) is deleted}
    if stage.wait is Wait.NOTHING or not waiting:
        return
    deadline = time.monotonic() + timeout
    look = Patient(reader)
    reasons: dict[str, str] = {}
    with progress.phase(f"waiting until {stage.wait.value}", total=len(waiting)) as advance:
        while waiting:
            for key, change in list(waiting.items()):
                readiness = look(change)
                if readiness.ready:
                    del waiting[key]
                    advance(1)
                else:
                    reasons[str(key)] = readiness.why
            if waiting and time.monotonic() >= deadline:
                raise _timed_out(timeout, {str(key): reasons[str(key)] for key in waiting})
            if waiting:
                time.sleep(POLL)


@dataclass
class Patient:
    """Looks at what was written; a server that is away for a moment is one more reason to wait."""

    reader: ClusterReader
    gap: float = GAP
    _answered: float = field(default_factory=time.monotonic)

    def __call__(self, change: PlannedChange) -> Readiness:
        """How it is. Raises ClusterError where the server has not answered for too long, or says no."""
        try:
            readiness = _look(self.reader, change)
        except ClusterError as error:
            if not is_passing(error) or time.monotonic() - self._answered >= self.gap:
                raise
            return Readiness(ready=False, why=error.message)
        self._answered = time.monotonic()
        return readiness


def is_passing(error: ClusterError) -> bool:
    """Whether the same question may be answered in a moment."""
    return isinstance(error, UnreachableError) or (isinstance(error, ApiError) and error.status in PASSING)


def _look(reader: ClusterReader, change: PlannedChange) -> Readiness:
    body = reader.get(change.type, change.key)
    if change.action is Action.DELETE:
        return _gone(body, change.uid)
    if body is None:
        return Readiness(ready=False, why="not found")
    if change.key.plural == "customresourcedefinitions":
        return _served(reader, body)
    return readiness(body)


def _gone(body: Body | None, uid: str) -> Readiness:
    if body is None or body["metadata"]["uid"] != uid:
        return READY
    return Readiness(ready=False, why=f"still there{held_by(body)}")


def readiness(body: Body) -> Readiness:
    """Whether a workload has rolled out, by the rules of `kubectl rollout status`; other kinds are ready at once."""
    judges = {"Deployment": _deployment, "DaemonSet": _daemon_set, "StatefulSet": _stateful_set}
    judge = judges.get(str(body.get("kind")))
    if judge is None:
        return READY
    status = body.get("status") or {}
    if status.get("observedGeneration", 0) < body["metadata"].get("generation", 0):
        return Readiness(ready=False, why="its controller has not seen the change yet")
    return judge(body.get("spec") or {}, status)


def _deployment(spec: Body, status: Body) -> Readiness:
    wanted = spec.get("replicas", 1)
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "ProgressDeadlineExceeded":
            return Readiness(ready=False, why=str(condition.get("message", "it exceeded its progress deadline")))
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    if updated < wanted:
        return Readiness(ready=False, why=f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return Readiness(ready=False, why=f"{total - updated} old replicas are still there")
    available = status.get("availableReplicas", 0)
    return READY if available >= updated else Readiness(ready=False, why=f"{available} of {updated} are available")


def _daemon_set(spec: Body, status: Body) -> Readiness:
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        return READY
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted:
        return Readiness(ready=False, why=f"{updated} of {wanted} pods are updated")
    return READY if available >= wanted else Readiness(ready=False, why=f"{available} of {wanted} are available")


def _stateful_set(spec: Body, status: Body) -> Readiness:
    wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy") or {}
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    apart = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    to_update = 0 if strategy.get("type") == "OnDelete" else max(0, wanted - apart)
    if updated < to_update:
        return Readiness(ready=False, why=f"{updated} of {to_update} replicas are updated")
    return READY if ready >= wanted else Readiness(ready=False, why=f"{ready} of {wanted} are ready")


def _served(reader: ClusterReader, body: Body) -> Readiness:
    """Established is not yet discoverable (kubernetes/apiextensions-apiserver#5), so both are asked for."""
    conditions = {c["type"]: c["status"] for c in body.get("status", {}).get("conditions") or ()}
    for wanted in ("NamesAccepted", "Established"):
        if conditions.get(wanted) != "True":
            return Readiness(ready=False, why=f"{wanted} is not true")
    spec = body["spec"]
    versions = [version["name"] for version in spec["versions"] if version.get("served")]
    if all(reader.serves(spec["group"], version, spec["names"]["plural"]) for version in versions):
        return READY
    return Readiness(ready=False, why="the API server does not serve it yet")


def _timed_out(timeout: float, reasons: dict[str, str]) -> NotReadyError:
    lines = "\n".join(f"  {key}: {why}" for key, why in sorted(reasons.items()))
    message = f"not ready after {timeout:.0f} s:\n{lines}" if timeout else f"still not ready at the end:\n{lines}"
    hint = "look at the pods' events and logs, or give it more time with --timeout"
    return NotReadyError(message, hint=hint, objects=tuple(sorted(reasons)))
