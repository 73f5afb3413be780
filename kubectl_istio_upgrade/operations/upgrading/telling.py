"""What an upgrade adds to the record of an operation; see `snapshots/README.md`."""

from __future__ import annotations

from ...canonical import to_yaml
from ...models.findings import Finding
from ...models.objects import Body
from ..records import phases_of
from .phases import Phases
from .preparing import Prepared


def told(prepared: Prepared, phases: Phases) -> Body:
    """Phases of every run, findings, and the settings that it was installed with."""
    earlier = phases.earlier.phases if phases.earlier else ()
    found = prepared.assessment.findings if prepared.assessment else ()
    return {
        "phases": phases_of((*earlier, *phases.results)),
        "findings": [_finding(finding) for finding in found],
        "settings": to_yaml(prepared.way.settings),
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
