"""The ways in which Istio is installed. What installed a mesh has to upgrade it, or its next run takes it back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from ...apply.execution import Execution
from ...models.changes import ObjectDiff
from ...models.objects import Body, State
from ...models.plans import Outcome, Plan, PlannedChange, StepResult
from ...models.settings import OperatorSettings
from ...plan.dropping import Dropped, dropped
from ...plan.manifests import Manifests
from ...plan.settings.installed import as_istioctl_installs
from ...plan.settings.operator import for_release
from ...ports import Istioctl
from .. import applying
from ..run import Run
from ..session import WritingSession
from .recovering import ISTIOCTL, Recovery, read_rendered


def recovered(recovery: Recovery, target: Istioctl, running: Istioctl | None) -> OperatorSettings:
    """The settings that the mesh was installed with, for the target; `running` is the istioctl that proves them."""
    settings = recovery.by(running or target)
    proved = settings.body if settings.proved_with else None
    return replace(settings, body=for_release(settings.body, recovery.origin.version, target.version), proved=proved)


def at_risk(way: Way) -> tuple[ObjectDiff, ...]:
    """What of the live settings might be reset, where the settings are not proved."""
    return way.operator.at_risk if isinstance(way, ByIstioctl | ByManifests) else ()


def no_longer_set(way: Way, session: WritingSession, manifests: Manifests) -> Dropped:
    """What the manifests of the running release have and these do not, where no installer sees to that."""
    if not isinstance(way, ByManifests) or way.running is None or way.operator.proved is None:
        return Dropped()
    digester, running = session.store.digester(), way.running
    old = read_rendered(session, running.render(way.operator.proved), f"Istio {running.version}")
    return dropped(applying.withheld(old, digester), applying.withheld(manifests, digester))


def as_planned(plan: Plan) -> Execution:
    """What an installer that has succeeded was asked to write; that it has, the proof will tell."""
    return Execution(tuple(StepResult(change.key, change.action, Outcome.DONE) for change in plan.writes))


Watch = Callable[[str], None]
"""Sees each line that a tool prints while it works."""


class Way(Protocol):
    """One way of upgrading, with the settings to upgrade with."""

    @property
    def name(self) -> str:
        """As people call it: `istioctl`, `helm`, `manifests`."""

    @property
    def manager(self) -> str:
        """The field manager under which the objects are written; "" for this tool's own."""

    @property
    def first(self) -> tuple[PlannedChange, ...]:
        """What has to be written before the installer can run. The installer may undo it: it is no part of the aim."""

    @property
    def behind(self) -> Collection[str]:
        """For what the installer has to run even where no object is left to be changed: its own records lag behind."""

    @property
    def settings(self) -> Body:
        """What the journal keeps, so that `resume` goes on with the same."""

    @property
    def files(self) -> Mapping[str, Body]:
        """The settings as files for people and pipelines, by name."""

    def manifests(self, session: WritingSession, live: State) -> Manifests:
        """Every object of the target release, as it will be sent. Raises ToolError for settings that it refuses."""

    def check(self, session: WritingSession, plan: Plan) -> None:
        """Refuse what the installer itself would refuse, before anything is written. Raises RefusedError."""

    def install(self, run: Run, plan: Plan, watch: Watch) -> Execution:
        """Write them, and wait until they have rolled out. Raises IncompleteError where that fails half-way."""


@dataclass(frozen=True)
class ByManifests:
    """Through our own engine, for a mesh made with `istioctl manifest generate` and kubectl: nobody else will."""

    istioctl: Istioctl
    operator: OperatorSettings
    running: Istioctl | None = None
    """Of the release that runs, where it is at hand."""
    name: str = "manifests"
    manager: str = ""
    first: tuple[PlannedChange, ...] = ()
    behind: Collection[str] = ()

    @property
    def settings(self) -> Body:
        """See `Way`: an IstioOperator."""
        return self.operator.body

    @property
    def files(self) -> Mapping[str, Body]:
        """See `Way`."""
        return {"istio-operator": self.settings}

    def manifests(self, session: WritingSession, live: State) -> Manifests:  # noqa: ARG002 - see `Way`
        """See `Way`."""
        return read_rendered(session, self.istioctl.render(self.settings), f"Istio {self.istioctl.version}")

    def check(self, session: WritingSession, plan: Plan) -> None:
        """See `Way`: the server has been asked already."""

    def install(self, run: Run, plan: Plan, watch: Watch) -> Execution:  # noqa: ARG002 - see `Way`
        """See `Way`."""
        return run.write(plan)


@dataclass(frozen=True)
class ByIstioctl:
    """Through the target's `istioctl install`."""

    istioctl: Istioctl
    operator: OperatorSettings
    """For the target."""
    name: str = "istioctl"
    manager: str = ISTIOCTL
    first: tuple[PlannedChange, ...] = ()
    behind: Collection[str] = ()

    @property
    def settings(self) -> Body:
        """See `Way`: an IstioOperator."""
        return self.operator.body

    @property
    def files(self) -> Mapping[str, Body]:
        """See `Way`."""
        return {"istio-operator": self.settings}

    def manifests(self, session: WritingSession, live: State) -> Manifests:
        """See `Way`."""
        version = self.istioctl.version
        rendered = read_rendered(session, self.istioctl.render(self.settings), f"Istio {version}")
        return as_istioctl_installs(rendered, live, self.settings, version)

    def check(self, session: WritingSession, plan: Plan) -> None:
        """See `Way`: istioctl takes over whatever it sets, and the server has been asked already."""

    def install(self, run: Run, plan: Plan, watch: Watch) -> Execution:
        """See `Way`. Of it the journal has the phase alone: istioctl may be run again at any time."""
        run.check()
        self.istioctl.install(self.settings, run.session.timeout, watch)
        return as_planned(plan)
