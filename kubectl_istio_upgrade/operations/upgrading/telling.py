"""What an upgrade adds to the record of an operation; see `snapshots/README.md`."""

from __future__ import annotations

from ...canonical import to_yaml
from ...models.findings import Finding
from ...models.objects import Body
from ...models.upgrades import ReviewPoint
from ...models.validation import Check, Validation
from ..records import phases_of
from .phases import Phases
from .preparing import Prepared


def told(prepared: Prepared, phases: Phases, validation: Validation) -> Body:
    """Phases of every run, findings, the settings that it was installed with, and the checks afterwards."""
    earlier = phases.earlier.phases if phases.earlier else ()
    found = prepared.assessment.findings if prepared.assessment else ()
    return {
        "phases": phases_of((*earlier, *phases.results)),
        "findings": [_finding(finding) for finding in found],
        "review": [_point(point) for point in prepared.points],
        "settings": to_yaml(prepared.way.settings),
        "checks": [_check(check) for check in validation.checks],
    }


def _finding(finding: Finding) -> Body:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "what": finding.what,
        "hint": finding.do,
        "objects": [str(about) for about in finding.objects],
        "ignored": finding.ignored,
    }


def _point(point: ReviewPoint) -> Body:
    return {"aspect": point.aspect, "where": point.where, "before": point.before, "after": point.after}


def _check(check: Check) -> Body:
    detail = "; ".join((check.summary, *check.details))
    return {"check": check.title, "outcome": str(check.status), "detail": detail}
