"""From what the cluster and istioctl say to the answer of each check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..models.releases import Release
from ..models.tools import Level, MeshVersions, ProxyStatus, ToolMessage
from ..models.validation import Check, CheckStatus, Validation
from ..models.webhooks import Backing, DeadWebhook, ServiceName
from ..rules.validation import CHECKS
from .skew import Member, Skew, skews

NONE = "there is no istiod"

MOST_DETAILS = 20
"""Lines that one check tells; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One workload of the installation."""

    name: str
    """`Deployment istio-system/istiod`."""
    unready: str = ""
    """Why it has not rolled out, or is no use; "" when all is well."""


@dataclass(frozen=True, slots=True)
class UnreadyPod:
    """A pod that is not ready, and why."""

    name: str
    why: str
    ours: bool
    """Whether it is the mesh that is not ready in it: the proxy, or a pod of the installation."""


@dataclass(frozen=True)
class Unanswered:
    """Something that could not be asked."""

    why: str


@dataclass(frozen=True)
class Evidence:
    """All that the checks are made from."""

    control_planes: Mapping[str, Release]
    """By revision, from the images of istiod."""
    istiods: tuple[Deployed, ...]
    components: tuple[Deployed, ...]
    pods: int
    unready: tuple[UnreadyPod, ...]
    services: Mapping[ServiceName, Backing]
    webhooks: int
    dead: tuple[DeadWebhook, ...]
    unseen: tuple[ServiceName, ...]
    """Services of webhooks that may not be looked at."""
    asking: int
    """Namespaces and pods that ask for injection."""
    dangling: tuple[str, ...]
    """Those whose revision no injector serves."""
    members: tuple[Member, ...]
    injected: int = 0
    """Pods with a proxy."""
    allow_skew: bool = False
    """Skew that Istio supports for a while is a warning."""
    follows: bool = False
    """Whatever lags behind its istiod will be restarted next, or stays so by somebody's wish: it is a warning."""
    reported: MeshVersions | Unanswered = field(default_factory=lambda: Unanswered("nobody was asked"))
    proxies: tuple[ProxyStatus, ...] | Unanswered = field(default_factory=lambda: Unanswered("nobody was asked"))
    messages: tuple[ToolMessage, ...] | Unanswered = field(default_factory=lambda: Unanswered("nobody was asked"))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: CheckStatus
    summary: str
    details: tuple[str, ...] = ()
    failing: tuple[str, ...] | None = None
    """What it fails for, by which it is known again: those of the details, or their subjects; None for all."""


def validated(evidence: Evidence) -> Validation:
    """Every check of the table, in its order."""
    checks = []
    for rule in CHECKS:
        answer = _JUDGES[rule.id](evidence)
        more = len(answer.details) - MOST_DETAILS
        details = (*answer.details[:MOST_DETAILS], *((f"and {more} more",) if more > 0 else ()))
        worst = answer.details if answer.failing is None else answer.failing
        failing = worst if answer.status is CheckStatus.FAILED else ()
        checks.append(Check(rule.id, rule.title, answer.status, answer.summary, details, failing))
    return Validation(tuple(checks))


def since(found: Validation, before: Mapping[str, Collection[str]]) -> Validation:
    """What failed before in the same words is told, and is no failure of what has been done since.

    `before` is what was found then; see `failures`.
    """
    return Validation(tuple(_since(check, before.get(check.id)) for check in found.checks))


def _since(check: Check, before: Collection[str] | None) -> Check:
    if check.status is not CheckStatus.FAILED or before is None or not set(check.failing) <= set(before):
        return check
    return replace(check, status=CheckStatus.WARNING, summary=f"{check.summary}, as before")


def failures(found: Validation) -> dict[str, tuple[str, ...]]:
    """For what each check fails that does."""
    return {check.id: check.failing for check in found.checks if check.status is CheckStatus.FAILED}


def _control_plane(evidence: Evidence) -> _Answer:
    if not evidence.istiods:
        return _Answer(CheckStatus.FAILED, NONE, (NONE,))
    releases = ", ".join(f"{name} {release}" for name, release in sorted(evidence.control_planes.items()))
    return _rolled_out(evidence.istiods, releases or "its images tell no release")


def _components(evidence: Evidence) -> _Answer:
    if not evidence.components:
        return _Answer(CheckStatus.OK, "there are none beside istiod")
    return _rolled_out(evidence.components, _all(len(evidence.components)))


def _rolled_out(deployed: Sequence[Deployed], well: str) -> _Answer:
    unready = tuple(f"{each.name}: {each.unready}" for each in deployed if each.unready)
    if unready:
        return _Answer(CheckStatus.FAILED, f"{len(unready)} of {len(deployed)} have not", unready)
    return _Answer(CheckStatus.OK, well)


def _pods(evidence: Evidence) -> _Answer:
    if not evidence.unready:
        return _Answer(CheckStatus.OK, _all(evidence.pods))
    ours = [pod for pod in evidence.unready if pod.ours]
    others = [pod for pod in evidence.unready if not pod.ours]
    details = tuple(f"{pod.name}: {pod.why}" for pod in (*ours, *others))
    summary = f"{len(evidence.unready)} of {evidence.pods} are not"
    if ours:
        names = tuple(pod.name for pod in ours)  # the kubelet's words change by themselves: back-off 1m20s, 2m40s
        return _Answer(CheckStatus.FAILED, summary, details, names)
    return _Answer(CheckStatus.WARNING, f"{summary}, but for reasons of their own: their proxies are", details)


def _services(evidence: Evidence) -> _Answer:
    without = tuple(str(name) for name, backing in evidence.services.items() if backing.known and not backing.ready)
    unseen = tuple(f"{name} may not be looked at" for name, each in evidence.services.items() if not each.known)
    if without:
        details = tuple(f"{name} has no ready endpoint" for name in without)
        summary = f"{len(without)} of {len(evidence.services)} have none"
        return _Answer(CheckStatus.FAILED, summary, (*details, *unseen), details)
    if unseen:
        return _Answer(CheckStatus.SKIPPED, f"{len(unseen)} of {len(evidence.services)} could not be checked", unseen)
    return _Answer(CheckStatus.OK, _all(len(evidence.services)))


def _webhooks(evidence: Evidence) -> _Answer:
    unseen = tuple(f"service {name} may not be looked at" for name in evidence.unseen)
    if evidence.dead:
        details = tuple(_silent(hook) for hook in evidence.dead)
        summary = f"{len(evidence.dead)} of {evidence.webhooks} are not"
        return _Answer(CheckStatus.FAILED, summary, (*details, *unseen), details)
    if unseen:
        return _Answer(CheckStatus.SKIPPED, "some could not be checked", unseen)
    return _Answer(CheckStatus.OK, _all(evidence.webhooks))


def _silent(hook: DeadWebhook) -> str:
    then = "fails closed" if hook.fails_closed else "fails open"
    return f"{hook.configuration.name}, {hook.webhook} ({then}): {hook.why}"


def _revisions(evidence: Evidence) -> _Answer:
    if evidence.dangling:
        summary = f"{len(evidence.dangling)} of {evidence.asking} that ask for a proxy ask nobody"
        return _Answer(CheckStatus.FAILED, summary, evidence.dangling)
    return _Answer(CheckStatus.OK, f"{_all(evidence.asking)} that ask for a proxy")


def _versions(evidence: Evidence) -> _Answer:
    if not evidence.control_planes:
        return _Answer(CheckStatus.SKIPPED, "the images of istiod tell no release")
    found = skews(evidence.control_planes, evidence.members)
    untold = [member.name for member in evidence.members if member.release is None]
    known = len(evidence.members) - len(untold)
    details = tuple(f"{name}: its image tells no release" for name in untold)
    if found:
        return _skewed(found, known, evidence, details)
    planes = sorted({str(release) for release in evidence.control_planes.values()})
    if len(planes) > 1:
        return _Answer(CheckStatus.WARNING, f"several control planes: {', '.join(planes)}; none is skewed", details)
    if untold:
        return _Answer(CheckStatus.WARNING, f"{len(untold)} of {len(evidence.members)} are not known", details)
    return _Answer(CheckStatus.OK, f"istiod is of {planes[0]}, and so are {_all(known)} beside it")


def _skewed(found: Sequence[Skew], known: int, evidence: Evidence, more: Iterable[str] = ()) -> _Answer:
    status = CheckStatus.FAILED
    if all((evidence.allow_skew and skew.allowed) or (evidence.follows and skew.lags) for skew in found):
        status = CheckStatus.WARNING
    summary = f"{len(found)} of {known} are of another release than their istiod"
    return _Answer(status, summary, (*(str(skew) for skew in found), *more))


def _reported(evidence: Evidence) -> _Answer:
    reported = evidence.reported
    if isinstance(reported, Unanswered):
        return _Answer(CheckStatus.SKIPPED, reported.why)
    if not reported.control_plane:
        why = reported.unreached or "it does not say why"
        return _Answer(CheckStatus.SKIPPED, f"istioctl reached no istiod: {why}")
    running = {each.revision or "default": Release.parse(each.version) for each in reported.control_plane}
    planes = {name: release for name, release in running.items() if release}
    other = [
        f"istiod of revision {name} reports {release}, its image says {image}"
        for name, release in planes.items()
        if (image := evidence.control_planes.get(name)) and image != release
    ]
    members = [Member(f"proxy {name}", Release.parse(text)) for name, text in sorted(reported.proxies.items())]
    found = skews(planes, members)
    if other:
        return _Answer(CheckStatus.FAILED, "istiod is not what its image says", tuple(other))
    if found:
        return _skewed(found, len(members), evidence)
    proxies = f"so do {_all(len(members))} proxies" if members else "no proxy is connected"
    return _Answer(CheckStatus.OK, f"istiod reports {_listed(planes.values())}; {proxies}")


def _all(count: int) -> str:
    return f"{count} of {count}"


def _listed(releases: Iterable[Release]) -> str:
    return ", ".join(sorted({str(release) for release in releases}))


def _synced(evidence: Evidence) -> _Answer:
    proxies = evidence.proxies
    if isinstance(proxies, Unanswered):
        return _Answer(CheckStatus.SKIPPED, proxies.why)
    stale = tuple(f"{each.proxy}: {', '.join(each.stale)} not accepted" for each in proxies if each.stale)
    if stale:
        return _Answer(CheckStatus.FAILED, f"{len(stale)} of {len(proxies)} have not", stale)
    if len(proxies) < evidence.injected:
        return _Answer(CheckStatus.WARNING, f"{len(proxies)} of {evidence.injected} pods with a proxy are connected")
    return _Answer(CheckStatus.OK, _all(len(proxies)))


def _analysis(evidence: Evidence) -> _Answer:
    messages = evidence.messages
    if isinstance(messages, Unanswered):
        return _Answer(CheckStatus.SKIPPED, messages.why)
    by_level = {level: [each for each in messages if each.level is level] for level in Level}
    counts = ", ".join(f"{len(found)} {level}" for level, found in by_level.items() if found)
    serious = (*by_level[Level.ERROR], *by_level[Level.WARNING])
    details = tuple(map(str, serious))
    if errors := by_level[Level.ERROR]:
        return _Answer(CheckStatus.FAILED, counts, details, tuple(map(str, errors)))
    if serious:
        return _Answer(CheckStatus.WARNING, counts, details)
    return _Answer(CheckStatus.OK, counts or "it finds nothing")


_JUDGES: Mapping[str, Callable[[Evidence], _Answer]] = {
    "control-plane": _control_plane,
    "components": _components,
    "pods": _pods,
    "services": _services,
    "webhooks": _webhooks,
    "revisions": _revisions,
    "versions": _versions,
    "reported": _reported,
    "synced": _synced,
    "analysis": _analysis,
}
