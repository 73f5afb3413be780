"""Whose pods they are: those of the mesh, by the workload that makes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ..apply.execution import PARALLEL
from ..capture import INJECTED_PODS, Capture
from ..models.objects import Body, Key, ResourceType
from ..normalise.inventory import has_ended
from ..plan.injectors import MARKS, Injectors
from ..ports import ClusterReader, ListQuery
from ..rules.scope import is_namespace
from .webhooks import PODS

WORKLOADS = {
    "Deployment": ResourceType("apps", "v1", "Deployment", "deployments", namespaced=True),
    "DaemonSet": ResourceType("apps", "v1", "DaemonSet", "daemonsets", namespaced=True),
    "StatefulSet": ResourceType("apps", "v1", "StatefulSet", "statefulsets", namespaced=True),
}
"""Those that can be restarted."""

BY_RESOURCE = {type_.resource: type_ for type_ in WORKLOADS.values()}

REPLICA_SETS = ResourceType("apps", "v1", "ReplicaSet", "replicasets", namespaced=True)
_REVISION = "deployment.kubernetes.io/revision"
_GENERATION = "deprecated.daemonset.template.generation"


def mesh_pods(reader: ClusterReader, captured: Capture, injectors: Injectors) -> list[Body]:
    """Pods that run and are injected, or would be: by their own labels, or as all pods of their namespace."""
    namespaces = [key.name for key in captured.state.versions if is_namespace(key)]
    queries = [ListQuery(PODS, None, selector) for selector in (INJECTED_PODS, *MARKS)]
    queries += [ListQuery(PODS, name) for name in namespaces if injectors.may_inject_in(name)]
    found = {pod["metadata"]["uid"]: pod for _, items in reader.list_all(queries, "") for pod in items}
    return [pod for pod in found.values() if _runs(pod)]


def _runs(pod: Body) -> bool:
    return not has_ended(pod) and "deletionTimestamp" not in pod["metadata"]


@dataclass(frozen=True)
class Group:
    """Pods of one controller, and what that is."""

    kind: str
    name: str
    pods: list[Body]
    body: Body | None = None
    """The controller, where it has a template that can be looked at."""
    revisions: Mapping[str, str] = field(default_factory=dict)
    """Of which revision of a Deployment each pod is, by UID."""

    @property
    def namespace(self) -> str:
        """Where they are."""
        return str(self.pods[0]["metadata"]["namespace"])

    @property
    def key(self) -> Key:
        """Of a kind that cannot be restarted, something that says what it is."""
        if self.kind in WORKLOADS:
            return Key("apps", WORKLOADS[self.kind].plural, self.namespace, self.name)
        return Key("", f"{self.kind.lower()}s", self.namespace, self.name)

    @property
    def present(self) -> list[Body]:
        """The pods that its controller has made from the template as it is now."""
        if self.body is None or self.kind not in WORKLOADS:
            return self.pods
        if self.kind == "Deployment":
            now = _annotations(self.body).get(_REVISION)
            return [pod for pod in self.pods if self.revisions.get(pod["metadata"]["uid"]) == now]
        if self.kind == "StatefulSet":
            label, wanted = "controller-revision-hash", (self.body.get("status") or {}).get("updateRevision")
        else:
            label, wanted = "pod-template-generation", _annotations(self.body).get(_GENERATION)
        return [pod for pod in self.pods if wanted is None or _labels(pod).get(label) == wanted]


@dataclass(frozen=True)
class Owners:
    """Finds out whose pods they are, by the owner references, reading each owner once."""

    reader: ClusterReader

    def grouped(self, pods: Iterable[Body]) -> list[Group]:
        """The pods by what makes them. Raises ClusterError when that cannot be read."""
        by_owner: dict[tuple[str, str, str], list[Body]] = defaultdict(list)
        for pod in pods:
            owner = _controller(pod)
            kind, name = (_kind(owner), owner["name"]) if owner else ("Pod", pod["metadata"]["name"])
            by_owner[pod["metadata"]["namespace"], kind, name].append(pod)
        with ThreadPoolExecutor(PARALLEL) as pool:
            groups = pool.map(self._group, by_owner, by_owner.values())
        return list(_merged(groups))

    def _group(self, owner: tuple[str, str, str], pods: list[Body]) -> Group:
        namespace, kind, name = owner
        if kind != "ReplicaSet":
            return Group(kind, name, pods, self._read(kind, namespace, name))
        found = self.reader.get(REPLICA_SETS, Key("apps", "replicasets", namespace, name))
        above = _controller(found) if found else None
        if found is None or above is None:
            return Group(kind, name, pods, found)
        revision = _annotations(found).get(_REVISION, "")
        revisions = {pod["metadata"]["uid"]: revision for pod in pods}
        kind, name = _kind(above), above["name"]
        return Group(kind, name, pods, self._read(kind, namespace, name), revisions)

    def _read(self, kind: str, namespace: str, name: str) -> Body | None:
        key = Key("apps", WORKLOADS[kind].plural, namespace, name) if kind in WORKLOADS else None
        return self.reader.get(WORKLOADS[kind], key) if key else None


def _merged(groups: Iterable[Group]) -> Iterator[Group]:
    """A Deployment may have pods of several replica sets."""
    merged: dict[tuple[str, str, str], Group] = {}
    for group in groups:
        identity = (group.namespace, group.kind, group.name)
        known = merged.get(identity)
        if known:
            revisions = {**known.revisions, **group.revisions}
            group = replace(known, pods=[*known.pods, *group.pods], revisions=revisions)
        merged[identity] = group
    yield from merged.values()


def _controller(body: Body) -> Body | None:
    owners: Iterable[Body] = body["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def _kind(owner: Body) -> str:
    """Kubernetes' own kinds by their names alone; others have kinds that are called the same."""
    group = str(owner.get("apiVersion", "")).rpartition("/")[0]
    return str(owner["kind"]) if group in ("", "apps", "batch") else f"{owner['kind']}.{group}"


def _annotations(body: Body) -> dict[str, str]:
    return body["metadata"].get("annotations") or {}


def _labels(body: Body) -> dict[str, str]:
    return body["metadata"].get("labels") or {}
