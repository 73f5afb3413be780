"""Everything before the first write: what the upgrade would change, by the server's own account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ...apply.trial import Trial
from ...capture import Capture
from ...errors import RefusedError, ToolError
from ...models.assessments import Assessment
from ...models.installations import Component
from ...models.objects import Key, MemoryState
from ...models.plans import Plan, PlannedChange
from ...models.releases import Release
from ...models.tools import Level, ToolMessage
from ...models.upgrades import Phase, ReviewPoint
from ...plan.images import Image, images_of
from ...plan.installation import installation_of
from ...plan.manifests import Manifests
from ...plan.reviewing import review
from ...plan.rollback import plan_hash
from ...plan.settings.outdated import outdated, told
from ...plan.validation import failures
from ...ports import Istioctl
from ...rules.validation import ANALYSIS
from .. import applying
from ..expecting import foreseen
from ..permissions import check_permissions
from ..restarting import look, now, parts_plan, without_made, workloads_plan
from ..session import WritingSession
from ..validating import validate
from .judging import Assess, judged, refuse_other_releases, refuse_unproved
from .leaving import left_behind
from .phases import Phases
from .request import Request
from .ways import Way, at_risk, no_longer_set

UPGRADE = "upgrade"
"""The kind of these operations, on record."""


class Choose(Protocol):
    """Finds out by what, and with what settings, the mesh is installed."""

    def tool(self, plane: Component) -> str:
        """The program that will upgrade this control plane, in words. Raises ToolError saying how to get it."""

    def way(self, session: WritingSession, captured: Capture, plane: Component) -> Way:
        """The way, with the settings recovered."""

    def istioctl(self) -> Istioctl | None:
        """That of the target, where it is at hand."""


@dataclass(frozen=True)
class Prepared:
    """An upgrade that has been planned and tried on the server, and not begun."""

    request: Request
    plane: Component
    """The control plane that is upgraded, or that a new one comes beside, as it was."""
    way: Way
    applied: applying.Planned
    assessment: Assessment | None = None
    """What was found before; None for the rest of an upgrade, which is not judged again."""
    istioctl: Istioctl | None = None
    """Of the target, where it is at hand: for what it alone can tell afterwards."""

    @property
    def points(self) -> tuple[ReviewPoint, ...]:
        """What to look at in the new manifest, as it is and as it will be by the server's account."""
        live, previews = self.captured.state, self.applied.previews
        there = live.load([key for key in self.applied.manifests.objects if key in live.versions])
        return review(there, {**there, **previews})

    @property
    def doubtful(self) -> tuple[Image, ...]:
        """Images that are not known to be of the target, be it that their tags tell no release."""
        target = Release.parse(self.request.to)
        return tuple(each for each in images_of(self.applied.manifests) if each.release != target)

    @property
    def analysed_before(self) -> frozenset[str]:
        """What `istioctl analyze` found before, in its words; for the rest of an upgrade its errors alone."""
        found = self.assessment.findings if self.assessment else ()
        objects = ((each, str(about)) for each in found for about in each.objects or ("",))
        told = (str(ToolMessage(each.code, Level.INFO, each.what, about)) for each, about in objects)
        return frozenset((*(self.request.failed or {}).get(ANALYSIS, ()), *told))

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
    _ = request.choice  # a selector that means nothing is refused before any work
    captured = session.capture()
    with phases.phase(Phase.PLAN) as tell:
        plane = _control_plane(captured, request.revision)
        tell(f"{plane.version} to {request.to}, installed by {plane.method}")
    with phases.phase(Phase.ISTIOCTL) as tell:
        tell(choose.tool(plane))
    istioctl = choose.istioctl()
    assessment = judged(assess, phases)
    if request.failed is None:
        request = replace(request, failed=failures(validate(session, istioctl, captured=captured, follows=True)))
    with phases.phase(Phase.MANIFEST) as tell:
        way = choose.way(session, captured, plane)
        refuse_unproved(assessment, at_risk(way))
        manifests = _manifests(session, captured, way)
        assessment = refuse_other_releases(assessment, images_of(manifests), way.settings, request.ignore)
        tell(f"{len(manifests.objects)} objects by {way.name}")
    request = _with_what_is_found_once(session, request, way, manifests, plane)
    with phases.phase(Phase.REVIEW) as tell:
        planned = _tried(session, request, way, manifests, captured)
        plan = replace(planned.plan, operation=UPGRADE, target=request.label)
        plan = replace(plan, follow_ups=(*plan.follow_ups, *left_behind(request, way, captured.state, manifests)))
        way.check(session, plan)
        tell(f"{len(plan.writes)} of {len(manifests.objects)} objects will change")
        plan = replace(plan, foreseen=_foreseen(session, request, replace(planned, plan=plan)))
        plan = _begun_with(session, plan, way.first)
        tell(f"probably {len(plan.foreseen)} restarts")
    return Prepared(request, plane, way, replace(planned, plan=plan), assessment, istioctl)


def _manifests(session: WritingSession, captured: Capture, way: Way) -> Manifests:
    """What the installer makes of the settings. Raises ToolError, saying what to set instead where that is known."""
    try:
        return way.manifests(session, captured.state)
    except ToolError as error:
        if lines := told(row for row in outdated(way.settings) if row.refused):
            raise ToolError(error.message, hint="; ".join(lines)) from error
        raise


def _with_what_is_found_once(
    session: WritingSession, request: Request, way: Way, manifests: Manifests, plane: Component
) -> Request:
    """Before the first run; after it the mesh would tell otherwise."""
    request = replace(request, settings=way.settings, at=request.at or now())
    if request.beside is None:
        request = replace(request, beside=bool(request.revision) and plane.revision != request.revision)
    if request.dropped is None:
        request = replace(request, dropped=no_longer_set(way, session, manifests))
    return request


def _tried(
    session: WritingSession, request: Request, way: Way, manifests: Manifests, captured: Capture
) -> applying.Planned:
    return applying.prepare(
        session,
        manifests,
        force_conflicts=True,
        force_crds=None,
        captured=captured,
        manager=way.manager,
        drop=request.dropped.fields if request.dropped else {},
    )


def _begun_with(session: WritingSession, plan: Plan, first: tuple[PlannedChange, ...]) -> Plan:
    """The plan with what has to be written before all else, tried on the server as well. Raises RefusedError."""
    if not first:
        return plan
    check_permissions(session, first)
    first = Trial(session.sender(), session.progress).of_plan(replace(plan, changes=first)).changes
    changes = (*first, *plan.changes)
    return replace(plan, changes=changes, hash=plan_hash(changes))


def _foreseen(session: WritingSession, request: Request, planned: applying.Planned) -> tuple[PlannedChange, ...]:
    """The restarts that will follow. Where nothing is written before, it is no guess. Raises RefusedError."""
    live, plan = planned.captured.state, planned.plan
    if request.beside or request.only_looks:
        return ()
    if plan.writes:
        after = MemoryState(plan.target, {**live.objects, **planned.previews}, live.types)
        changes = list(foreseen(session, planned.captured, after, plan.writes, request.choice, request.at))
    else:
        found = look(session, planned.captured, workloads_too=not request.choice.none)
        changes = [*parts_plan(found, request.at), *workloads_plan(session, found, request.choice, request.at)]
    changes = without_made(changes, request.at)
    check_permissions(session, changes)
    return tuple(changes)


def _control_plane(captured: Capture, revision: str) -> Component:
    """Of the revision, where there is one: then that very one is upgraded."""
    plane = installation_of(captured.state, captured.workloads).origin(revision)
    if plane is None:
        raise RefusedError(f"there is no istiod in namespace {captured.root_namespace!r}; nothing to upgrade")
    return plane
