"""What has states of its own: definitions that come and go, values that the store holds sealed, restarts.

Each scenario shares state A, of which it changes only its own objects on the way to B.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.mesh.comparison import Dump

from .items import GROUP, ROOT, SHOP, Fate, Item, Json, Scenario, definition
from .mesh import MESH, ROLLED_OUT

RESTARTED_AT, MOMENT = "kubectl.kubernetes.io/restartedAt", "2000-01-01T00:00:00Z"
"""The annotation that restarts, and the value that stands for every present one."""

_ENTRY = Item("serviceentries", "ServiceEntry", "made", SHOP, {"spec": {"hosts": ["made.example"]}})

DEFINED = Scenario(
    "definitions",
    (
        definition("gateways", "Gateway", fate=Fate.GONE),
        definition("sidecars", "Sidecar", fate=Fate.ADDED),
        Item("gateways", "Gateway", "gone", SHOP, {"spec": {"selector": {"app": "x"}}}, fate=Fate.GONE),
        Item("sidecars", "Sidecar", "added", SHOP, {"spec": {"egress": []}}, fate=Fate.ADDED),
    ),
    manifests=(definition("serviceentries", "ServiceEntry").body, _ENTRY.body),
    staying=frozenset({f"customresourcedefinitions.apiextensions.k8s.io /sidecars.{GROUP}"}),
)
"""Definitions are made, each with an object, which cannot be made before its type is served; `abort` deletes them. One
that came since A is never deleted by a rollback, only its object is."""


def _secret(name: str, value: str, **more: Any) -> Item:
    return Item("secrets", "Secret", name, ROOT, {"stringData": {"value": value}}, **more)


def _record(revision: int, status: str, **more: Any) -> Item:
    """Helm's record of one revision of a release."""
    labels = {"owner": "helm", "name": "istiod", "version": str(revision), "status": status}
    content = {"type": "helm.sh/release.v1", "stringData": {"release": f"{CANARY} {revision} {status}"}}
    return Item("secrets", "Secret", f"sh.helm.release.v1.istiod.v{revision}", ROOT, content, labels=labels, **more)


CANARY = "canary-of-the-matrix-7d20"
"""In every value of a Secret: it must be nowhere but in the cluster."""

_SUPERSEDED = {
    "metadata": {"labels": {"status": "superseded"}},
    "stringData": {"release": f"{CANARY} 1 superseded"},
}

SEALED = Scenario(
    "sealed",
    (
        _secret("turned", f"{CANARY} then", fate=Fate.CHANGED, change={"stringData": {"value": f"{CANARY} now"}}),
        _secret("lost", f"{CANARY} lost", fate=Fate.GONE),
        _record(1, "deployed", fate=Fate.CHANGED, change=_SUPERSEDED),
        _record(2, "deployed", fate=Fate.ADDED),
    ),
    sealed=True,
)
"""Values that are gone from the cluster come from the store; Helm's history is among them."""

_PROXY = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.28.3"}


def _workload(name: str) -> tuple[Item, ...]:
    """A Deployment with one pod that is there and ready, in a cluster without controllers."""
    labels = {"app": name, "service.istio.io/canonical-name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [_PROXY]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    revision: Json = {"annotations": {"deployment.kubernetes.io/revision": "1"}}
    ready = {**ROLLED_OUT, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    deployment = Item("deployments", "Deployment", name, SHOP, {"spec": spec}, metadata=revision, status=ready)
    made = {"spec": spec}
    replicas = Item("replicasets", "ReplicaSet", name, SHOP, made, metadata=revision, owner=deployment.path)
    pod_spec = {"spec": template["spec"]}
    running = {"phase": "Running"}
    pod = Item("pods", "Pod", name, SHOP, pod_spec, labels=labels, owner=replicas.path, status=running)
    return deployment, replicas, pod


_WEB, _API = _workload("web"), _workload("api")

RESTARTING = Scenario("restarting", (*_WEB, *_API), restarted=(_WEB[0], _API[0]))
"""Workloads are restarted. Nothing else is between A and B: they are the same."""

RESTARTED = replace(RESTARTING, name="restarted", has_restarted=True)
"""They have been, by this program, which takes that back."""

SCENARIOS = (MESH, DEFINED, SEALED, RESTARTING, RESTARTED)

ITEMS = tuple({item.path: item for scenario in SCENARIOS for item in scenario.items}.values())
"""All of them once, in the order in which they can be made."""

KINDS = {item.plural: item.kind for item in (*ITEMS, _ENTRY)}


def at_one_moment(state: Dump) -> Dump:
    """The state with every time of a restart replaced by `MOMENT`: a restart has the time of the present."""
    found = dict(state)
    for name, body in state.items():
        if name.startswith("deployments.apps "):
            annotations = body["spec"]["template"]["metadata"].get("annotations") or {}
            if RESTARTED_AT in annotations:
                datetime.fromisoformat(annotations[RESTARTED_AT])
                found[name] = body = deepcopy(body)
                body["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] = MOMENT
    return found
