"""Which workload runs which proxy: counted from pods, recorded with a snapshot, never restored."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from ..models.objects import Body
from ..models.snapshots import WorkloadProxy

PROXY = "istio-proxy"
STATUS = "sidecar.istio.io/status"
REVISION = "istio.io/rev"


def proxies_of(pods: Iterable[Body]) -> tuple[WorkloadProxy, ...]:
    """Workloads with Istio proxies, sorted by namespace, kind and name.

    Pods without a proxy are passed over, and those that have ended: nothing runs in them, and nothing restarts them.
    """
    grouped: dict[tuple[str, str, str], list[Body]] = defaultdict(list)
    for pod in pods:
        if proxy_image(pod) and not has_ended(pod):
            grouped[workload_of(pod)].append(pod)
    return tuple(_workload(identity, members) for identity, members in sorted(grouped.items()))


def proxy_versions(workloads: Iterable[WorkloadProxy]) -> Mapping[str, int]:
    """Pods with a proxy, by the version that its image is tagged with, sorted.

    Of a workload that is in the middle of a rollout, all pods count under both versions: `1.28.3, 1.29.1`. "" is an
    image that is named by its digest alone.
    """
    counts: Counter[str] = Counter()
    for workload in workloads:
        versions = {_tag(image) for image in workload.images}
        counts[", ".join(sorted(versions))] += workload.pods
    return dict(sorted(counts.items()))


def repository_of(image: str) -> str:
    """An image without its tag and digest: `localhost:5000/istio/pilot`."""
    name = image.partition("@")[0]
    return name.removesuffix(f":{_tag(name)}") if _tag(name) else name


def _tag(image: str) -> str:
    """The tag of an image; a colon before the last slash is that of a registry's port."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def has_ended(pod: Body) -> bool:
    """Whether a pod runs no more, well or badly: of a Job, evicted, of a node that was shut down.

    Kubernetes keeps such pods, by hundreds (podgc), and their containers are never ready.
    """
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def proxy_image(pod: Body) -> str:
    """The image of the pod's proxy, a container or (native sidecar, since Istio 1.27) an init container; "" if none."""
    spec = pod.get("spec", {})
    containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    return next((str(container.get("image", "")) for container in containers if container.get("name") == PROXY), "")


def workload_of(pod: Body) -> tuple[str, str, str]:
    """Namespace, kind and name of what owns the pod; a ReplicaSet's pod belongs to its Deployment."""
    metadata = pod["metadata"]
    namespace = metadata.get("namespace", "")
    owner = next((owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")), None)
    if owner is None:
        return namespace, "Pod", metadata["name"]
    template_hash = (metadata.get("labels") or {}).get("pod-template-hash")
    if owner["kind"] == "ReplicaSet" and template_hash:
        return namespace, "Deployment", owner["name"].removesuffix(f"-{template_hash}")
    return namespace, owner["kind"], owner["name"]


def _workload(identity: tuple[str, str, str], pods: list[Body]) -> WorkloadProxy:
    annotations = [pod["metadata"].get("annotations") or {} for pod in pods]
    labels = [pod["metadata"].get("labels") or {} for pod in pods]
    revisions = {a.get(REVISION) or b.get(REVISION) or "" for a, b in zip(annotations, labels, strict=True)}
    statuses = {a[STATUS] for a in annotations if STATUS in a}
    return WorkloadProxy(
        namespace=identity[0],
        kind=identity[1],
        name=identity[2],
        images=tuple(sorted({proxy_image(pod) for pod in pods})),
        revisions=tuple(sorted(revisions - {""})),
        templates=tuple(sorted(hashlib.sha256(status.encode()).hexdigest()[:12] for status in statuses)),
        pods=len(pods),
    )
