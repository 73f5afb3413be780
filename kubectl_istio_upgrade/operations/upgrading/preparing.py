"""Everything before the first write: what the upgrade would change, by the server's own account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ...capture import Capture
from ...errors import RefusedError
from ...models.assessments import Assessment
from ...models.findings import Severity
from ...models.installations import Component
from ...models.objects import Body, Key
from ...models.plans import Plan
from ...models.upgrades import Phase
from ...plan.installation import installation_of
from .. import applying
from ..session import WritingSession
from .phases import Phases
from .ways import Way

UPGRADE = "upgrade"
"""The kind of these operations, on record."""


class Choose(Protocol):
    """Finds out by what, and with what settings, the mesh is installed."""

    def tool(self, plane: Component) -> str:
        """The program that will upgrade this control plane, in words. Raises ToolError saying how to get it."""

    def way(self, session: WritingSession, captured: Capture, plane: Component) -> Way:
        """The way, with the settings recovered."""


Assess = Callable[[], Assessment]
"""Looks at the mesh, and judges whether it may be upgraded."""


@dataclass(frozen=True)
class Request:
    """What the user asks for. Plain values, so that the journal can keep them for `resume`."""

    to: str
    revision: str = ""
    """Of a new control plane beside the present one; "" in its place."""
    gateways: bool = False
    """With a revision: gateways move to it, too."""
    ignore: tuple[str, ...] = ()
    """Codes of findings that stop nothing."""
    settings: Body | None = None
    """As they were recovered at the first run."""

    @property
    def label(self) -> str:
        """What it aims at, in words."""
        return f"Istio {self.to}" + (f" as revision {self.revision}" if self.revision else "")

    def to_data(self) -> Body:
        """As the journal has it."""
        return {
            "to": self.to,
            "revision": self.revision,
            "gateways": self.gateways,
            "ignore": [*self.ignore],
            "settings": self.settings,
        }

    @classmethod
    def of_data(cls, data: Body) -> Request:
        """The inverse. Raises KeyError or TypeError for damage."""
        return cls(
            to=data["to"],
            revision=data["revision"],
            gateways=data["gateways"],
            ignore=tuple(data["ignore"]),
            settings=data["settings"],
        )


@dataclass(frozen=True)
class Prepared:
    """An upgrade that has been planned and tried on the server, and not begun."""

    request: Request
    plane: Component
    """The control plane that is upgraded, as it was."""
    way: Way
    applied: applying.Planned
    assessment: Assessment | None = None
    """What was found before; None for the rest of an upgrade, which is not judged again."""

    @property
    def plan(self) -> Plan:
        """What the user approves."""
        return self.applied.plan

    @property
    def captured(self) -> Capture:
        """The reading that the plan was made from."""
        return self.applied.captured

    @property
    def keys(self) -> frozenset[Key]:
        """The objects of the target release."""
        return frozenset(self.applied.manifests.objects)


def prepare(
    session: WritingSession, request: Request, choose: Choose, phases: Phases, assess: Assess | None = None
) -> Prepared:
    """Judge the mesh, recover the settings, render the target, try every object of it on the server. Changes nothing.

    Raises RefusedError for blockers and with every refusal of the server, ToolError where istioctl or helm refuses.
    """
    captured = session.capture()
    with phases.phase(Phase.PLAN) as tell:
        plane = _control_plane(captured)
        tell(f"{plane.version} to {request.to}, installed by {plane.method}")
    with phases.phase(Phase.ISTIOCTL) as tell:
        tell(choose.tool(plane))
    assessment = _judged(assess, phases)
    with phases.phase(Phase.MANIFEST) as tell:
        way = choose.way(session, captured, plane)
        manifests = way.manifests(session, captured.state)
        tell(f"{len(manifests.objects)} objects by {way.name}")
    with phases.phase(Phase.REVIEW) as tell:
        planned = applying.prepare(session, manifests, force_conflicts=True, captured=captured, manager=way.manager)
        plan = replace(planned.plan, operation=UPGRADE, target=request.label)
        way.check(session, plan)
        tell(f"{len(plan.writes)} of {len(manifests.objects)} objects will change")
    request = replace(request, settings=way.settings)
    return Prepared(request, plane, way, replace(planned, plan=plan), assessment)


def _control_plane(captured: Capture) -> Component:
    plane = installation_of(captured.state, captured.workloads).current()
    if plane is None:
        raise RefusedError(f"there is no istiod in namespace {captured.root_namespace!r}; nothing to upgrade")
    return plane


def _judged(assess: Assess | None, phases: Phases) -> Assessment | None:
    if assess is None:
        phases.skip(Phase.PRECHECK, "judged when the upgrade began")
        return None
    with phases.phase(Phase.PRECHECK) as tell:
        found = assess()
        tell(f"{found.count(Severity.BLOCKER)} blockers, {found.count(Severity.WARNING)} warnings")
        if found.blockers:
            codes = " ".join(dict.fromkeys(f"--ignore {finding.code}" for finding in found.blockers))
            hint = f"do what the table says; to go on all the same, knowing what that means: {codes}"
            raise RefusedError(f"{len(found.blockers)} blockers; nothing was changed", hint=hint)
        return found
