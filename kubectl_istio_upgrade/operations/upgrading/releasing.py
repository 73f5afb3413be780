"""Which of Helm's releases an upgrade is about, and that each is of the chart that it will be upgraded to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import RefusedError
from ...models.installations import Component
from ...models.objects import State
from ...models.settings import HelmRelease
from ...plan.retiring import DEFAULT
from ...plan.settings.releases import releases_of, touched
from ...plan.settings.wrapped import DO, is_optional, why_wrapped
from ...ports import Helm
from ...rules.helm import ISTIOD_CHART, NO_RELEASE, release_of


def upgradable(
    live: State, plane: Component, helm: Helm, revision: str, *, gateways: bool
) -> tuple[tuple[HelmRelease, ...], HelmRelease]:
    """The releases that an upgrade is about, and which of them is the control plane's.

    Where no record was read, helm itself is asked. Gateways of other people's charts are left out, unless they are to
    move. Raises RefusedError for any other release that is of more than a chart of Istio's, and where the control
    plane's is not found; ToolError where helm cannot tell.
    """
    present = touched(releases_of(live, plane.revision or DEFAULT), revision, gateways=gateways)
    present = tuple(each if each.recorded else _asked(each, helm) for each in present)
    for each in present:
        if each.is_wrapped and (revision or not is_optional(each)):
            raise RefusedError(why_wrapped(each), hint=DO)
    present = tuple(each for each in present if not each.is_wrapped)
    return present, _of(plane, present)


def _asked(release: HelmRelease, helm: Helm) -> HelmRelease:
    """With what helm says of it. One of Helm 3 does not say that another has applied it server-side."""
    told = helm.record(release.name, release.namespace)
    version, server_side = release.version or told.version, release.server_side or told.server_side
    return replace(release, recorded=told.chart, version=version, server_side=server_side)


def _of(plane: Component, present: Sequence[HelmRelease]) -> HelmRelease:
    named = release_of(plane.obj)
    found = [each for each in present if (each.namespace, each.name) == named and each.chart == ISTIOD_CHART]
    if found:
        return found[0]
    where = f"{plane.obj.kind} {plane.obj.key.namespace}/{plane.obj.key.name}"
    why = "names no release" if named == NO_RELEASE else f"is of release {named.namespace}/{named.name}"
    message = f"Helm installed the control plane, but {where} {why}, and nothing tells that this is of Istio's istiod"
    raise RefusedError(message, hint=DO)
