"""What a kubelet reads in a pod and says of it; for pods whose containers really run here."""

from __future__ import annotations

import datetime
import re
from typing import Any

from .api import Api

Json = dict[str, Any]


def runs(pod: Json) -> bool:
    """Whether a kubelet would run the pod's containers now."""
    status = pod.get("status", {})
    return status.get("phase") == "Running" and bool(status.get("podIP")) and "deletionTimestamp" not in pod["metadata"]


def variables(pod: Json, container: Json) -> dict[str, str]:
    """A container's own variables; what comes from its resource limits or from files is left out."""
    result = {}
    for variable in container.get("env", []):
        source = variable.get("valueFrom", {})
        if source and "fieldRef" not in source:
            continue
        result[variable["name"]] = _field(pod, source["fieldRef"]["fieldPath"]) if source else variable.get("value", "")
    return result


def _field(pod: Json, path: str) -> str:
    """The downward API: `metadata.name`, or `metadata.labels['app']`."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, str) else ""


def is_ready(pod: Json) -> bool:
    """What the pod's status says at present."""
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def report_readiness(api: Api, pod: Json, ready: bool) -> None:
    """Write what a kubelet would write after its readiness probe changed its mind."""
    if ready != is_ready(pod):
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        api.request("PATCH", path, _readiness(pod, ready), "application/merge-patch+json")


def _readiness(pod: Json, ready: bool) -> Json:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kept = [each for each in pod["status"].get("conditions", []) if each["type"] not in ("Ready", "ContainersReady")]
    changed = [{"type": kind, "status": str(ready), "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")]
    containers = [{**each, "ready": ready, "started": True} for each in pod["status"].get("containerStatuses", [])]
    return {"status": {"conditions": [*kept, *changed], "containerStatuses": containers}}
