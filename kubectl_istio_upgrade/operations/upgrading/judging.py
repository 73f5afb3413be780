"""Whether the upgrade may begin, by the assessment; and by what the settings would lose, where nothing proves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...diff.paths import dotted
from ...errors import RefusedError
from ...models.assessments import Assessment
from ...models.changes import ObjectDiff
from ...models.findings import About, Finding, Severity
from ...models.objects import Body
from ...models.upgrades import Phase
from ...plan.assessment import way_on
from ...plan.images import Image, Remedy
from ...rules.findings import CODES, OTHER_RELEASE, UNPROVED
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


def refuse_other_releases(
    found: Assessment | None, images: Sequence[Image], settings: Body, ignore: Sequence[str]
) -> Assessment | None:
    """The assessment with the images that would go on running another release than its target.

    Nothing afterwards would notice: the proof compares with what was rendered. Raises RefusedError unless it is
    ignored.
    """
    if found is None or found.target is None:
        return found
    others = [each for each in images if each.is_of_another(found.target)]
    remedy = Remedy(settings, found.target)
    findings = [_of_another(each, remedy.of(each), ignored=OTHER_RELEASE in ignore) for each in others]
    if findings and OTHER_RELEASE not in ignore:
        message = f"the new manifest would not run {found.target} everywhere; nothing was changed:"
        remedies = dict.fromkeys(finding.do for finding in findings)
        hint = "\n".join((*remedies, f"to go on all the same, knowing what that means: --ignore {OTHER_RELEASE}"))
        raise RefusedError("\n".join((message, *(f"  {each}" for each in others))), hint=hint)
    return replace(found, findings=(*findings, *found.findings)) if findings else found


def _of_another(image: Image, do: str, *, ignored: bool) -> Finding:
    severity = CODES[OTHER_RELEASE].severity
    return Finding(OTHER_RELEASE, severity, str(image), do, (About.of(image.obj),), ignored=ignored)


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
