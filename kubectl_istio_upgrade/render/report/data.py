"""The report for programs. What nobody recorded is left out; what was recorded and empty is an empty list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


_ROWS: Mapping[str, tuple[str, ...]] = {
    "phases": ("phase", "outcome", "started", "seconds", "detail", "reason"),
    "findings": ("code", "severity", "what", "hint", "objects", "ignored"),
    "review": ("aspect", "where", "before", "after"),
    "steps": ("object", "action", "outcome", "seconds", "reason"),
    "restarts": ("object", "before", "after", "outcome", "reason"),
    "checks": ("check", "outcome", "detail"),
    "attempts": ("command", "aim", "holder", "started", "writes"),
}
"""The lists of a report that are told field by field, under the names that they have here."""


def _course(report: Report) -> dict[str, Json]:
    rows = {name: [_row(one, fields) for one in getattr(report, name)] for name, fields in _ROWS.items()}
    return {
        **rows,
        "warnings": list(report.warnings),
        "summary": dict(report.counts),
        "followUps": _commands(report.follow_ups),
        "probes": _probes(report),
        "proof": _proof(report.proof),
        "difference": comparison_data(report.difference, show_ignored=False) if report.difference else None,
        "settings": report.settings or None,
    }


def _row(one: object, fields: Iterable[str]) -> Json:
    return {field: _value(getattr(one, field)) for field in fields}


def _value(value: object) -> Json:
    match value:
        case datetime():
            return _time(value)
        case tuple():
            return list(value)
        case _:
            return value


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
