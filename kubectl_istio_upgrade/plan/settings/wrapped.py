"""Releases of charts that have Istio's charts in them: `helm upgrade` to one of those would remove all the rest. Pure.

Such are a platform's own chart with base and istiod as subcharts, Istio's chart `ambient`, and a chart that only adds
to istiod's. Their values are nested, and what else they render nobody here knows: their people upgrade them.
"""

from __future__ import annotations

from ...models.settings import HelmRelease
from ...rules.helm import GATEWAY_CHART

DO = (
    "upgrade its chart with helm, between `kubectl istio-upgrade snapshot` and `kubectl istio-upgrade validate`; "
    "diff, restart and rollback work all the same"
)
"""What to do instead."""

LEFT = "it is left as it is, and gets the new proxy with its restart; upgrade its chart with helm afterwards"
"""Of one that the control plane does without."""


def why_wrapped(release: HelmRelease) -> str:
    """Why a release is not upgraded, in a line."""
    of = f"chart {release.recorded}" if release.recorded else "a chart of its own"
    parts = " and ".join(release.parts)
    return (
        f"Helm release {release.label} is of {of}, with Istio's {parts} in it: upgraded to that, it would lose the rest"
    )


def is_optional(release: HelmRelease) -> bool:
    """Whether a mesh is upgraded without it, too: gateways get their proxy from istiod."""
    return release.parts == (GATEWAY_CHART,)
