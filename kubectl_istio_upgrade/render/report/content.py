"""What a report says, and in which order. What nobody recorded is not mentioned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from ... import __version__
from ...models.reports import (
    CheckReport,
    Ending,
    FindingReport,
    LeftReport,
    PhaseReport,
    ProbeReport,
    Report,
    StepReport,
)
from ...models.snapshots import SnapshotInfo, Versions
from ...models.upgrades import ReviewPoint
from ..differences import summary
from ..names import moment
from .document import (
    Block,
    Cell,
    Changes,
    Code,
    Column,
    Commands,
    Document,
    Points,
    Prose,
    Section,
    Span,
    Style,
    Table,
    Title,
    Tone,
)
from .words import ENDINGS, counted, duration, statement, title, tone_of

_OPEN = 12
"""Tables of more rows are folded."""

_SEVERITIES = ("blocker", "warning", "info")
_NOT_KNOWN = "not known"


def document(report: Report) -> Document:
    """The whole report."""
    ending, tone = ENDINGS[report.ending]
    return Document(
        title=title(report),
        ending=ending,
        tone=tone,
        statement=statement(report),
        facts=tuple((name, value) for name, value in _facts(report) if value),
        way_back=Commands(_way_back_title(report), report.way_back),
        sections=tuple(Section(name, blocks) for name, blocks in _sections(report) if blocks),
        about=f"Written by kubectl istio-upgrade {__version__} from its store. Times are UTC.",
    )


def _way_back_title(report: Report) -> str:
    return "To take this back" if report.ending in (Ending.PROVED, Ending.UNKNOWN) else "What comes next"


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    cluster = report.cluster
    server = f", kubernetes {cluster.server_version}" if cluster.server_version else ""
    yield "operation", report.id
    yield "cluster", f"{report.context} ({cluster.uid[:8]}{server})"
    yield "control plane", _control_plane(report)
    yield "run by", report.holder
    yield "begun", moment(report.started)
    yield "ended", _ended(report)
    yield "state before", _snapshot(report.before)
    yield "state after", _snapshot(report.after)


def _control_plane(report: Report) -> str:
    """`1.28.3`, or `1.28.3 to 1.29.1`."""
    sides = (report.versions_before, report.versions_after)
    return " to ".join(dict.fromkeys(", ".join(side.control_plane) or "none" for side in sides if side))


def _ended(report: Report) -> str:
    if report.ended is None:
        return ""
    runs = f" in {len(report.attempts)} runs" if len(report.attempts) > 1 else ""
    elapsed = (report.ended - report.started).total_seconds()
    return f"{moment(report.ended)}, after {duration(elapsed)}{runs}"


def _snapshot(info: SnapshotInfo | None) -> str:
    if info is None:
        return ""
    return f"snapshot {info.short} ({', '.join(info.names)})" if info.names else f"snapshot {info.short}"


def _sections(report: Report) -> Iterator[tuple[str, tuple[Block, ...]]]:
    yield "Versions", tuple(_versions(report.versions_before, report.versions_after))
    yield "Phases", tuple(_phases(report.phases))
    yield "Findings", tuple(_findings(report.findings))
    yield "Review", tuple(_review(report.review))
    yield "Plan", tuple(_plan(report))
    yield "Probes", tuple(_probes(report.probes))
    yield "Restarts", tuple(_restarts(report))
    yield "Validation", tuple(_checks(report.checks))
    yield "Proof", tuple(_proof(report))
    yield "Difference", tuple(_difference(report))
    yield "Runs", tuple(_attempts(report))
    yield "Settings", (Code("settings of the installation", report.settings),) if report.settings else ()


def _versions(before: Versions | None, after: Versions | None) -> Iterator[Block]:
    sides = (before, after)
    if not any(sides):
        return
    planes = (", ".join(side.control_plane) or "none" if side else _NOT_KNOWN for side in sides)
    rows = [(Cell("control plane"), *map(Cell, planes))]
    for version in sorted({version for side in sides if side for version in side.proxies}):
        pods = (_pods(side, version) for side in sides)
        rows.append((Cell(f"proxies {version or 'without a tag'}"), *map(Cell, pods)))
    columns = (Column("what"), Column("before"), Column("after"))
    yield Table("versions of Istio before and after", columns, tuple(rows))


def _pods(side: Versions | None, version: str) -> str:
    if side is None:
        return _NOT_KNOWN
    pods = side.proxies.get(version, 0)
    return counted(pods, "pod") if pods else "none"


def _phases(phases: tuple[PhaseReport, ...]) -> Iterator[Block]:
    if not phases:
        return
    columns = (Column("phase", Style.WORD), Column("outcome", Style.WORD), Column("took", Style.NUMBER), Column("what"))
    rows = tuple(
        (
            Cell(phase.phase),
            Cell(phase.outcome, tone_of(phase.outcome)),
            Cell(duration(phase.seconds)),
            _explained(phase.detail, phase.reason),
        )
        for phase in phases
    )
    yield Table("phases of the operation, in order", columns, rows, spans=_spans(phases), flows=True)


def _spans(phases: tuple[PhaseReport, ...]) -> tuple[Span | None, ...]:
    """Where each phase lies between the beginning of the first and the end of the last."""
    times = [_times(phase) for phase in phases]
    known = [time for time in times if time]
    if not known:
        return ()
    first, last = min(start for start, _ in known), max(end for _, end in known)
    whole = (last - first) or 1.0
    return tuple(Span((time[0] - first) / whole, (time[1] - time[0]) / whole) if time else None for time in times)


def _times(phase: PhaseReport) -> tuple[float, float] | None:
    if phase.started is None or phase.seconds is None:
        return None
    start = phase.started.timestamp()
    return start, start + phase.seconds


def _explained(*texts: str) -> Cell:
    """The first that says something, and the others below it."""
    first, *below = [text for text in texts if text] or [""]
    return Cell(first, below=tuple(below))


def _findings(findings: tuple[FindingReport, ...]) -> Iterator[Block]:
    if not findings:
        return
    columns = (Column("severity", Style.WORD), Column("code", Style.WORD), Column("finding"))
    ordered = sorted(findings, key=lambda one: (_rank(one.severity), one.ignored))
    rows = tuple(
        (
            Cell(f"{one.severity}, ignored" if one.ignored else one.severity, tone_of(one.severity)),
            Cell(one.code),
            Cell(one.what, below=tuple(text for text in (one.hint, ", ".join(one.objects)) if text)),
        )
        for one in ordered
    )
    yield Table("findings, the gravest first", columns, rows, heads=1, flows=True)


def _review(points: tuple[ReviewPoint, ...]) -> Iterator[Block]:
    if not points:
        return
    columns = (Column("aspect"), Column("where"), Column("before, and then"))
    rows = tuple(
        (
            Cell(point.aspect),
            Cell(point.where),
            Cell(point.before or "none", below=(f"then {point.after or 'none'}",) if point.changed else ()),
        )
        for point in points
    )
    yield Table("what to look at in the new manifest", columns, rows, heads=1, flows=True)


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _plan(report: Report) -> Iterator[Block]:
    if report.warnings:
        yield Points("warnings", report.warnings)
    if report.steps:
        yield Prose(_totals(report))
        left = tuple(step for step in report.steps if step.outcome != "done")
        if left and len(report.steps) > _OPEN and len(left) < len(report.steps):
            yield _writes(f"{counted(len(left), 'write')} not known to be done", left, folded=len(left) > _OPEN)
        yield _writes(f"all {counted(len(report.steps), 'write')}", report.steps, folded=len(report.steps) > _OPEN)
    elif report.proof:
        yield Prose("No writes were recorded.")
    if report.follow_ups:
        yield Commands("then to be run by hand", report.follow_ups)


def _totals(report: Report) -> str:
    """`42 update, 1 create: 40 done, 3 failed.`"""
    actions = ", ".join(f"{count:,} {action}" for action, count in report.counts.items())
    outcomes: dict[str, int] = {}
    for step in report.steps:
        outcomes[step.outcome] = outcomes.get(step.outcome, 0) + 1
    if outcomes.keys() == {"done"}:
        return f"{actions}: all done."
    return f"{actions}: {', '.join(f'{count:,} {outcome}' for outcome, count in outcomes.items())}."


def _writes(caption: str, steps: tuple[StepReport, ...], *, folded: bool) -> Table:
    """With the time that each took, where anybody has measured it: istioctl and helm do not tell."""
    timed = any(step.seconds for step in steps)
    took = (Column("took", Style.NUMBER),) if timed else ()
    columns = (Column("action", Style.WORD), Column("outcome", Style.WORD), *took, Column("object", Style.CODE))
    rows = tuple(
        (
            Cell(step.action),
            Cell(step.outcome, tone_of(step.outcome)),
            *((Cell(duration(step.seconds)),) if timed else ()),
            Cell(step.object, below=(step.reason,) if step.reason else ()),
        )
        for step in steps
    )
    return Table(caption, columns, rows, folded=folded, heads=None, flows=True)


def _probes(probes: tuple[ProbeReport, ...]) -> Iterator[Block]:
    columns = (Column("phase", Style.WORD), Column("sent", Style.NUMBER), Column("failed", Style.NUMBER))
    for probe in probes:
        rows = tuple(
            (
                Cell(phase.phase),
                Cell(f"{phase.sent:,}"),
                Cell(f"{phase.failed:,}", Tone.BAD if phase.failed else Tone.PLAIN),
            )
            for phase in probe.phases
        )
        yield Title(probe.probe)
        yield Prose(_counts(probe), Tone.BAD if probe.failed else Tone.PLAIN)
        yield Table(f"requests of the probe {probe.probe} by phase", columns, rows)


def _counts(probe: ProbeReport) -> str:
    gap = f" The longest time without an answer: {duration(probe.longest_gap)}." if probe.longest_gap else ""
    first = f" The first failure: {probe.first_failure}." if probe.first_failure else ""
    return f"{counted(probe.sent, 'request')}, {_none(probe.failed)} failed.{first}{gap}"


def _restarts(report: Report) -> Iterator[Block]:
    if not report.restarts:
        return
    columns = (Column("outcome", Style.WORD), Column("proxy", Style.WORD), Column("workload", Style.CODE))
    rows = tuple(
        (
            Cell(one.outcome, tone_of(one.outcome)),
            Cell(" to ".join(dict.fromkeys(text for text in (one.before, one.after) if text))),
            Cell(one.object, below=(one.reason,) if one.reason else ()),
        )
        for one in report.restarts
    )
    caption = f"all {counted(len(rows), 'workload')}"
    yield Table(caption, columns, rows, folded=len(rows) > _OPEN, heads=None, flows=True)


def _checks(checks: tuple[CheckReport, ...]) -> Iterator[Block]:
    if checks:
        columns = (Column("outcome", Style.WORD), Column("check"), Column("what"))
        rows = tuple((Cell(one.outcome, tone_of(one.outcome)), Cell(one.check), Cell(one.detail)) for one in checks)
        yield Table("checks of the mesh afterwards", columns, rows, heads=1, flows=True)


def _proof(report: Report) -> Iterator[Block]:
    proof = report.proof
    if proof is None:
        return
    often = f" It took {proof.reads:,} readings of the cluster." if proof.reads and proof.reads > 1 else ""
    found = f"{counted(proof.identical, 'object')} identical, {_none(len(proof.kept))} kept as they are"
    yield Prose(f"{found}, {_none(len(proof.residual))} left different.{often}")
    if proof.residual:
        yield _left("objects that still differ", proof.residual, "change")
    if proof.kept:
        yield _left("objects that were kept as they are, and why", proof.kept, "why")


def _none(count: int) -> str:
    return f"{count:,}" if count else "none"


def _left(caption: str, objects: Iterable[LeftReport], why: str) -> Table:
    columns = (Column("object", Style.CODE), Column(why))
    rows = tuple((Cell(one.object), Cell(one.reason, below=one.fields)) for one in objects)
    return Table(caption, columns, rows, folded=len(rows) > _OPEN, flows=True)


def _difference(report: Report) -> Iterator[Block]:
    comparison = report.difference
    if comparison is None or report.before is None or report.after is None:
        return
    text = summary(comparison)
    yield Prose(f"{text[:1].upper()}{text[1:]}.")
    if comparison.not_compared:
        yield Points("not compared", comparison.not_compared)
    if comparison.diffs:
        yield Changes(comparison, f"kubectl istio-upgrade diff {report.before.short} {report.after.short}")


def _attempts(report: Report) -> Iterator[Block]:
    if len(report.attempts) < 2 and report.ending is not Ending.UNFINISHED:
        return
    columns = (
        Column("command", Style.WORD),
        Column("begun", Style.CODE),
        Column("writes", Style.NUMBER),
        Column("by", Style.CODE),
    )
    rows = tuple(
        (Cell(one.command), Cell(_moment(one.started)), Cell(_number(one.writes)), Cell(one.holder))
        for one in report.attempts
    )
    yield Table("runs of the operation, in order", columns, rows)


def _moment(time: datetime | None) -> str:
    return moment(time) if time else ""


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
