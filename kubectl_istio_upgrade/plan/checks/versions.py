"""Is the way from the one release to the other one that Istio supports, and do all parts go along?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...models.findings import About, Finding, Severity, Skipped, Unknown
from ...models.installations import Component, Part
from ...models.releases import Release
from ...models.snapshots import WorkloadProxy
from ...rules.releases import BEHIND, DOWNGRADE_STEP, LINES, NEWEST, REVISION_STEP, UPGRADE_STEP
from .case import Case, found

IN_PLACE = "istio.io/docs/setup/upgrade/in-place"
CANARY = "istio.io/docs/setup/upgrade/canary"
SKEW = "istio.io/docs/releases/supported-releases, control plane/data plane skew"
AGENT_SKEW = "istio.io/docs/ambient/upgrade/helm"


def control_planes(case: Case) -> Iterator[Finding | Skipped]:
    """Which istiod there is, and which one is meant."""
    planes = case.installation.of(Part.CONTROL_PLANE)
    if not planes:
        where = case.evidence.root_namespace
        yield found("no-control-plane", f"there is no istiod in namespace {where}", "pass --root-namespace NS")
    if len(planes) > 1 and case.plane:
        told = ", ".join(f"{plane.revision or 'default'} {plane.version or 'of unknown release'}" for plane in planes)
        what = f"there are {len(planes)} control planes: {told}; this is about {case.plane.revision or 'default'}"
        do = "--revision NAME is about another one, or about a new one"
        yield found("several-revisions", what, do, (plane.obj for plane in planes))
    unknown = [each for each in case.installation.components if each.version is None and not _waits(each)]
    if unknown:
        what = "the image's tag is no release of Istio, so nothing is known about its version"
        do = "compare it by hand: no newer than the target, and no more than one minor release older"
        yield found("version-unknown", what, do, (each.obj for each in unknown))


def _waits(component: Component) -> bool:
    """A gateway without pods has no image yet."""
    return component.part is Part.GATEWAY


def way(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the jump is one that Istio supports."""
    current, target = case.current, case.target
    if current is None or target is None:
        return
    if target == current:
        what = f"istiod is of {target} already: an upgrade would bring along what is not"
        yield found("same-release", what)
    elif target.rank < current.rank:
        yield _downgrade(current, target)
    step = (UPGRADE_STEP if case.in_place else REVISION_STEP) if target.rank > current.rank else DOWNGRADE_STEP
    distance = target.minor - current.minor
    if target.major != current.major:
        yield found("jump-too-far", f"{current} to {target} crosses a major release", "see its upgrade guide")
    elif abs(distance) > step:
        yield _too_far(current, target, step, case)


def _downgrade(current: Release, target: Release) -> Finding:
    do = "`kubectl istio-upgrade rollback` takes the mesh back to a snapshot, its configuration included"
    if current.minor - target.minor <= DOWNGRADE_STEP:
        do += "; --ignore downgrade installs the older release over the newer one, as Istio's guide does"
    return found("downgrade", f"{target} is older than {current}, which runs now", do, source=IN_PLACE)


def _too_far(current: Release, target: Release, step: int, case: Case) -> Finding:
    direction = 1 if target.minor > current.minor else -1
    between = [f"1.{minor}" for minor in range(current.minor + direction, target.minor, direction)]
    how = "in place" if case.in_place else "by a new revision"
    what = f"{current} to {target} skips {_listed(between)}: {how}, {_minors(step)} may be crossed at a time"
    do = f"go by way of {', then '.join(between)}, then {target.line}"
    if case.in_place and direction > 0 and abs(target.minor - current.minor) == REVISION_STEP:
        do += "; or beside it, with --revision NAME, which may cross two"
    return found("jump-too-far", what, do, source=IN_PLACE if case.in_place else CANARY)


def _minors(count: int) -> str:
    return "one minor release" if count == 1 else f"{count} minor releases"


def _listed(names: list[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def support(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the target is known, and still supported."""
    target = case.target
    if target is None:
        return
    line = LINES.get(target.minor) if target.major == 1 else None
    if line is None:
        known = f"1.{min(LINES)} to 1.{NEWEST}"
        what = f"this program knows Istio {known}: what {target.line} changed and needs is not looked for"
        yield found("release-unknown", what, f"read its upgrade notes: istio.io/news/releases/{target.line}.x")
    elif line.ends and line.ends < case.evidence.taken.date():
        newer = [f"1.{each.minor}" for each in LINES.values() if not each.ends or each.ends > line.ends]
        what = f"support for Istio {target.line} ended on {line.ends}: no more security fixes"
        yield found("release-ended", what, f"go on to {', then '.join(newer)}" if newer else "", source=line.source)


@dataclass(frozen=True)
class _Distance:
    """How far a proxy or an agent may be from the target.

    What is of the present control plane's minor release goes the way of that, of which `way` has spoken.
    """

    target: Release
    current: Release | None

    def newer(self, release: Release) -> bool:
        return release.minor > max(self.target.minor, self.current.minor if self.current else 0)

    def too_old(self, release: Release) -> bool:
        behind_already = self.current is None or release.minor < self.current.minor
        return behind_already and self.target.minor - release.minor > BEHIND


def proxies(case: Case) -> Iterator[Finding | Skipped]:
    """Whether the proxies that the new istiod will serve are near enough to it.

    With a new revision nobody is served by it before being restarted with its own proxy.
    """
    yield from _rolling(case.evidence.workloads)
    if case.target is None or not case.in_place:
        return
    distance = _Distance(case.target, case.current)
    served = [each for each in case.evidence.workloads if _is_served(each, case)]
    about = {each: [release for image in each.images if (release := Release.of_image(image))] for each in served}
    newer = [_about(each) for each, releases in about.items() if any(map(distance.newer, releases))]
    older = [_about(each) for each, releases in about.items() if any(map(distance.too_old, releases))]
    newer += [proxy for proxy, release in _outside(case) if distance.newer(release)]
    older += [proxy for proxy, release in _outside(case) if distance.too_old(release)]
    yield from _skew("proxy", case.target, newer, older, "restart these workloads first, so that they get the proxy of")


def _rolling(workloads: Iterable[WorkloadProxy]) -> Iterator[Finding]:
    if mixed := [_about(each) for each in workloads if len(each.images) > 1]:
        what = "its pods have proxies of more than one image: a rollout has not come to its end, or was stopped"
        yield found("proxy-rolling", what, "let it finish, or restart it", mixed)


def _is_served(workload: WorkloadProxy, case: Case) -> bool:
    revisions = {case.installation.tags.get(revision, revision) for revision in workload.revisions}
    ours = case.plane.revision if case.plane else ""
    return not revisions or ours in revisions


def _about(workload: WorkloadProxy) -> About:
    return About(workload.kind, workload.namespace, workload.name)


def _outside(case: Case) -> Iterator[tuple[About, Release]]:
    """Connected proxies that are no pod of this cluster: of virtual machines, or of other clusters."""
    connected, pods = case.evidence.connected, case.evidence.pods
    if isinstance(connected, Unknown) or isinstance(pods, Unknown):
        return
    known = {f"{pod['metadata']['name']}.{pod['metadata'].get('namespace', '')}" for pod in pods}
    for proxy, version in sorted(connected.proxies.items()):
        if proxy not in known and (release := Release.parse(version)):
            name, _, namespace = proxy.partition(".")
            yield About("Proxy", namespace, name), release


def _skew(what: str, target: Release, newer: list[About], older: list[About], remedy: str) -> Iterator[Finding]:
    source = SKEW if what == "proxy" else AGENT_SKEW
    if newer:
        text = f"newer than {target.line}: a control plane must never be older than what it serves"
        yield found(f"{what}-newer", text, "upgrade to their release or a newer one", newer, source=source)
    if older:
        text = f"more than one minor release older than {target.line}"
        yield found(f"{what}-too-old", text, f"{remedy} the present release", older, source=source)


def agents(case: Case) -> Iterator[Finding | Skipped]:
    """Whether ztunnel and the CNI node agent are near enough to the new istiod; neither can be canaried."""
    parts = case.installation.of(Part.CNI, Part.ZTUNNEL)
    if case.target is None or not parts:
        return
    distance = _Distance(case.target, case.current)
    newer = [About.of(each.obj) for each in parts if each.version and distance.newer(each.version)]
    older = [About.of(each.obj) for each in parts if each.version and distance.too_old(each.version)]
    yield from _skew("agent", case.target, newer, older, "upgrade them first to")
    if case.installation.is_ambient:
        what = "in the ambient mesh istiod comes first, then the CNI node agent, then ztunnel, gateways and waypoints"
        yield found("ambient-order", what, severity=Severity.INFO, source=AGENT_SKEW)
