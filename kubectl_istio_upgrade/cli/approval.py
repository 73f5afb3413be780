"""What the commands that change a mesh share: showing the plan, asking, and telling how it ended."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from ..errors import IncompleteError, RefusedError
from ..models.plans import Plan
from ..operations.probing import check_before, still_failing
from ..operations.run import Finished
from ..operations.session import WritingSession
from ..render.plans import finished_data, plan_data, print_finished, print_plan, totals
from ..render.structured import Format, formatted
from .settings import Settings

BLOCKED = {
    "apply": "change or delete these objects first; --force-crd NAME applies that definition all the same",
    "restart": "no new pod would start now: bring istiod back first; `kubectl istio-upgrade validate` says more",
}


@dataclass(frozen=True)
class Approval:
    """How the plan is shown and who says yes."""

    settings: Settings
    session: WritingSession
    title: str
    """What the plan aims at, in a line."""
    yes: bool
    with_diff: bool

    def review(self, plan: Plan) -> bool:
        """Show the plan on stderr and ask, default no. Raises RefusedError for a plan with blockers."""
        self.show(plan, to_stdout=False)
        check_blockers(plan)
        question = f"Change {self.where}?"
        return self.yes or self._asked(question)

    def _asked(self, question: str) -> bool:
        try:
            return click.confirm(question, default=False, err=True)
        except click.Abort:  # Ctrl-C or Ctrl-D: the cursor is still behind the question
            self.settings.err.line()
            raise

    def show(self, plan: Plan, *, to_stdout: bool) -> None:
        """The plan as text."""
        out = self.settings.out if to_stdout else self.settings.err
        out.prose(self.title, "target: ")
        print_plan(out, plan, self.where, with_diff=self.with_diff)

    @property
    def where(self) -> str:
        """The cluster, in words that tell two of them apart."""
        return f"cluster {self.session.context} ({self.session.cluster.uid[:8]} at {self.session.place().server})"

    def conclude(self, plan: Plan, finished: Finished | None, format_: Format) -> None:
        """Print how it ended. Raises IncompleteError when the proof does not hold or a probe fails in the end."""
        if format_ is not Format.TEXT:
            data = finished_data(finished) if finished else {"plan": plan_data(plan)}
            self.settings.out.line(formatted(data, format_))
        elif finished:
            print_finished(self.settings.out, finished)
        elif plan.has_work:
            self.show(plan, to_stdout=True)
            if not plan.blockers:
                self.settings.out.line("dry run: the server would accept every write; nothing was changed")
        else:
            self._nothing_to_do(plan)
        check_blockers(plan)
        if finished:
            self._check_end(finished)
        elif plan.writes:
            self._check_probes(plan)

    def _check_end(self, finished: Finished) -> None:
        before = finished.before.short
        if not finished.proof.holds:
            hint = f"the state before is snapshot {before}; `kubectl istio-upgrade diff` shows the rest"
            raise IncompleteError("the proof is not empty: the mesh is not as planned", hint=hint)
        failing = still_failing(finished.probes)
        if failing and not self.session.prober.may_fail:
            hint = f"to take it back: kubectl istio-upgrade rollback {before}"
            raise IncompleteError(f"the mesh is as planned, but {'; '.join(failing)}", hint=hint)

    def _check_probes(self, plan: Plan) -> None:
        """In a dry run: the probes are tried like the writes."""
        with self.session.prober.running() as watch:
            for warning in check_before(watch, self.session.prober, plan.operation):
                self.settings.progress.note(warning)

    def _nothing_to_do(self, plan: Plan) -> None:
        if plan.kept or plan.warnings:
            self.show(plan, to_stdout=True)
        else:
            self.settings.out.prose(f"{totals(plan)}: {plan.target} is what is there")


def check_blockers(plan: Plan) -> None:
    """Refuse a plan that must not be carried out, once it has been shown."""
    if plan.blockers:
        listed = "\n".join(f"  {blocker}" for blocker in plan.blockers)
        hint = BLOCKED.get(plan.operation, "change or delete these objects first, or leave istiod out with --only")
        raise RefusedError(f"the plan is blocked; nothing was changed:\n{listed}", hint=hint)


def check_can_confirm(what: str, *, yes: bool, dry_run: bool) -> None:
    """Refuse before any work when there will be nobody to ask."""
    if not (yes or dry_run or (sys.stdin is not None and sys.stdin.isatty())):
        message = f"refusing to {what} without confirmation: there is no terminal to ask on"
        raise RefusedError(message, hint="pass --yes, or --dry-run to see the plan")
