"""Why a workload does not become ready: what its pods wait for, its newest warnings, the last words of its containers;
and what istioctl finds wrong with the mesh meanwhile.

For the screen of whoever has to decide what comes next. Nothing in here raises because something cannot be read: that
is said in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import ClusterError, ForbiddenError, ToolError
from ..models.objects import Body, Key, MeshObject, ResourceType
from ..models.tools import Level
from ..normalise.credentials import without_credentials
from ..ports import ClusterReader, Istioctl, ListQuery
from .podgroups import WORKLOADS
from .webhooks import PODS

EVENTS = ResourceType("", "v1", "Event", "events", namespaced=True)
_APPS = {type_.plural: type_ for type_ in WORKLOADS.values()}

MOST_PODS = 3
"""Pods that are told of; those of one workload fail alike."""

MOST_EVENTS = 5
LOG_LINES = 10
MOST_FINDINGS = 10

ANALYZE = "istioctl analyze"

WITHHELD = "<withheld>"


def explain(reader: ClusterReader, objects: Iterable[str]) -> tuple[str, ...]:
    """Lines about those of the objects (as their keys are written) that are workloads; none where nothing is known."""
    keys = (Key.of(text) for text in objects)
    found = [line for key in keys if key.group == "apps" and key.plural in _APPS for line in _explained(reader, key)]
    return tuple(found)


def _explained(reader: ClusterReader, key: Key) -> Iterator[str]:
    try:
        body = reader.get(_APPS[key.plural], key)
        if body is None:
            return
        pods = [pod for pod in _list(reader, PODS, key, _selector(body)) if not _is_ready(pod)]
        yield f"{key}:"
        for pod in sorted(pods, key=_made, reverse=True)[:MOST_PODS]:
            yield from _Pod(reader, pod).lines()
        yield from _warnings(reader, key, [body, *pods])
    except ClusterError as error:
        yield f"  what ails it could not be read: {error.message}"


@dataclass(frozen=True)
class _Pod:
    reader: ClusterReader
    body: Body

    def lines(self) -> Iterator[str]:
        name, status = self.body["metadata"]["name"], self.body.get("status") or {}
        failing = [each for each in _statuses(status) if not each.get("ready") and _waiting(each)]
        for each in failing:
            yield f"  pod {name}: {each['name']} {_waiting(each)}"
        if not failing:
            yield f"  pod {name}: {_condition(status)}"
        for each in failing:
            yield from self._log(str(each["name"]), again=bool(each.get("restartCount")))

    def _log(self, container: str, *, again: bool) -> Iterator[str]:
        key = Key("", "pods", self.body["metadata"]["namespace"], self.body["metadata"]["name"])
        try:
            text = self.reader.log(key, container, lines=LOG_LINES, previous=again)
        except ForbiddenError as error:
            yield f"  log of {container}: {error.message}"
            return
        except ClusterError:
            return  # a container that never ran has none
        for line in redacted(text).splitlines()[-LOG_LINES:]:
            yield f"  {container} | {line}"


def analysed(istioctl: Istioctl | None, revision: str, known: Collection[str]) -> Iterator[str]:
    """Lines about what `istioctl analyze` finds, the errors first; or why it is not known.

    What is in `known` (as `ToolMessage` tells it) was so before.
    """
    if istioctl is None:
        yield f"{ANALYZE} was not asked: there is no istioctl at hand"
        return
    try:
        found = [message for message in istioctl.analyze(revision) if message.level is not Level.INFO]
    except ToolError as error:
        yield f"{ANALYZE} could not be asked: {error.message}"
        return
    yield f"{ANALYZE} finds{':' if found else ' neither errors nor warnings'}"
    for message in sorted(found, key=lambda message: message.level is not Level.ERROR)[:MOST_FINDINGS]:
        since = ", as before" if str(message) in known else ""
        yield redacted(f"  {message.level}{since}: {message}")
    if more := len(found[MOST_FINDINGS:]):
        yield f"  and {more} more"


def what_ails(pod: Body) -> str:
    """Why a pod is not ready, in a line; "" when it is."""
    if _is_ready(pod):
        return ""
    status = pod.get("status") or {}
    unready = (each for each in _statuses(status) if not each.get("ready"))
    failing = [f"{each['name']} {words}" for each in unready if (words := _waiting(each))]
    return "; ".join(failing) or _condition(status)


def redacted(text: str) -> str:
    """A text without what looks like a credential in it."""
    nowhere = MeshObject(Key("", "texts", "", "text"), {"text": text})
    return str(without_credentials(nowhere, lambda _at, _value: WITHHELD)["text"])


def _warnings(reader: ClusterReader, key: Key, about: Sequence[Body]) -> Iterator[str]:
    """The newest of these objects' warnings, and of the replica sets between a Deployment and its pods."""
    names = {str(body["metadata"]["name"]) for body in about}
    owners = {str(owner["name"]) for body in about for owner in body["metadata"].get("ownerReferences") or ()}
    found = [
        event
        for event in _list(reader, EVENTS, key)
        if event.get("type") == "Warning" and _is_about(event, key, names | owners)
    ]
    told = dict.fromkeys(_told(event) for event in sorted(found, key=_last, reverse=True))
    for line in list(told)[:MOST_EVENTS]:
        yield f"  {redacted(line)}"


def _is_about(event: Body, key: Key, names: set[str]) -> bool:
    """Also of a replica set that has no pods yet, which is known by its name."""
    involved = event.get("involvedObject") or {}
    name = str(involved.get("name"))
    return name in names or (involved.get("kind") == "ReplicaSet" and name.rpartition("-")[0] == key.name)


def _told(event: Body) -> str:
    involved = event.get("involvedObject") or {}
    about = f"{str(involved.get('kind')).lower()} {involved.get('name')}"
    return f"{event.get('reason')}: {about}: {' '.join(str(event.get('message', '')).split())}"


def _last(event: Body) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), ""))


def _list(reader: ClusterReader, type_: ResourceType, key: Key, selector: str = "") -> list[Body]:
    answers = reader.list_all([ListQuery(type_, key.namespace, selector)], "")
    return [item for _, items in answers for item in items]


def _selector(workload: Body) -> str:
    selector = (workload.get("spec") or {}).get("selector") or {}
    return ",".join(f"{name}={value}" for name, value in sorted((selector.get("matchLabels") or {}).items()))


def _statuses(status: Body) -> tuple[Body, ...]:
    return (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))


def _waiting(status: Body) -> str:
    """What a container is waiting for, or how it ended; "" for one that runs or waits for its turn."""
    state = status.get("state") or {}
    if waiting := state.get("waiting"):
        reason = str(waiting.get("reason", ""))
        if reason in ("PodInitializing", "ContainerCreating"):
            return ""
        return f"is waiting: {': '.join(filter(None, (reason, str(waiting.get('message', '')))))}"
    if (ended := state.get("terminated")) and ended.get("exitCode"):
        return f"ended with status {ended['exitCode']}: {ended.get('reason', '')}"
    if "running" in state and not status.get("ready"):
        return "runs and is not ready"
    return ""


def _condition(status: Body) -> str:
    """What keeps a pod from being ready, by its conditions."""
    false = [each for each in status.get("conditions") or () if each.get("status") != "True"]
    first: Body = next(iter(false), {})
    words = str(first.get("message") or first.get("reason") or "")
    return f"{first.get('type', status.get('phase', 'not ready'))}: {words}" if words else "is not ready"


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _made(pod: Body) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))
