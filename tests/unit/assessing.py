"""Meshes made in a line, for tests of assessments: an istiod, what else there is, and what surrounds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubectl_istio_upgrade.models.evidence import Evidence
from kubectl_istio_upgrade.models.findings import Finding
from kubectl_istio_upgrade.models.objects import Body, MemoryState, MeshObject, ResourceType, ServerFields
from kubectl_istio_upgrade.models.releases import Release
from kubectl_istio_upgrade.models.secrets import Values
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, WorkloadProxy
from kubectl_istio_upgrade.plan.assessment import assess
from kubectl_istio_upgrade.plan.checks.case import Case, Check
from kubectl_istio_upgrade.plan.installation import installation_of

ROOT = "istio-system"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = Release(1, 28, 3), Release(1, 29, 1)
NETWORKING, SECURITY, GATEWAY_API = "networking.istio.io", "security.istio.io", "gateway.networking.k8s.io"
ISTIOCTL_LABELS = {"operator.istio.io/managed": "Reconcile", "operator.istio.io/version": "1.28.3"}

KINDS: Mapping[str, tuple[str, str, str, bool]] = {
    "AuthorizationPolicy": (SECURITY, "v1", "authorizationpolicies", True),
    "ClusterRole": ("rbac.authorization.k8s.io", "v1", "clusterroles", False),
    "ConfigMap": ("", "v1", "configmaps", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io", "v1", "customresourcedefinitions", False),
    "DaemonSet": ("apps", "v1", "daemonsets", True),
    "Deployment": ("apps", "v1", "deployments", True),
    "DestinationRule": (NETWORKING, "v1", "destinationrules", True),
    "EnvoyFilter": (NETWORKING, "v1alpha3", "envoyfilters", True),
    "HTTPRoute": (GATEWAY_API, "v1", "httproutes", True),
    "HorizontalPodAutoscaler": ("autoscaling", "v2", "horizontalpodautoscalers", True),
    "IstioOperator": ("install.istio.io", "v1alpha1", "istiooperators", True),
    "Job": ("batch", "v1", "jobs", True),
    "KubernetesGateway": (GATEWAY_API, "v1", "gateways", True),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", False),
    "Namespace": ("", "v1", "namespaces", False),
    "PodDisruptionBudget": ("policy", "v1", "poddisruptionbudgets", True),
    "Secret": ("", "v1", "secrets", True),
    "Service": ("", "v1", "services", True),
    "ServiceAccount": ("", "v1", "serviceaccounts", True),
    "ServiceEntry": (NETWORKING, "v1", "serviceentries", True),
    "Sidecar": (NETWORKING, "v1", "sidecars", True),
    "TCPRoute": (GATEWAY_API, "v1alpha2", "tcproutes", True),
    "TLSRoute": (GATEWAY_API, "v1alpha2", "tlsroutes", True),
    "Telemetry": ("telemetry.istio.io", "v1", "telemetries", True),
    "VirtualService": (NETWORKING, "v1", "virtualservices", True),
    "Gateway": (NETWORKING, "v1", "gateways", True),
    "WorkloadGroup": (NETWORKING, "v1", "workloadgroups", True),
}


def thing(
    kind: str, name: str, *, managers: Iterable[str] = (), withheld: Values | None = None, **body: Any
) -> MeshObject:
    """`thing("ConfigMap", "istio-system/istio", data={…})`; labels, annotations and owners go into the metadata."""
    group, version, plural, namespaced = KINDS[kind]
    type_ = ResourceType(group, version, kind, plural, namespaced)
    namespace, _, plain = name.rpartition("/")
    metadata: Body = {"name": plain} | ({"namespace": namespace} if namespace else {})
    metadata |= {field: body.pop(field) for field in ("labels", "annotations", "ownerReferences") if field in body}
    content = {"apiVersion": type_.api_version, "kind": kind, "metadata": metadata, **body}
    server = ServerFields(f"uid-{name}", "1", managed_fields=tuple({"manager": each} for each in managers))
    made = MeshObject(type_.key(content), content, server)
    return MeshObject(made.key, content, server, withheld) if withheld else made


def pod_spec(image: str, name: str, env: Mapping[str, str] | None = None, **requests: str) -> Body:
    container: Body = {"name": name, "image": image, "env": [{"name": n, "value": v} for n, v in (env or {}).items()]}
    return {"containers": [{**container, "resources": {"requests": requests}}]}


def deployment(
    name: str,
    spec: Body,
    *,
    replicas: int = 2,
    available: int | None = None,
    updated: int | None = None,
    pod_labels: Mapping[str, str] | None = None,
    strategy: Body | None = None,
    **more: Any,
) -> MeshObject:
    status = {
        "availableReplicas": replicas if available is None else available,
        "updatedReplicas": replicas if updated is None else updated,
    }
    template = {"metadata": {"labels": dict(pod_labels or {"app": name.partition("/")[2]})}, "spec": spec}
    content: Body = {"replicas": replicas, "template": template} | ({"strategy": strategy} if strategy else {})
    return thing("Deployment", name, spec=content, status=status, **more)


def istiod(
    version: str = "1.28.3", revision: str = "default", *, env: Mapping[str, str] | None = None, **more: Any
) -> MeshObject:
    """An istiod that istioctl installed, with two replicas."""
    name = "istiod" if revision == "default" else f"istiod-{revision}"
    labels = {"operator.istio.io/component": "Pilot", "istio.io/rev": revision, **more.pop("labels", ISTIOCTL_LABELS)}
    spec = more.pop("spec", None) or pod_spec(
        f"docker.io/istio/pilot:{version}", "discovery", env, cpu="500m", memory="2Gi"
    )
    return deployment(f"{ROOT}/{name}", spec, labels=labels, pod_labels={"app": "istiod"}, **more)


def agent(name: str, image: str, component: str, **more: Any) -> MeshObject:
    """A DaemonSet of the installation."""
    labels = {"operator.istio.io/component": component, **ISTIOCTL_LABELS, **more.pop("labels", {})}
    status = {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3, **more.pop("status", {})}
    spec = {"template": {"metadata": {}, "spec": pod_spec(image, name.rpartition("/")[2])}}
    return thing("DaemonSet", name, labels=labels, spec=spec, status=status, **more)


def ztunnel(version: str = "1.28.3", name: str = "ztunnel", **more: Any) -> MeshObject:
    labels = {"app.kubernetes.io/name": "ztunnel", **more.pop("labels", {})}
    return agent(f"{ROOT}/{name}", f"docker.io/istio/ztunnel:{version}", "Ztunnel", labels=labels, **more)


def cni(version: str = "1.28.3", **more: Any) -> MeshObject:
    return agent(f"{ROOT}/istio-cni-node", f"docker.io/istio/install-cni:{version}", "Cni", **more)


def cni_config(**data: str) -> MeshObject:
    return thing("ConfigMap", f"{ROOT}/istio-cni-config", data=data)


def budget(name: str, app: str, *, allowed: int = 1) -> MeshObject:
    spec = {"selector": {"matchLabels": {"app": app}}, "minAvailable": 1}
    return thing("PodDisruptionBudget", name, spec=spec, status={"expectedPods": 2, "disruptionsAllowed": allowed})


ISTIOD_BUDGET = budget(f"{ROOT}/istiod", "istiod")


def crd(name: str, *, stored: Iterable[str] = ("v1",), bundle: str = "", **more: Any) -> MeshObject:
    plural, _, group = name.partition(".")
    annotations = {f"{GATEWAY_API}/bundle-version": bundle} if bundle else {}
    spec = {"group": group, "names": {"plural": plural}, "versions": [{"name": each} for each in stored]}
    status = {"storedVersions": list(stored)}
    annotations |= more.pop("annotations", {})
    return thing("CustomResourceDefinition", name, annotations=annotations, spec=spec, status=status, **more)


def node(name: str = "one", *, cpu: str = "4", memory: str = "16Gi", pods: str = "110", **more: Any) -> Body:
    ready = more.pop("ready", "True")
    status = {
        "allocatable": {"cpu": cpu, "memory": memory, "pods": pods},
        "conditions": [{"type": "Ready", "status": ready}],
    }
    return {"metadata": {"name": name, "labels": more.pop("labels", {})}, "spec": more, "status": status}


def pod(
    name: str, *, annotations: Mapping[str, str] | None = None, owner: str = "", native: bool = False, **spec: Any
) -> Body:
    """A pod with an injected sidecar, unless it has containers of its own."""
    namespace, _, plain = name.partition("/")
    metadata: Body = {"name": plain, "namespace": namespace, "annotations": dict(annotations or {})}
    if owner:
        metadata["ownerReferences"] = [{"kind": "ReplicaSet", "name": f"{owner}-1a", "controller": True}]
        metadata["labels"] = {"pod-template-hash": "1a"}
    proxy = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.28.3"}
    app = {"name": "app", "image": "app"}
    if "containers" not in spec:
        spec |= {"initContainers": [proxy], "containers": [app]} if native else {"containers": [app, proxy]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def workload(
    name: str, *versions: str, revisions: tuple[str, ...] = ("default",), kind: str = "Deployment"
) -> WorkloadProxy:
    namespace, _, plain = name.partition("/")
    images = tuple(f"docker.io/istio/proxyv2:{version}" for version in versions)
    return WorkloadProxy(namespace, kind, plain, images, revisions, (), len(images))


def evidence(*objects: MeshObject, kubernetes: str = "v1.34.4", **more: Any) -> Evidence:
    """A mesh with an istiod of 1.28.3 and whatever is given; an istiod that is given takes its place."""
    has_plane = any(each.labels.get("operator.istio.io/component") == "Pilot" for each in objects)
    has_plane = has_plane or more.pop("bare", False)
    content = (*objects, *(() if has_plane else (istiod(), ISTIOD_BUDGET)))
    cluster = ClusterIdentity("uid", "test", kubernetes)
    state = MemoryState("live", {each.key: each for each in content})
    return Evidence(cluster, ROOT, NOW, state, nodes=more.pop("nodes", (node(),)), **more)


def case(gathered: Evidence, target: Release | None = NEW, revision: str = "") -> Case:
    return Case(gathered, installation_of(gathered.state, gathered.workloads), target, revision)


def findings(check: Check, gathered: Evidence, target: Release | None = NEW, revision: str = "") -> list[Finding]:
    """What one check finds."""
    return [each for each in check(case(gathered, target, revision)) if isinstance(each, Finding)]


def codes(gathered: Evidence, target: Release | None = NEW, revision: str = "", **more: Any) -> dict[str, Finding]:
    """What all of them find."""
    return {each.code: each for each in assess(gathered, target, revision, **more).findings}
