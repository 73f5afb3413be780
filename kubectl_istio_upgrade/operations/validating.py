"""Looking whether a mesh is as an upgrade should leave it. Reads the cluster and asks istioctl; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from ..apply.rollout import readiness
from ..capture import INJECTED_PODS, Capture
from ..errors import ToolError
from ..models.installations import Part
from ..models.objects import Body, MeshObject
from ..models.releases import Release
from ..models.validation import Validation
from ..models.webhooks import Backing, ServiceName
from ..normalise.inventory import PROXY, REVISION, has_ended
from ..plan.dead_webhooks import called_services, hook_count
from ..plan.injectors import INJECT, Injectors
from ..plan.installation import installation_of
from ..plan.skew import Member
from ..plan.validation import Deployed, Evidence, Unanswered, UnreadyPod, validated
from ..ports import Istioctl, ListQuery
from ..rules.fields import WORKLOADS
from ..rules.matching import has_any_label
from ..rules.scope import ISTIO_LABELS, is_namespace
from .explaining import what_ails
from .installation import as_served
from .session import Session
from .webhooks import PODS, backings_of, find_dead_webhooks

NO_ISTIOCTL = "there is no istioctl at hand: --istioctl PATH"
INJECTION = "istio-injection"

T = TypeVar("T")


def validate(
    session: Session,
    istioctl: Istioctl | None = None,
    *,
    captured: Capture | None = None,
    allow_skew: bool = False,
    follows: bool = False,
) -> Validation:
    """Every check, each with its answer.

    `captured` is a reading of the mesh that was made just now. With `allow_skew` a data plane that lags as far behind
    as Istio supports is a warning; with `follows`, one that lags at all. What istioctl cannot say is a check that was
    skipped. Raises ClusterError when the mesh cannot be read.
    """
    captured = captured or session.capture()
    with session.progress.phase("validating"):
        evidence = _Looking(session, captured).evidence(istioctl, allow_skew=allow_skew)
        return validated(replace(evidence, follows=follows))


def unready(captured: Capture) -> tuple[str, ...]:
    """The installation's workloads that have not rolled out, as their keys are written."""
    keys = sorted(key for key in captured.state.versions if key.resource in WORKLOADS)
    found = captured.state.load(keys)
    return tuple(str(key) for key, obj in found.items() if not readiness(as_served(obj)).ready)


class _Looking:
    """Gathers the evidence."""

    def __init__(self, session: Session, captured: Capture) -> None:
        self.session = session
        self.captured = captured
        self.live = captured.state
        installed = installation_of(self.live, captured.workloads)
        self.planes = installed.of(Part.CONTROL_PLANE)
        self.agents = installed.of(Part.CNI, Part.ZTUNNEL)
        self.istiods = [plane.obj for plane in self.planes]
        keys = {key for key in self.live.versions if key.resource in WORKLOADS} - {obj.key for obj in self.istiods}
        self.others = list(self.live.load(sorted(keys)).values())

    def evidence(self, istioctl: Istioctl | None, *, allow_skew: bool) -> Evidence:
        reader = self.session.reader
        called = backings_of(reader, self.captured, called_services(self.live))
        pods = self._pods()
        asking, dangling = self._revisions(pods)
        planes = {_revision(plane.obj): plane.version for plane in self.planes if plane.version}
        revisions = tuple(sorted(planes))
        return Evidence(
            control_planes=planes,
            istiods=tuple(self._deployed(obj) for obj in self.istiods),
            components=tuple(self._deployed(obj) for obj in self.others),
            pods=len(pods),
            unready=tuple(self._unready(pods)),
            services=self._services(),
            webhooks=hook_count(self.live),
            dead=find_dead_webhooks(reader, self.captured, self.live),
            unseen=tuple(service for service, backing in called.items() if not backing.known),
            asking=asking,
            dangling=dangling,
            members=tuple(self._members()),
            injected=sum(workload.pods for workload in self.captured.workloads),
            allow_skew=allow_skew,
            reported=_asked(istioctl, lambda tool: tool.versions(revisions)),
            proxies=_asked(istioctl, lambda tool: tool.proxy_status(revisions)),
            messages=_asked(istioctl, lambda tool: tool.analyze(revisions[0] if revisions else "")),
        )

    def _deployed(self, obj: MeshObject) -> Deployed:
        name = f"{obj.kind} {obj.key.namespace}/{obj.key.name}"
        nothing = obj in self.istiods and (obj.body.get("spec") or {}).get("replicas", 1) == 0
        return Deployed(name, "it is scaled to nothing" if nothing else readiness(as_served(obj)).why)

    def _pods(self) -> list[Body]:
        """Those of the root namespace, and those with a proxy; without what has ended or is on its way out."""
        queries = [ListQuery(PODS, self.captured.root_namespace), ListQuery(PODS, None, INJECTED_PODS)]
        answers = self.session.reader.list_all(queries, "")
        found = {pod["metadata"]["uid"]: pod for _, items in answers for pod in items}
        return [pod for pod in found.values() if _counts(pod)]

    def _unready(self, pods: list[Body]) -> Iterator[UnreadyPod]:
        for pod in pods:
            if why := what_ails(pod):
                metadata = pod["metadata"]
                ours = metadata["namespace"] == self.captured.root_namespace or _proxy_fails(pod)
                yield UnreadyPod(f"pod {metadata['namespace']}/{metadata['name']}", why, ours)

    def _services(self) -> dict[ServiceName, Backing]:
        """Of Istio's own services that select pods."""
        keys = sorted(key for key in self.live.versions if key.resource == "services")
        names = [
            ServiceName(obj.key.namespace, obj.key.name)
            for obj in self.live.load(keys).values()
            if has_any_label(obj, ISTIO_LABELS) and (obj.body.get("spec") or {}).get("selector")
        ]
        return backings_of(self.session.reader, self.captured, names)

    def _revisions(self, pods: list[Body]) -> tuple[int, tuple[str, ...]]:
        """How many ask for injection, and those whom no injector hears."""
        injectors = Injectors(self.live)
        namespaces = [obj for obj in self.live.objects.values() if is_namespace(obj.key) and _asks(obj)]
        dangling = [
            f"namespace {obj.key.name} asks for {_wish(obj.labels)}"
            for obj in namespaces
            if injectors.of(obj.key.name, {}) is None
        ]
        marked = {_owner(pod): pod for pod in pods if _marked(pod)}
        dangling += [
            f"{name} asks for {_wish(pod['metadata']['labels'])}"
            for name, pod in marked.items()
            if injectors.of(pod["metadata"]["namespace"], pod["metadata"]["labels"]) is None
        ]
        return len(namespaces) + len(marked), tuple(dangling)

    def _members(self) -> Iterator[Member]:
        for workload in self.captured.workloads:
            name = f"{workload.kind} {workload.namespace}/{workload.name}"
            for image in workload.images:
                yield Member(name, Release.of_image(image), next(iter(workload.revisions), ""))
        for agent in self.agents:  # gateways are counted by their pods
            key = agent.obj.key
            yield Member(f"{agent.obj.kind} {key.namespace}/{key.name}", agent.version, _revision(agent.obj))


def _asked(istioctl: Istioctl | None, question: Callable[[Istioctl], T]) -> T | Unanswered:
    if istioctl is None:
        return Unanswered(NO_ISTIOCTL)
    try:
        return question(istioctl)
    except ToolError as error:
        return Unanswered(error.message)


def _counts(pod: Body) -> bool:
    """Whether it is to be ready. Where one that has ended is missed, its controller has not rolled out."""
    return not has_ended(pod) and "deletionTimestamp" not in pod["metadata"]


def _proxy_fails(pod: Body) -> bool:
    """Whether it is the proxy that is not ready. One of a pod that has not been scheduled has not had its turn."""
    status = pod.get("status") or {}
    statuses = (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))
    return any(each.get("name") == PROXY and not each.get("ready") for each in statuses)


def _asks(namespace: MeshObject) -> bool:
    """By the label that goes before the revision, or by that (the selectors of Istio's injectors)."""
    wish = namespace.labels.get(INJECTION)
    return wish == "enabled" or (wish != "disabled" and bool(namespace.labels.get(REVISION)))


def _wish(labels: dict[str, str] | object) -> str:
    found = labels if isinstance(labels, dict) else {}
    revision = found.get(REVISION)
    return f"revision {revision}, which no injector serves" if revision else "a proxy, and there is no injector for it"


def _marked(pod: Body) -> bool:
    """Whether a pod asks for a revision itself, whatever its namespace says."""
    labels = pod["metadata"].get("labels") or {}
    return REVISION in labels and labels.get(INJECT) != "false"


def _owner(pod: Body) -> str:
    metadata = pod["metadata"]
    return f"pod {metadata['namespace']}/{metadata.get('generateName') or metadata['name']}"


def _revision(obj: MeshObject) -> str:
    return obj.labels.get(REVISION) or "default"
