"""Can it be told with what settings the mesh was installed?"""

from __future__ import annotations

from collections.abc import Iterator

from ...models.findings import Finding, Skipped
from ...models.installations import Part
from ...rules.findings import UNPROVED
from .case import Case, found

ACCEPT = f"or accept it with --ignore {UNPROVED}: `upgrade --dry-run` names what is known to be at risk"


def proof(case: Case) -> Iterator[Finding | Skipped]:
    """Whether there is an istioctl of the release that runs.

    Only what that one renders tells a setting from what the new release changes. Nothing records the former where it
    was given as `components.*.k8s` or edited by hand (`rules.operator_fields`).
    """
    parts = (*case.installation.of(Part.CNI, Part.ZTUNNEL), *case.installation.of(Part.CONTROL_PLANE))
    told_by = {part.revision: part.obj for part in parts}
    for each in case.evidence.unprovable:
        what = "settings that nothing records, such as resources of components, would be reset to the target's defaults"
        do = "\n".join(filter(None, (each.hint, ACCEPT)))
        yield found(UNPROVED, f"{what}: {each.why}", do, [told_by[each.revision]])
