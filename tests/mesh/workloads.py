"""Workloads of every kind for the tests of restarts, and what became of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.cli import Ran

from .mesh import OLD, Mesh

MANIFEST = Path(__file__).with_name("workloads.yaml")
AT = "kubectl.kubernetes.io/restartedAt"
KINDS = ("deployments", "daemonsets", "statefulsets")
RESTARTABLE = {"web", "api", "agent", "db", "edge"}
"""Those of namespace shop that are injected and that a restart may touch."""


@dataclass(frozen=True)
class Standing:
    """One workload at one moment."""

    restarted: str | None
    generation: int
    version: str
    images: frozenset[str]
    """Of the proxies of its pods."""


@contextmanager
def workloads(mesh: Mesh) -> Iterator[None]:
    """The workloads of the manifest, ready; gone afterwards."""
    mesh.kubectl("apply", "--server-side", "--filename", str(MANIFEST))
    _renew_web(mesh)
    try:
        wait_ready(mesh)
        mesh.patch("deployment", "paused", '{"spec": {"paused": true}}')  # born so it would have no pods
        yield
    finally:
        mesh.kubectl("delete", "--filename", str(MANIFEST), "--ignore-not-found", "--timeout=60s", "--grace-period=0")
        wait_for(lambda: not [pod for pod in pods(mesh, "shop") if pod["metadata"]["labels"].get("app") != "web"])


def _renew_web(mesh: Mesh) -> None:
    """A test before may have left pods of another proxy behind: no object tells."""
    if standings(mesh)["web"].images != {f"docker.io/istio/proxyv2:{OLD}"}:
        mesh.kubectl("delete", "pod", "-n", "shop", "-l", "app=web", "--grace-period=0")
        mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")


def wait_ready(mesh: Mesh) -> None:
    for name in ("deployment/api", "deployment/edge", "deployment/paused", "daemonset/agent", "statefulset/db"):
        mesh.kubectl("rollout", "status", name, "-n", "shop", "--timeout=60s")


def standings(mesh: Mesh) -> dict[str, Standing]:
    """Every workload of the cluster by its name."""
    found = {}
    for kind in KINDS:
        for item in mesh.plane.api.request("GET", f"/apis/apps/v1/{kind}")["items"]:
            metadata, template = item["metadata"], item["spec"]["template"]
            found[metadata["name"]] = Standing(
                (template["metadata"].get("annotations") or {}).get(AT),
                metadata["generation"],
                metadata["resourceVersion"],
                proxies(mesh, metadata["namespace"], item["spec"]["selector"]["matchLabels"]),
            )
    return found


def restarted(mesh: Mesh) -> set[str]:
    """The names of workloads that anybody has restarted."""
    return {name for name, standing in standings(mesh).items() if standing.restarted}


def proxies(mesh: Mesh, namespace: str, labels: dict[str, str]) -> frozenset[str]:
    """The proxy images of the pods with these labels."""
    found = set()
    for pod in pods(mesh, namespace):
        if labels.items() <= pod["metadata"].get("labels", {}).items():
            spec = pod["spec"]
            containers = (*spec["containers"], *spec.get("initContainers", ()))
            found |= {each["image"] for each in containers if each["name"] == "istio-proxy"}
    return frozenset(found)


def pods(mesh: Mesh, namespace: str) -> list[Any]:
    """Those that are not on their way out."""
    items = mesh.plane.api.request("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
    return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]


def planned(ran: Ran) -> set[str]:
    """The names of what a plan restarts."""
    return {change["name"] for change in ran.data["plan"]["changes"] if change["action"] == "restart"}


def looked_at(ran: Ran) -> dict[str, Any]:
    """The rows of `restart --plan -o json` by name."""
    return {row["name"]: row for row in ran.data["workloads"]}


def break_injection(mesh: Mesh, tag: str) -> None:
    """Let the injector use an image of a tag that nobody has."""
    path = "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector"
    values = json.loads(mesh.plane.api.request("GET", path)["data"]["values"])
    values["global"]["tag"] = tag
    patch = json.dumps({"data": {"values": json.dumps(values)}})
    mesh.patch("configmap", "istio-sidecar-injector", patch, namespace="istio-system")
    time.sleep(2.0)  # until istiod has seen it


def record_of(mesh: Mesh, commit: str) -> Any:
    """What a snapshot says of the operation that it ends, as plain git has it."""
    command = ["git", "-C", str(mesh.plugin.store), "show", f"{commit}:operation.yaml"]
    return yaml.safe_load(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wait_for(condition: Any, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.2)
