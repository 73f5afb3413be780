"""The report for programs. What nobody recorded is left out; what was recorded and empty is an empty list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ...models.objects import Json
from ...models.plans import FollowUp
from ...models.reports import LeftReport, ProofReport, Report
from ...models.snapshots import Versions
from ..differences import comparison_data
from ..names import withheld


def report_data(report: Report) -> Json:
    """All of it, without digests of secret values."""
    data = {**_head(report), **_course(report), "wayBack": _commands(report.way_back)}
    return _shown({name: value for name, value in data.items() if value is not None})


def _head(report: Report) -> dict[str, Json]:
    cluster = report.cluster
    return {
        "id": report.id,
        "kind": report.kind,
        "target": report.target,
        "ending": str(report.ending),
        "cluster": {"uid": cluster.uid, "context": report.context, "serverVersion": cluster.server_version},
        "holder": report.holder or None,
        "started": _time(report.started),
        "ended": _time(report.ended),
        "seconds": report.seconds,
        "stoppedAt": report.stopped_at or None,
        "before": report.before.commit if report.before else None,
        "after": report.after.commit if report.after else None,
        "versions": {"before": _versions(report.versions_before), "after": _versions(report.versions_after)},
    }


def _course(report: Report) -> dict[str, Json]:
    return {
        "phases": [
            {
                "phase": one.phase,
                "outcome": one.outcome,
                "started": _time(one.started),
                "seconds": one.seconds,
                "detail": one.detail,
                "reason": one.reason,
            }
            for one in report.phases
        ],
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "what": one.what,
                "hint": one.hint,
                "objects": list(one.objects),
                "ignored": one.ignored,
            }
            for one in report.findings
        ],
        "review": [
            {"aspect": one.aspect, "where": one.where, "before": one.before, "after": one.after}
            for one in report.review
        ],
        "warnings": list(report.warnings),
        "summary": dict(report.counts),
        "steps": [
            {
                "object": one.object,
                "action": one.action,
                "outcome": one.outcome,
                "seconds": one.seconds,
                "reason": one.reason,
            }
            for one in report.steps
        ],
        "followUps": _commands(report.follow_ups),
        "probes": _probes(report),
        "restarts": [
            {
                "object": one.object,
                "before": one.before,
                "after": one.after,
                "outcome": one.outcome,
                "reason": one.reason,
            }
            for one in report.restarts
        ],
        "checks": [{"check": one.check, "outcome": one.outcome, "detail": one.detail} for one in report.checks],
        "proof": _proof(report.proof),
        "difference": comparison_data(report.difference, show_ignored=False) if report.difference else None,
        "attempts": [
            {
                "command": one.command,
                "aim": one.aim,
                "holder": one.holder,
                "started": _time(one.started),
                "writes": one.writes,
            }
            for one in report.attempts
        ],
        "settings": report.settings or None,
    }


def _probes(report: Report) -> Json:
    return [
        {
            "probe": one.probe,
            "sent": one.sent,
            "failed": one.failed,
            "phases": [{"phase": phase.phase, "sent": phase.sent, "failed": phase.failed} for phase in one.phases],
            "firstFailure": one.first_failure or None,
            "longestGap": one.longest_gap,
        }
        for one in report.probes
    ]


def _proof(proof: ProofReport | None) -> Json:
    if proof is None:
        return None
    return {
        "holds": not proof.residual,
        "identical": proof.identical,
        "reads": proof.reads,
        "kept": _left(proof.kept, "reason"),
        "residual": _left(proof.residual, "change"),
    }


def _left(objects: Sequence[LeftReport], why: str) -> Json:
    return [{"object": one.object, why: one.reason, "fields": list(one.fields)} for one in objects]


def _versions(versions: Versions | None) -> Json:
    return {"controlPlane": list(versions.control_plane), "proxies": dict(versions.proxies)} if versions else None


def _commands(commands: Sequence[FollowUp]) -> Json:
    return [{"command": one.command, "why": one.why} for one in commands]


def _time(time: datetime | None) -> str | None:
    return time.replace(microsecond=0).isoformat().replace("+00:00", "Z") if time else None


def _shown(value: Json) -> Json:
    """Without digests."""
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return withheld(value) if isinstance(value, str) else value
