"""Looking at every workload of the mesh: would the API server create other pods for it now?

It is asked: for each workload a pod is created from its template as a dry run, through admission and so through the
injector, and compared with the pods that run. Where pods may not be created even so, what can be read has to do, and
the result says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ..apply.doubt import WEBHOOK_DOWN
from ..apply.execution import PARALLEL
from ..capture import Capture
from ..errors import ApiError, ForbiddenError
from ..models.changes import Change, FieldChange, FieldOp, ObjectDiff
from ..models.objects import Body, Key
from ..models.plans import PlannedChange
from ..models.restarts import Currency, Workload
from ..normalise.inventory import PROXY, proxy_image
from ..normalise.objects import split
from ..plan.currency import Verdict, judged, next_pod, revision, same_pod
from ..plan.disruption import takes_away
from ..plan.injectors import Injectors
from ..ports import ClusterWriter
from ..rules.components import component_of
from ..rules.restarts import NOT_KNOWN, NOT_RESTARTABLE, OBSTACLES
from .disruption import Budgets
from .podgroups import WORKLOADS, Group, Owners, mesh_pods
from .session import WritingSession
from .webhooks import PODS, find_dead_webhooks

NOT_ALLOWED = "compared by image and revision only: pods may not be created there, not even as a dry run"
NO_TEMPLATE = "compared by image and revision only: there is no template to make pods from"
NOT_TAKEN = "compared by image and revision only: the server would not take its pods"
UNSURE = "it has no proxy; whether new pods would get one is not known"
SILENT = "its injector does not answer"
AUTO = "auto"
"""The image of a gateway's container that an injector has to fill in."""

QUOTA = "exceeded quota"
"""The API server's words when a ResourceQuota is used up."""


def survey(session: WritingSession, captured: Capture, keys: Collection[Key] | None = None) -> tuple[Workload, ...]:
    """Every workload with a proxy, or that should have one; sorted by namespace, kind and name. Changes nothing.

    With `keys` only those are looked at. Raises ClusterError when pods or what owns them cannot be read.
    """
    dead = find_dead_webhooks(session.reader, captured, captured.state)
    injectors = Injectors(captured.state, dead)
    pods = mesh_pods(session.reader, captured, injectors)
    groups = [each for each in Owners(session.reader).grouped(pods) if keys is None or each.key in keys]
    surveyor = _Surveyor(session, injectors, session.connect_writer(), Budgets(session.reader))
    with session.progress.phase("looking at the workloads", total=len(groups)) as advance:
        pool = ThreadPoolExecutor(PARALLEL)
        try:
            found = []
            for workload in pool.map(surveyor.workload, groups):
                found.append(workload)
                advance(1)
        finally:  # also on Ctrl-C: what is queued is given up, what is in flight changes nothing
            pool.shutdown(wait=False, cancel_futures=True)
    return tuple(sorted((each for each in found if each), key=lambda each: (each.key.namespace, each.kind, each.key)))


def still_stale(session: WritingSession, captured: Capture, changes: Sequence[PlannedChange]) -> tuple[ObjectDiff, ...]:
    """Workloads that were restarted, and whose pods are not those that would be created now; with what differs."""
    keys = {change.key for change in changes if change.restart}
    found = survey(session, captured, keys) if keys else ()
    return tuple(_residual(each) for each in found if each.currency.is_stale)


def _residual(workload: Workload) -> ObjectDiff:
    fields = tuple(FieldChange(FieldOp.REPLACE, ("pods", reason)) for reason in workload.reasons)
    component = component_of(workload.live) if workload.live else ""
    return ObjectDiff(workload.key, Change.CHANGED, component, workload.live, workload.live, None, None, fields)


@dataclass(frozen=True)
class _Judgement:
    """A verdict, and how it was come by."""

    verdict: Verdict | None
    """None for pods that have nothing to do with the mesh."""
    notes: tuple[str, ...] = ()
    refused: str = ""
    """Why new pods would not start."""


@dataclass(frozen=True)
class _Surveyor:
    """Judges one group of pods after another; safe for threads."""

    session: WritingSession
    injectors: Injectors
    writer: ClusterWriter
    budgets: Budgets

    def workload(self, group: Group) -> Workload | None:
        """The verdict; None for pods that have nothing to do with the mesh."""
        if any(_is_ztunnel(pod) for pod in group.pods):
            return None
        pods = group.present or group.pods
        judgement = self._judgement(group.body, pods)
        if judgement.verdict is None:
            return None
        found = Workload(
            key=group.key,
            kind=group.kind,
            pods=len(pods),
            currency=judgement.verdict.currency,
            reasons=judgement.verdict.reasons,
            notes=judgement.notes,
            obstacle=NOT_RESTARTABLE.get(group.kind, NOT_KNOWN.format(kind=group.kind)),
            proxies=tuple(sorted({proxy_image(pod) for pod in pods} - {""})),
            proxy=judgement.verdict.proxy,
        )
        if group.body is None or group.kind not in WORKLOADS:
            return found
        type_ = WORKLOADS[group.kind]
        live = self.session.secrets.withheld(split(group.body, type_))
        obstacle, gateway = self._obstacle(group, judgement), _is_gateway(group.body)
        return replace(found, obstacle=obstacle, gateway=gateway, live=live, type=type_)

    def _obstacle(self, group: Group, judgement: _Judgement) -> str:
        """Why a workload is not restarted; "" where it can be."""
        body = group.body or {}
        if why := next((row.why for row in OBSTACLES if row.holds(body)), ""):
            return why
        if not group.present:
            return "a rollout of it is on its way"
        stale = judgement.verdict is not None and judgement.verdict.currency.is_stale
        return judgement.refused or (self.budgets.never(body) if stale else "")

    def _judgement(self, body: Body | None, pods: list[Body]) -> _Judgement:
        if body is None and any(map(proxy_image, pods)):
            bare = {**pods[0], "spec": {}}
            return _Judgement(self._by_reading(bare, pods), (NO_TEMPLATE,))
        wanted = next_pod(body, pods[0]) if body else same_pod(pods[0])
        namespace, labels = wanted["metadata"]["namespace"], wanted["metadata"]["labels"]
        silent = self.injectors.silent(self.injectors.of(namespace, labels))
        if silent:
            return _Judgement(self._by_reading(wanted, pods), (NOT_TAKEN,), f"{SILENT}: {silent.why}")
        try:
            made = self.writer.create(PODS, Key("", "pods", namespace, ""), wanted, dry_run=True)
        except ForbiddenError:
            return _Judgement(self._by_reading(wanted, pods), (NOT_ALLOWED,))
        except ApiError as error:
            if not _is_refusal(error):
                raise
            # Pods that go before others come make room in a quota for them.
            passes = QUOTA in error.message and body is not None and takes_away(body) > 0
            refused = "" if passes else f"its new pods would be refused: {error.message}"
            return _Judgement(self._by_reading(wanted, pods), (f"{NOT_TAKEN}: {error.message}",), refused)
        if not proxy_image(made) and not any(map(proxy_image, pods)):
            return _Judgement(None)
        return _Judgement(judged(pods, made))

    def _by_reading(self, wanted: Body, pods: list[Body]) -> Verdict | None:
        """By image and revision alone, from the values of the injector that would be asked; None for other pods."""
        metadata = wanted["metadata"]
        injector = self.injectors.of(metadata["namespace"], metadata.get("labels") or {})
        images, own = {proxy_image(pod) for pod in pods} - {""}, proxy_image(wanted)
        if not images:
            return Verdict(Currency.UNKNOWN, (UNSURE,)) if injector else None
        if injector is None:
            return _of_image(images, "" if own == AUTO else own)
        expected = self.injectors.image(injector, metadata.get("annotations") or {})
        if not expected:
            return Verdict(Currency.UNKNOWN, ("the values of its injector name no proxy image",))
        found = _of_image(images, expected)
        revisions = sorted({revision(pod) for pod in pods} - {injector.revision, ""})
        reasons = (*found.reasons, *(f"revision {name}, now {injector.revision}" for name in revisions))
        return Verdict(Currency.OUT_OF_DATE, reasons, expected) if reasons else found


def _of_image(images: set[str], expected: str) -> Verdict:
    if not expected:
        why = f"it runs {', '.join(sorted(images))}; no injector would be asked about new pods"
        return Verdict(Currency.STRAY, (why,))
    reasons = tuple(f"{PROXY}: image {image}, now {expected}" for image in sorted(images - {expected}))
    return Verdict(Currency.OUT_OF_DATE if reasons else Currency.CURRENT, reasons, expected)


def _is_refusal(error: ApiError) -> bool:
    """Whether the server has said no to the pod, rather than being out of order itself."""
    return error.status in (400, 403, 422) or WEBHOOK_DOWN in error.message


def _is_gateway(workload: Body) -> bool:
    """Whether its proxy is a gateway: the workload's own container, not beside an application."""
    spec = workload["spec"]["template"]["spec"]
    return any(each.get("name") == PROXY for each in spec.get("containers") or ())


def _is_ztunnel(pod: Body) -> bool:
    """ztunnel's container is called like a sidecar's."""
    return "/ztunnel:" in proxy_image(pod)
