"""What `precheck` and `upgrade --plan` share: the programs they may ask, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..adapters.yamlio import load
from ..errors import RefusedError
from ..models.assessments import Assessment
from ..models.findings import Severity
from ..models.releases import Release
from ..operations.assessing import Helpers, assess
from ..operations.session import Session
from ..plan.assessment import way_on
from ..render.assessments import assessment_data
from ..render.names import plural
from ..render.structured import Format, formatted
from ..render.terminal import Terminal
from .settings import Settings


def assessed(
    settings: Settings,
    session: Session,
    target: Release | None,
    *,
    revision: str = "",
    gateways: bool = False,
    ignore: Collection[str] = (),
) -> Assessment:
    """Look at the mesh of a session. An istioctl that is named must be the right one; else it may be missing."""
    with settings.toolbox(session.root_namespace) as tools:
        insist = "istioctl" in settings.values or "download" in settings.values
        helpers = Helpers(load, tools.istioctl_of, tools.reference, insist=insist)
        return assess(session, helpers, target, revision=revision, gateways=gateways, ignore=ignore)


def conclude(settings: Settings, found: Assessment, format_: str, show: Callable[[Terminal, Assessment], None]) -> None:
    """Print it. Raises RefusedError for blockers."""
    if format_ == Format.TEXT:
        show(settings.out, found)
    else:
        settings.out.line(formatted(assessment_data(found), Format(format_)))
    if found.blockers:
        message = f"{plural(found.count(Severity.BLOCKER), 'blocker')}: nothing was changed"
        raise RefusedError(message, hint=way_on(found))
