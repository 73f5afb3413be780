"""Mesh scope: which objects make up an Istio installation and its configuration, and which of them are derived.

Captured is what a `ScopeRule` selects, less what is derived: see `derived`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from ..models.objects import Body, Key, MeshObject, ResourceType
from .derived import derived_by, is_derived_type
from .matching import EVERY_TYPE, Types, has_any_label, types

SCOPE_VERSION = 2
"""Of the tables of scope and of what is derived. It rises with every row that takes more or fewer objects, so that two
snapshots of different versions are not taken to say that what only one of them looks for was added or deleted;
`scope_history` has which those are."""

DEFAULT_ROOT_NAMESPACE = "istio-system"

ISTIO_LABELS = (
    "operator.istio.io/component",
    "operator.istio.io/managed",
    "install.operator.istio.io/owning-resource",
    "app.kubernetes.io/part-of=istio",
)
"""Any of these marks an object as installed by istioctl, Istio's charts or its operator (operator/pkg/install)."""

ISTIO_SELECTORS = ("operator.istio.io/component", "app.kubernetes.io/part-of=istio")
"""Label selectors that together find every installed object outside the root namespace: one LIST each."""

GATEWAY_API = types(
    "*.gateway.networking.k8s.io",
    "*.gateway.networking.x-k8s.io",
    "*.inference.networking.k8s.io",
    "*.inference.networking.x-k8s.io",
)
"""Gateway API, its experimental group (XListenerSet, XBackendTrafficPolicy), its inference extension (InferencePool):
istiod reads all three (pilot/pkg/config/kube/gateway/controller.go)."""

CUSTOM_RESOURCES = types("*.*.istio.io", *GATEWAY_API.patterns, "*.sailoperator.io")
"""The groups whose resources configure or install a mesh."""

STEERING_LABELS: Mapping[str, str] = {
    "istio-injection": "turns sidecar injection on or off",
    "istio.io/rev": "chooses the control plane revision or tag",
    "istio.io/dataplane-mode": "puts the namespace into the ambient mesh",
    "istio.io/use-waypoint": "sends its traffic through a waypoint",
    "istio.io/use-waypoint-namespace": "says where that waypoint lives",
    "istio.io/ingress-use-waypoint": "sends ingress traffic through the waypoint too",
    "topology.istio.io/network": "places the namespace in a network",
}
"""The labels of a namespace that are Istio's business. Nothing else of a namespace is stored, compared or restored."""


class Where(Enum):
    """In which namespaces a rule lists."""

    ROOT = "the root namespace"
    EVERYWHERE = "all namespaces, or cluster scope"


class Membership(Enum):
    """Which of the listed objects belong to the mesh."""

    ALL = "every object"
    OF_ISTIO = "by label, by a service reference into the root namespace, or by a subject in it"
    CRD_OF_ISTIO = "definitions of Istio's own, Gateway API's and the Sail operator's groups"


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """One row: which types are listed where, and which of their objects count."""

    id: str
    types: Types
    where: Where
    membership: Membership
    why: str
    selectors: tuple[str, ...] = ("",)
    """One LIST per selector; "" lists without one."""
    namespaced: bool = True


SCOPE: tuple[ScopeRule, ...] = (
    ScopeRule(
        "mesh-configuration",
        CUSTOM_RESOURCES,
        Where.EVERYWHERE,
        Membership.ALL,
        "custom resources are the mesh's configuration, wherever they live",
    ),
    ScopeRule(
        "mesh-configuration-cluster",
        CUSTOM_RESOURCES,
        Where.EVERYWHERE,
        Membership.ALL,
        "GatewayClasses and the Sail operator's resources have no namespace",
        namespaced=False,
    ),
    ScopeRule(
        "namespace-labels",
        types("namespaces"),
        Where.EVERYWHERE,
        Membership.ALL,
        "labels of namespaces steer injection, revision, ambient mode and network; only those labels are taken",
        namespaced=False,
    ),
    ScopeRule(
        "crds",
        types("customresourcedefinitions.apiextensions.k8s.io"),
        Where.EVERYWHERE,
        Membership.CRD_OF_ISTIO,
        "an upgrade changes their schemas, which decide what the configuration may hold",
        namespaced=False,
    ),
    ScopeRule(
        "cluster-scoped",
        types(
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            "validatingadmissionpolicybindings.admissionregistration.k8s.io",
            "clusterroles.rbac.authorization.k8s.io",
            "clusterrolebindings.rbac.authorization.k8s.io",
        ),
        Where.EVERYWHERE,
        Membership.OF_ISTIO,
        "injection, validation and permissions of the control plane (manifests/charts)",
        namespaced=False,
    ),
    ScopeRule(
        "root-namespace",
        EVERY_TYPE,
        Where.ROOT,
        Membership.ALL,
        "everything in the root namespace is part of the installation or depends on it",
    ),
    ScopeRule(
        "components-elsewhere",
        types(
            "deployments.apps",
            "daemonsets.apps",
            "services",
            "serviceaccounts",
            "configmaps",
            "resourcequotas",
            "horizontalpodautoscalers.autoscaling",
            "verticalpodautoscalers.autoscaling.k8s.io",
            "poddisruptionbudgets.policy",
            "roles.rbac.authorization.k8s.io",
            "rolebindings.rbac.authorization.k8s.io",
            "networkpolicies.networking.k8s.io",
            "network-attachment-definitions.k8s.cni.cncf.io",
        ),
        Where.EVERYWHERE,
        Membership.OF_ISTIO,
        "gateways may live in any namespace, CNI in kube-system: only what carries Istio's labels is taken there",
        selectors=ISTIO_SELECTORS,
    ),
)


def scope_rules_for(resource: str, *, namespaced: bool) -> tuple[ScopeRule, ...]:
    """The rules that list this type. A rule for all objects everywhere makes the others superfluous."""
    rules = tuple(rule for rule in SCOPE if rule.namespaced == namespaced and resource in rule.types)
    for rule in rules:
        if rule.where is Where.EVERYWHERE and rule.membership is Membership.ALL:
            return (rule,)
    return rules


def in_scope(type_: ResourceType, obj: MeshObject, root_namespace: str) -> bool:
    """Whether an object, listed or not, is state of the mesh: what a snapshot would hold and a rollback restore."""
    if is_derived_type(type_.resource) or derived_by(obj):
        return False
    return any(
        (rule.where is Where.EVERYWHERE or obj.key.namespace == root_namespace) and belongs(rule, obj, root_namespace)
        for rule in scope_rules_for(type_.resource, namespaced=type_.namespaced)
    )


def is_of_mesh(group: str) -> bool:
    """Whether a row names this group: types of it are what a mesh is made of, wherever they are.

    Of all other groups only what is in the root namespace counts, and there few have anything.
    """
    named = (pattern.partition(".")[2] for rule in SCOPE for pattern in rule.types.patterns)
    return any(fnmatchcase(group, pattern) for pattern in named)


_GROUP = re.compile(r"\*\.([a-z0-9]([a-z0-9.-]*[a-z0-9])?)")


def excluded_group(excluded: str) -> str:
    """The group that is excluded as a whole, written `*.group`; "" where a type is."""
    match = _GROUP.fullmatch(excluded)
    return match[1] if match else ""


def is_excluded(resource: str, excluded: Collection[str]) -> bool:
    """Whether a type is among those, or its group is."""
    return bool(excluded) and (resource in excluded or f"*.{resource.partition('.')[2]}" in excluded)


def belongs(rule: ScopeRule, obj: MeshObject, root_namespace: str) -> bool:
    """Whether a listed object counts as part of the mesh."""
    if rule.membership is Membership.ALL:
        return True
    if rule.membership is Membership.CRD_OF_ISTIO:
        return f"{obj.body['spec']['names']['plural']}.{obj.body['spec']['group']}" in CUSTOM_RESOURCES
    return has_any_label(obj, ISTIO_LABELS) or root_namespace in _referenced_namespaces(obj.body)


def _referenced_namespaces(body: Body) -> set[str]:
    services = ((hook.get("clientConfig") or {}).get("service") or {} for hook in body.get("webhooks") or ())
    subjects = (subject for subject in body.get("subjects") or ())
    return {str(reference["namespace"]) for reference in (*services, *subjects) if reference.get("namespace")}


NAMESPACE = "namespaces"
SECRET = "secrets"  # noqa: S105 - a resource name
CRD = "customresourcedefinitions.apiextensions.k8s.io"


def is_namespace(key: Key) -> bool:
    """Namespaces are field-scoped: see `STEERING_LABELS`."""
    return key.resource == NAMESPACE


def steering_only(obj: MeshObject) -> MeshObject:
    """A namespace reduced to what is Istio's business."""
    labels = {name: value for name, value in obj.labels.items() if name in STEERING_LABELS}
    metadata: Body = {"name": obj.key.name}
    if labels:
        metadata["labels"] = labels
    return MeshObject(obj.key, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, obj.server)
