"""An assessment for people and for programs: the table of findings, and what is known of the mesh and the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from ..models.assessments import Assessment, Running
from ..models.findings import Finding, Severity
from ..models.installations import Installation, Part
from ..models.objects import Json
from ..rules.findings import ISTIOCTL_CODE
from .names import harmless, plural
from .terminal import Terminal
from .wrapping import wrapped

_COLOURS = {Severity.BLOCKER: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_WIDTH = 14
_INDENT = " " * 9
_OBJECTS_SHOWN = 6
_NARROWEST, _IN_A_PIPE, _WIDEST = 40, 80, 100


def print_assessment(out: Terminal, found: Assessment, where: str) -> None:
    """From what to what, how, what is in the way, what will be done, and whether there is a way back."""
    out.prose(f"upgrade {found.current or 'unknown'} to {found.target}, {where}", "plan: ", bold=True)
    for name, text in _facts(found):
        _print_fact(out, name, text)
    out.line()
    print_findings(out, found)
    if found.phases:
        out.line()
        out.line(out.style("what will be done", bold=True))
        for number, phase in enumerate(found.phases, start=1):
            _print_wrapped(out, f"{number:>2} {phase.phase:<14}", phase.does)
    out.line()
    _print_way_back(out, found)


def print_findings(out: Terminal, found: Assessment) -> None:
    """The table: severity, code, object, and below it the message; then the totals."""
    shown = (finding for finding in found.findings if not _is_note_of_istioctl(finding))
    for _, group in groupby(shown, key=_told_together):
        _print_together(out, list(group))
    notes = [finding for finding in found.findings if _is_note_of_istioctl(finding)]
    if notes:
        codes = Counter(finding.code for finding in notes)
        told = ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))
        _print_wrapped(out, f"{'info':<9}", f"{plural(len(notes), 'note')} of istioctl: {told}; -o json lists them")
    for skipped in found.skipped:
        _print_wrapped(out, f"{'skipped':<9}", f"{skipped.check}: {skipped.why}")
    for lead, text in _notes_read(found):
        _print_wrapped(out, lead, text)
    out.prose(totals(found))


def totals(found: Assessment) -> str:
    """`1 blocker, 3 warnings, 2 ignored`."""
    parts = [plural(found.count(each), str(each)) for each in (Severity.BLOCKER, Severity.WARNING)]
    ignored = sum(1 for finding in found.findings if finding.ignored)
    parts += [f"{ignored} ignored"] if ignored else []
    parts += [f"{plural(len(found.skipped), 'check')} skipped"] if found.skipped else []
    return ", ".join(parts)


def _is_note_of_istioctl(finding: Finding) -> bool:
    """Such as IST0102, which `analyze` has for every namespace without injection."""
    return finding.severity is Severity.INFO and ISTIOCTL_CODE.fullmatch(finding.code) is not None


def _told_together(finding: Finding) -> tuple[str, ...]:
    """istioctl has a message of one code for each object, and the page about it is the same."""
    own = () if ISTIOCTL_CODE.fullmatch(finding.code) else (finding.what,)
    return (str(finding.severity), str(finding.ignored), finding.code, *own)


def _print_together(out: Terminal, findings: Sequence[Finding]) -> None:
    first, *others = findings
    if not others:
        _print_finding(out, first)
        return
    _print_head(out, first, f"{len(findings)} times")
    for finding in findings:
        about = ", ".join(str(each) for each in finding.objects)
        _print_wrapped(out, f"{_INDENT}- ", f"{about}: {finding.what}" if about else finding.what)
    if first.source:
        out.prose(first.source, f"{_INDENT}see: ")


def _print_head(out: Terminal, finding: Finding, about: str) -> None:
    severity = "ignored" if finding.ignored else str(finding.severity)
    colour = {} if finding.ignored else {"fg": _COLOURS[finding.severity]}
    out.prose(about, f"{out.style(f'{severity:<8}', **colour)} {finding.code:<22} ")


def _print_finding(out: Terminal, finding: Finding) -> None:
    first, *others = [str(about) for about in finding.objects] or [""]
    _print_head(out, finding, f"{first} and {len(others)} more" if others else first)
    _print_wrapped(out, _INDENT, finding.what)
    if others:
        listed = ", ".join(others[: _OBJECTS_SHOWN - 1])
        rest = len(others) - (_OBJECTS_SHOWN - 1)
        _print_wrapped(out, f"{_INDENT}also: ", f"{listed} and {rest} more" if rest > 0 else listed)
    for line in finding.do.splitlines():
        _print_wrapped(out, f"{_INDENT}do: ", line)
    if finding.source:
        out.prose(finding.source, f"{_INDENT}see: ")


def _print_wrapped(out: Terminal, lead: str, text: str) -> None:
    whole = min(out.width, _WIDEST) if out.is_terminal else _IN_A_PIPE
    width = max(_NARROWEST, whole - len(lead))
    first, *others = wrapped(harmless(text), width) or [""]
    out.line(f"{lead}{first}")
    for line in others:
        # A command that is too long begins further left, if that helps, as far as the text above it does.
        hang = len(lead) if len(line) <= width else min(len(lead), len(_INDENT))
        out.line(f"{' ' * hang}{line}")


def _print_fact(out: Terminal, name: str, text: str) -> None:
    _print_wrapped(out, f"{name + ':':<{_WIDTH}} ", text)


def _facts(found: Assessment) -> Iterator[tuple[str, str]]:
    versions = found.versions
    yield "control plane", "; ".join(map(_running, versions.control_planes)) or "none"
    yield "proxies", _counted(versions.proxies) or "none"
    if versions.agents:
        yield "node agents", ", ".join(f"{name} {version}" for name, version in versions.agents.items())
    if versions.connected is not None:
        yield "connected", _counted(versions.connected, "proxy", "proxies") or "no proxy"
    yield "kubernetes", _kubernetes(found)
    yield "installed", _installed(found.installation)
    if found.revision:
        yield "new revision", found.revision


def _running(plane: Running) -> str:
    return (
        f"{plane.version or 'unknown'} (revision {plane.revision or 'default'}, {plane.ready} of {plane.wanted} ready)"
    )


def _counted(counts: Mapping[str, int], one: str = "pod", many: str = "pods") -> str:
    return ", ".join(
        f"{version or 'unknown'}: {count} {one if count == 1 else many}" for version, count in sorted(counts.items())
    )


def _kubernetes(found: Assessment) -> str:
    version = found.cluster.server_version
    if found.kubernetes is None or found.target is None:
        return version
    first, last = found.kubernetes
    return f"{version} (Istio {found.target.line} supports 1.{first} to 1.{last})"


def _installed(installation: Installation) -> str:
    parts = []
    for method in installation.methods:
        mine = [each for each in installation.components if each.method is method]
        counts = Counter(each.part for each in mine)
        names = [f"{counts[part]} {part}s" if counts[part] > 1 else str(part) for part in Part if counts[part]]
        parts.append(f"by {method}: {', '.join(names)}")
    if installation.releases:
        parts.append("releases " + ", ".join(f"{each.name} ({each.shown})" for each in installation.releases))
    if installation.tags:
        parts.append("tags " + ", ".join(f"{tag} -> {revision}" for tag, revision in installation.tags.items()))
    return "; ".join(parts) or "nothing is found"


def _notes_read(found: Assessment) -> Iterator[tuple[str, str]]:
    for notes in found.notes:
        concern = (
            f"{notes.concern} concern" if notes.concern > 1 else "1 concerns" if notes.concern else "none concerns"
        )
        hidden = f"; {len(notes.unseen)} cannot be seen from here:" if notes.unseen else ""
        yield f"1.{notes.minor}: ", f"{plural(notes.looked_for, 'change')} looked for, {concern} this mesh{hidden}"
        yield from (("      ", unseen) for unseen in notes.unseen)


def _print_way_back(out: Terminal, found: Assessment) -> None:
    out.line(out.style("can I get back?", bold=True))
    if not found.way_back:
        out.line("yes: `kubectl istio-upgrade rollback` restores everything, and proves it")
        return
    out.line("`kubectl istio-upgrade rollback` restores every object, and proves it; but:")
    for finding in found.way_back:
        _print_finding(out, finding)


def assessment_data(found: Assessment) -> Json:
    """The same for programs."""
    return {
        "cluster": {"context": found.cluster.context, "uid": found.cluster.uid},
        "rootNamespace": found.root_namespace,
        "from": str(found.current) if found.current else None,
        "to": str(found.target) if found.target else None,
        "revision": found.revision,
        "blocked": bool(found.blockers),
        "versions": _versions_data(found),
        "installation": _installation_data(found.installation),
        "findings": _findings_data(found.findings),
        "wayBack": _findings_data(found.way_back),
        "notes": [
            {
                "release": f"1.{notes.minor}",
                "lookedFor": notes.looked_for,
                "concern": notes.concern,
                "unseen": list(notes.unseen),
            }
            for notes in found.notes
        ],
        "skipped": [{"check": each.check, "reason": each.why} for each in found.skipped],
        "phases": [{"phase": str(each.phase), "does": each.does} for each in found.phases],
    }


def _versions_data(found: Assessment) -> Json:
    versions = found.versions
    return {
        "kubernetes": found.cluster.server_version,
        "controlPlanes": [
            {
                "revision": each.revision,
                "version": str(each.version) if each.version else None,
                "ready": each.ready,
                "wanted": each.wanted,
            }
            for each in versions.control_planes
        ],
        "proxies": dict(versions.proxies),
        "agents": dict(versions.agents),
        "connected": dict(versions.connected) if versions.connected is not None else None,
        "client": versions.client,
    }


def _installation_data(installation: Installation) -> Json:
    return {
        "methods": [str(method) for method in installation.methods],
        "components": [
            {
                "part": str(each.part),
                "kind": each.obj.kind,
                "namespace": each.obj.key.namespace,
                "name": each.obj.key.name,
                "revision": each.revision,
                "version": str(each.version) if each.version else None,
                "method": str(each.method),
            }
            for each in installation.components
        ],
        "releases": [
            {
                "name": each.name,
                "namespace": each.namespace,
                "chart": each.chart,
                "version": each.version,
                "wrapped": each.is_wrapped,
            }
            for each in installation.releases
        ],
        "tags": dict(installation.tags),
    }


def _findings_data(findings: Iterable[Finding]) -> Json:
    return [
        {
            "severity": str(finding.severity),
            "code": finding.code,
            "message": finding.what,
            "do": finding.do,
            "objects": [about._asdict() for about in finding.objects],
            "source": finding.source,
            "ignored": finding.ignored,
        }
        for finding in findings
    ]
