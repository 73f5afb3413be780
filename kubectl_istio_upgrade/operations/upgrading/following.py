"""What follows once the new release is installed: validated, then restarted, as far as that is needed, and proved."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...capture import Capture
from ...errors import ClusterError, IncompleteError
from ...models.objects import State
from ...models.plans import FollowUp, PlannedChange, Proof
from ...models.restarts import Survey
from ...models.upgrades import Phase
from ...models.validation import CheckStatus, Validation
from ...plan.validation import failures, since
from ...prove import prove, with_restarts
from ...rules.restarts import FOLLOWS
from ...rules.validation import ANALYSIS
from ..explaining import ANALYZE, explain
from ..restarting import RESTART, follow_ups, look, parts_plan, sealed, silent, under_way, without_made, workloads_plan
from ..run import Run
from ..session import Session
from ..surveying import still_stale
from ..validating import unready, validate
from .phases import Detail, Phases, Skip
from .preparing import Prepared

PATIENCE = 20.0
"""Seconds for which a check that fails may be something that has not caught up with what was just rolled out. While
something still rolls out, such as the second istiod that an autoscaler wants, it is as long as for any rollout."""

PAUSE = 2.0
"""Seconds between two looks."""

BESIDE = "the new control plane stands beside the present one; `promote` leads namespaces to it, then `restart`"
LEFT_OUT = "left out, as --workloads none says"
ONLY_LOOKED = "{count} out of date, and left so, as --workloads plan says"


@dataclass
class Following:
    """The phases after the installation, of one run."""

    run: Run
    prepared: Prepared
    phases: Phases
    validation: Validation = field(default_factory=lambda: Validation(()))
    """The newest."""
    restarted: list[PlannedChange] = field(default_factory=list)
    """By this run and those before it."""
    left: list[FollowUp] = field(default_factory=list)
    """What is left to people."""
    found: Survey = field(default_factory=lambda: Survey((), ()))
    """Workloads and parts, judged after the installation."""
    _captured: Capture | None = None
    _installed: float = field(default_factory=time.monotonic)

    @property
    def session(self) -> Session:
        """The session of the run."""
        return self.run.session

    def validate(self) -> None:
        """The mesh is as it should be, but for proxies that are restarted next. Raises IncompleteError if it is not."""
        with self.phases.phase(Phase.VALIDATE) as tell:
            self._check(tell)

    def restart(self) -> None:
        """Parts of the installation, then workloads. Raises IncompleteError."""
        self.restarted += under_way(self.run.session, self.run.task.continues)
        self._restart_parts()
        self._restart_workloads()

    def prove(self, promised: State) -> tuple[Proof, Capture]:
        """Every object and every restart is as planned. Raises IncompleteError where restarts have left it invalid."""
        session, task = self.run.session, self.run.task
        with self.phases.phase(Phase.AFTER) as tell:
            if self.restarted:
                self._check(tell)
            aims = tuple(change for change in task.plan.changes if change not in self.prepared.way.first)
            proof, captured = prove(replace(task.plan, changes=aims), promised, session.capture, task.select)
            proof = with_restarts(proof, replace(task.plan, changes=tuple(self.restarted)), session.reader)
            left = still_stale(session, captured, self.restarted)
            proof = replace(proof, residual=(*proof.residual, *left))
            tell(f"{proof.identical} objects as promised, {len(proof.residual)} not")
        return proof, captured

    def _restart_parts(self) -> None:
        request = self.prepared.request
        with self.phases.phase(Phase.CONTROL_PLANE) as tell:
            if request.beside:
                raise Skip(BESIDE)
            self._look()
            changes = without_made(parts_plan(self.found, request.at), request.at)
            if not changes:
                raise Skip("nothing that they read at their start alone has changed")
            self._write(changes)
            tell(_named(changes))
            self._captured = None
            self._look()

    def _restart_workloads(self) -> None:
        session, request = self.run.session, self.prepared.request
        with self.phases.phase(Phase.WORKLOADS) as tell:
            if request.beside:
                raise Skip(BESIDE)
            if request.choice.none:
                self.left.append(FollowUp(RESTART, "what runs an outdated proxy was not restarted"))
                raise Skip(LEFT_OUT)
            self.run.settle(self.restarted)
            changes = without_made(workloads_plan(session, self.found, request.choice, request.at), request.at)
            self.left += follow_ups(self.found.stale, () if request.only_looks else changes)
            if request.only_looks:
                raise Skip(ONLY_LOOKED.format(count=len(changes)))
            if why := silent(self.found, request.choice):
                raise self.run.stopped(IncompleteError("\n".join(("workloads cannot be restarted:", *why))))
            if not changes and not self.restarted:
                raise Skip(f"{len(self.found.workloads)} looked at, none to restart")
            self._write(changes)
            tell(f"{len(changes)} of {len(self.found.workloads)} restarted")

    def _write(self, changes: Sequence[PlannedChange]) -> None:
        plan = sealed(changes, self.found, self._read().state)
        self.run.write(plan, alone=False)
        self.restarted += plan.writes

    def _look(self) -> None:
        """Judge the workloads, once istiod has had the time to see its configuration."""
        time.sleep(max(0.0, FOLLOWS - (time.monotonic() - self._installed)))
        self.found = look(self.run.session, self._read(), workloads_too=not self.prepared.request.choice.none)

    def _read(self) -> Capture:
        if self._captured is None:
            self._captured = self.session.capture()
        return self._captured

    def _check(self, tell: Detail) -> None:
        """Validate until it holds, or patience is at its end. Raises IncompleteError saying what does not."""
        begun, timeout = time.monotonic(), self.run.session.timeout
        while True:
            self._captured = captured = self.session.capture()
            found = validate(self.session, self.prepared.istioctl, captured=captured, follows=True)
            self.validation = since(found, self.prepared.request.failed or {})
            if self.validation.holds:
                break
            patience = timeout if unready(captured) else min(PATIENCE, timeout)
            if time.monotonic() - begun >= patience:
                raise self._invalid(captured)
            time.sleep(PAUSE)
        counts = self.validation.counts
        tell(", ".join(f"{counts[status]} {status}" for status in CheckStatus if counts[status]))

    def _invalid(self, captured: Capture) -> IncompleteError:
        broken, checks = failures(self.validation), self.validation.checks
        lines = [f"the mesh is not as an upgrade should leave it: {len(broken)} of {len(checks)} checks fail:"]
        for check in checks:
            if check.id in broken:
                lines.append(f"  {check.title}: {check.summary}")
                lines += (f"    {detail}" for detail in check.details)
        lines += explain(self.session.reader, unready(captured))
        for check in checks:
            if check.id == ANALYSIS and check.id not in broken:
                lines += (f"{ANALYZE}: {check.summary}", *(f"  {detail}" for detail in check.details))
        hint = "`kubectl istio-upgrade validate` looks again"
        return self.run.stopped(IncompleteError("\n".join(lines), hint=hint))


def ailing(session: Session) -> tuple[str, ...]:
    """Why those workloads of the installation do not get ready that do not; nothing where that cannot be read."""
    with contextlib.suppress(ClusterError):
        return explain(session.reader, unready(session.capture()))
    return ()


def _named(changes: Sequence[PlannedChange]) -> str:
    return ", ".join(f"{change.key.namespace}/{change.key.name}: {change.reason}" for change in changes)
