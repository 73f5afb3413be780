"""What the cluster says of the installation's own workloads: have they rolled out, and since when do they run?"""

from __future__ import annotations

from ..apply.rollout import readiness
from ..capture import Capture
from ..models.objects import Body, MeshObject
from ..plan.parts import Installation, Running, workloads_of
from ..ports import ClusterReader, ListQuery
from .webhooks import PODS, root_certificate


def installation(reader: ClusterReader, captured: Capture) -> Installation:
    """Everything that the responsibility matrix is made from. Raises ClusterError when pods cannot be read."""
    live = captured.state
    types = {type_.resource: type_ for type_ in live.types}
    running = {obj.key: _running(reader, obj) for obj in workloads_of(live)}
    root = root_certificate(reader, captured.root_namespace)
    return Installation(live, captured.root_namespace, running, types, root)


def _running(reader: ClusterReader, obj: MeshObject) -> Running:
    return Running(_started(pods_of(reader, obj.body)), readiness(as_served(obj)).why)


def as_served(obj: MeshObject) -> Body:
    """The object with the generation that only the server writes: by it one tells whether its status is current."""
    return {**obj.body, "metadata": {**obj.body["metadata"], "generation": obj.server.generation or 0}}


def pods_of(reader: ClusterReader, workload: Body) -> list[Body]:
    """The pods that a workload selects, less those that are on their way out."""
    selector = ((workload.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    wanted = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
    answers = reader.list_all([ListQuery(PODS, workload["metadata"]["namespace"], wanted)], "") if wanted else ()
    pods = (item for _, items in answers for item in items)
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def _started(pods: list[Body]) -> str:
    """When the container that runs longest began: what was read at the start was read then."""
    statuses = (status for pod in pods for status in (pod.get("status") or {}).get("containerStatuses") or ())
    times = (((status.get("state") or {}).get("running") or {}).get("startedAt") for status in statuses)
    return min((str(time) for time in times if time), default="")
