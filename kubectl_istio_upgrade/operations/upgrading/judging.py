"""Whether the upgrade may begin, by the assessment; and by what the settings would lose, where nothing proves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...diff.paths import dotted
from ...errors import RefusedError
from ...models.assessments import Assessment
from ...models.changes import ObjectDiff
from ...models.findings import Severity
from ...models.upgrades import Phase
from ...plan.assessment import way_on
from ...rules.findings import UNPROVED
from .phases import Phases

Assess = Callable[[], Assessment]
"""Looks at the mesh, and judges whether it may be upgraded."""

RISKS = "of these it cannot be told whether they are settings; if they are, they would be reset:"
NO_RISK = "no setting is seen that would be reset"


def judged(assess: Assess | None, phases: Phases) -> Assessment | None:
    """The assessment. Raises RefusedError for blockers, but for that which `refuse_unproved` has more to tell of."""
    if assess is None:
        phases.skip(Phase.PRECHECK, "judged when the upgrade began")
        return None
    with phases.phase(Phase.PRECHECK) as tell:
        found = assess()
        tell(f"{found.count(Severity.BLOCKER)} blockers, {found.count(Severity.WARNING)} warnings")
        if any(finding.code != UNPROVED for finding in found.blockers):
            raise _refused(found)
        return found


def refuse_unproved(found: Assessment | None, at_risk: Sequence[ObjectDiff]) -> None:
    """Settings that are not proved are accepted by those who have seen what may be lost. Raises RefusedError."""
    if found is not None and found.blockers:
        raise _refused(found, *lines_at_risk(at_risk))


def lines_at_risk(at_risk: Sequence[ObjectDiff]) -> Iterator[str]:
    """Every live setting that might be reset, by object, for people."""
    yield RISKS if at_risk else NO_RISK
    for diff in at_risk:
        yield f"  {diff.kind} {diff.key.namespace}/{diff.key.name}"
        for change in diff.fields:
            yield f"    {dotted(change.path)}"


def _refused(found: Assessment, *more: str) -> RefusedError:
    count = len(found.blockers)
    message = f"{count} {'blocker' if count == 1 else 'blockers'}; nothing was changed"
    return RefusedError("\n".join((message, *more)), hint=way_on(found))
