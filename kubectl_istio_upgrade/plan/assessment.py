"""May this mesh be upgraded, and can it come back? Every check, in order, on what was gathered before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from ..errors import UsageError
from ..models.assessments import Assessment, Running, Versions
from ..models.evidence import Evidence
from ..models.findings import Finding, Severity, Skipped, Unknown
from ..models.installations import Component, Part
from ..models.releases import Release
from ..rules.findings import CODES, ISTIOCTL_CODE
from ..rules.releases import LINES
from ..rules.upgrade_notes import NOTES
from .checks import authority, kubernetes, managing, notes, rolling, room, settings, standing, versions, way_back
from .checks.case import Case, Check
from .installation import installation_of
from .phases import planned_phases

GO_ON = "do what the table says"

CHECKS: tuple[Check, ...] = (
    standing.at_work,
    versions.control_planes,
    versions.way,
    versions.support,
    kubernetes.window,
    kubernetes.stored_versions,
    kubernetes.gateway_api,
    versions.proxies,
    versions.agents,
    managing.managers,
    managing.methods,
    managing.releases,
    settings.proof,
    rolling.rollouts,
    room.room,
    rolling.replicas,
    standing.permissions,
    standing.webhooks,
    authority.change,
    authority.ending,
    authority.since_snapshot,
    standing.hidden,
    standing.clusters,
    notes.notes,
)
"""In the order in which people want to know."""

WAY_BACK: tuple[Check, ...] = (
    way_back.definitions,
    way_back.secrets,
    way_back.authority,
    way_back.hosts,
    way_back.proxies,
    way_back.data,
    way_back.owners,
    way_back.gateway_api,
    way_back.dry_runs,
)

_NOT_FOR_THE_STANDING = (versions.way, versions.support, managing.releases, notes.notes)
_SEVERITIES = [*Severity]


def assess(
    evidence: Evidence, target: Release | None = None, revision: str = "", ignore: Collection[str] = ()
) -> Assessment:
    """Judge what was gathered. Without a target: is the mesh in order as it is?

    `ignore` are codes of findings that shall stop nothing; see `check_codes`. One that may not be ignored stops all the
    same.
    """
    case = Case(evidence, installation_of(evidence.state, evidence.workloads), target, revision)
    if target is None and case.current is not None:
        case = replace(case, target=case.current)
    checks = [check for check in CHECKS if target is not None or check not in _NOT_FOR_THE_STANDING]
    results = [result for check in checks for result in check(case)]
    results += evidence.told
    findings = [each for each in results if isinstance(each, Finding)]
    line = LINES.get(case.target.minor) if case.target else None
    return Assessment(
        cluster=evidence.cluster,
        root_namespace=evidence.root_namespace,
        current=case.current,
        target=target,
        revision=revision,
        versions=_versions(case),
        installation=case.installation,
        findings=tuple(sorted((_ignored(each, ignore) for each in findings), key=_rank)),
        way_back=tuple(_way_back(case)) if target is not None else (),
        notes=notes.read(case),
        skipped=tuple(each for each in results if isinstance(each, Skipped)),
        phases=planned_phases(case) if target is not None else (),
        kubernetes=line.kubernetes if line else None,
    )


def check_codes(codes: Collection[str]) -> None:
    """Refuse codes that nothing has, or that may not be ignored. Raises UsageError."""
    known = {*CODES, *(note.code for note in NOTES if not note.unseen)}
    for code in codes:
        if code in CODES and not CODES[code].ignorable:
            raise UsageError(f"{code} cannot be ignored: {CODES[code].means}")
        if code not in known and not ISTIOCTL_CODE.fullmatch(code):
            near = get_close_matches(code, known, n=3)
            hint = (
                f"did you mean {', '.join(near)}?"
                if near
                else "a code is what follows the severity in the table of `precheck`"
            )
            raise UsageError(f"there is no finding {code!r} to ignore", hint=hint)


def _ignored(finding: Finding, codes: Collection[str]) -> Finding:
    ignorable = finding.code not in CODES or CODES[finding.code].ignorable
    return replace(finding, ignored=True) if finding.code in codes and ignorable else finding


def _rank(finding: Finding) -> tuple[int, bool]:
    return _SEVERITIES.index(finding.severity), finding.ignored


def _way_back(case: Case) -> Iterator[Finding]:
    for check in WAY_BACK:
        yield from (each for each in check(case) if isinstance(each, Finding))


def _versions(case: Case) -> Versions:
    workloads, connected = case.evidence.workloads, case.evidence.connected
    proxies: Counter[str] = Counter()
    for workload in workloads:
        releases = {str(Release.of_image(image) or "") for image in workload.images}
        proxies[", ".join(sorted(releases))] += workload.pods
    return Versions(
        control_planes=tuple(_running(each) for each in case.installation.of(Part.CONTROL_PLANE)),
        proxies=dict(sorted(proxies.items())),
        workloads=len(workloads),
        agents=_agents(case),
        connected=None if isinstance(connected, Unknown) else dict(Counter(connected.proxies.values())),
        client="" if isinstance(connected, Unknown) else connected.client,
    )


def _running(component: Component) -> Running:
    status = component.obj.body.get("status") or {}
    wanted = int(component.obj.body.get("spec", {}).get("replicas", 1))
    return Running(component.revision, component.version, int(status.get("availableReplicas", 0)), wanted)


def _agents(case: Case) -> Mapping[str, str]:
    parts = case.installation.of(Part.CNI, Part.ZTUNNEL)
    return {str(each.part): str(each.version or "unknown") for each in parts}


def way_on(found: Assessment) -> str:
    """What to do about blockers; the options that ignore them where all may be."""
    codes = dict.fromkeys(finding.code for finding in found.blockers)
    if any(code in CODES and not CODES[code].ignorable for code in codes):
        return GO_ON
    options = " ".join(f"--ignore {code}" for code in codes)
    return f"{GO_ON}; to go on all the same, knowing what that means: {options}"
