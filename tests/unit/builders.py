"""Objects and states made in a line, for tests of the pure core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubectl_istio_upgrade.models.objects import (
    Body,
    Completeness,
    Key,
    MemoryState,
    MeshObject,
    NotCaptured,
    ResourceType,
    ServerFields,
)

KINDS: Mapping[str, tuple[str, str, str, bool]] = {
    "AuthorizationPolicy": ("security.istio.io", "v1", "authorizationpolicies", True),
    "ClusterRole": ("rbac.authorization.k8s.io", "v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", False),
    "ConfigMap": ("", "v1", "configmaps", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io", "v1", "customresourcedefinitions", False),
    "DaemonSet": ("apps", "v1", "daemonsets", True),
    "Deployment": ("apps", "v1", "deployments", True),
    "DestinationRule": ("networking.istio.io", "v1", "destinationrules", True),
    "EnvoyFilter": ("networking.istio.io", "v1alpha3", "envoyfilters", True),
    "GatewayClass": ("gateway.networking.k8s.io", "v1", "gatewayclasses", False),
    "HTTPRoute": ("gateway.networking.k8s.io", "v1", "httproutes", True),
    "HorizontalPodAutoscaler": ("autoscaling", "v2", "horizontalpodautoscalers", True),
    "InferencePool": ("inference.networking.k8s.io", "v1", "inferencepools", True),
    "Istio": ("sailoperator.io", "v1", "istios", False),
    "IstioOperator": ("install.istio.io", "v1alpha1", "istiooperators", True),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", False),
    "Job": ("batch", "v1", "jobs", True),
    "Namespace": ("", "v1", "namespaces", False),
    "NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies", True),
    "PersistentVolumeClaim": ("", "v1", "persistentvolumeclaims", True),
    "Secret": ("", "v1", "secrets", True),
    "Service": ("", "v1", "services", True),
    "ServiceAccount": ("", "v1", "serviceaccounts", True),
    "StatefulSet": ("apps", "v1", "statefulsets", True),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", False),
    "VirtualService": ("networking.istio.io", "v1", "virtualservices", True),
    "VerticalPodAutoscaler": ("autoscaling.k8s.io", "v1", "verticalpodautoscalers", True),
    "WasmPlugin": ("extensions.istio.io", "v1alpha1", "wasmplugins", True),
    "XListenerSet": ("gateway.networking.x-k8s.io", "v1alpha1", "xlistenersets", True),
}


def type_of(kind: str) -> ResourceType:
    group, version, plural, namespaced = KINDS[kind]
    return ResourceType(group, version, kind, plural, namespaced, singular=kind.lower())


TYPES = tuple(type_of(kind) for kind in KINDS)


def obj(
    kind: str, name: str, *, version: str = "1", uid: str = "", managed: Iterable[Body] = (), **body: object
) -> MeshObject:
    """`obj("ConfigMap", "istio-system/istio", data={…})`; `labels` and `annotations` go into the metadata."""
    type_ = type_of(kind)
    namespace, _, plain = name.rpartition("/")
    metadata: Body = {"name": plain}
    if namespace:
        metadata["namespace"] = namespace
    for field in ("labels", "annotations", "ownerReferences"):
        if field in body:
            metadata[field] = body.pop(field)
    content = {"apiVersion": type_.api_version, "kind": kind, "metadata": metadata, **body}
    server = ServerFields(uid or f"uid-{name}", version, managed_fields=tuple(managed))
    return MeshObject(type_.key(content), content, server)


def state(
    *objects: MeshObject,
    label: str = "live",
    without: Iterable[str] = (),
    completeness: Completeness = Completeness.COMPLETE,
) -> MemoryState:
    excluded = tuple(NotCaptured(resource, "excluded") for resource in without)
    return MemoryState(label, {item.key: item for item in objects}, TYPES, excluded, completeness)


def key(kind: str, name: str) -> Key:
    return obj(kind, name).key
