"""Objects that controllers make from others: never captured, never restored. One row each, with who makes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..models.objects import MeshObject
from .matching import EVERY_TYPE, Types, has_any_label, is_named, types


@dataclass(frozen=True, slots=True)
class DerivedRule:
    """One row: objects that a controller makes from others. Restoring them would be wrong or pointless."""

    id: str
    types: Types
    why: str
    source: str
    names: tuple[str, ...] = ("*",)
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    secret_type: str = ""
    whole_type: bool = False
    """True: no object of the type is ever state, so the type is not even listed."""


OWN_NAME = "kubectl-istio-upgrade"
"""The roles and bindings of this tool's users are called so, and by what they are for."""

DERIVED: tuple[DerivedRule, ...] = (
    DerivedRule(
        "runtime-types",
        types(
            "pods",
            "replicasets.apps",
            "controllerrevisions.apps",
            "endpoints",
            "events",
            "events.events.k8s.io",
            "leases.coordination.k8s.io",
            "*.metrics.k8s.io",
        ),
        "controllers and kubelets make them from the objects that are captured",
        "Kubernetes",
        whole_type=True,
    ),
    DerivedRule(
        "endpoint-slices",
        types("endpointslices.discovery.k8s.io"),
        "the endpoint slice controllers make them from services and pods",
        "Kubernetes, well-known label endpointslice.kubernetes.io/managed-by",
        labels=(
            "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io",
            "endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io",
        ),
    ),
    DerivedRule(
        "leader-election",
        types("configmaps"),
        "istiod's leader locks; restoring one would depose a leader",
        "pilot/pkg/leaderelection",
        annotations=("control-plane.alpha.kubernetes.io/leader",),
    ),
    DerivedRule(
        "leader-election-names",
        types("configmaps"),
        "istiod's leader locks, between two holders",
        "pilot/pkg/leaderelection",
        names=("istio-leader", "istio-*-leader", "istio-*-election", "istio-gateway-deployment*"),
    ),
    DerivedRule(
        "root-certificates",
        types("configmaps"),
        "written into every namespace by istiod and by the controller manager",
        "security/pkg/k8s/controller; kube-controller-manager root-ca-cert-publisher",
        names=("istio-ca-root-cert", "istio-ca-crl", "kube-root-ca.crt"),
    ),
    DerivedRule(
        "service-account-tokens",
        types("secrets"),
        "made and deleted by the token controller",
        "kube-controller-manager",
        secret_type="kubernetes.io/service-account-token",  # noqa: S106 - a type of Secret, not a secret
    ),
    DerivedRule(
        "openshift-pull-secrets",
        types("secrets"),
        "OpenShift makes them for its own registry and renews them all the time",
        "openshift-controller-manager, since 4.16; before it pkg/serviceaccounts/controllers",
        annotations=("openshift.io/internal-registry-auth-token.service-account", "openshift.io/token-secret.name"),
    ),
    DerivedRule(
        "openshift-service-ca",
        types("configmaps"),
        "written into every namespace by OpenShift, and again when its CA is renewed",
        "kube-controller-manager of OpenShift, service-ca-cert-publisher",
        names=("openshift-service-ca.crt",),
    ),
    DerivedRule(
        "reports",
        types(
            "*.wgpolicyk8s.io",
            "*.openreports.io",
            "*.reports.kyverno.io",
            "admissionreports.kyverno.io",
            "backgroundscanreports.kyverno.io",
        ),
        "Kyverno and other scanners write what they find about objects, again after every change and every scan",
        "the Policy Report API of the Kubernetes Policy working group, OpenReports; Kyverno, reporting",
        whole_type=True,
    ),
    DerivedRule(
        "recommendations",
        types("verticalpodautoscalercheckpoints.autoscaling.k8s.io"),
        "the recommender's own memory of what pods have used, written every minute",
        "kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/checkpoint",
        whole_type=True,
    ),
    DerivedRule(
        "deployed-gateways",
        EVERY_TYPE,
        "istiod deploys them from a Gateway, which is captured",
        "pilot/pkg/config/kube/gateway/deploymentcontroller.go",
        labels=("gateway.istio.io/managed",),
    ),
    DerivedRule(
        "gateway-classes",
        types("gatewayclasses.gateway.networking.k8s.io"),
        "istiod makes its own classes at every start",
        "pilot/pkg/config/kube/gateway/gatewayclass.go and deploymentcontroller.go",
        names=("istio", "istio-remote", "istio-waypoint", "istio-east-west", "istio-agentgateway"),
    ),
    DerivedRule(
        "inference-services",
        types("services"),
        "istiod makes one for each InferencePool, which is captured",
        "pilot/pkg/config/kube/gateway/inferencepool_collection.go",
        labels=("istio.io/inferencepool-name",),
    ),
    DerivedRule(
        "auto-registered-workloads",
        types("workloadentries.networking.istio.io"),
        "istiod registers and removes them as proxies connect",
        "pilot/pkg/autoregistration",
        annotations=("istio.io/autoRegistrationGroup",),
    ),
    DerivedRule(
        "own-permissions",
        types("*.rbac.authorization.k8s.io"),
        "the permissions of this tool's users; a rollback that took them away would stop half-way",
        "`kubectl istio-upgrade rbac`",
        names=(f"{OWN_NAME}-*",),
    ),
)

POD_OWNED = DerivedRule(
    "pod-owned",
    EVERY_TYPE,
    "it comes and goes with its pod, such as the endpoints of a CNI",
    "Kubernetes, metadata.ownerReferences[].kind",
)

CONTROLLER_OWNED = DerivedRule(
    "controller-owned",
    EVERY_TYPE,
    "its controlling owner makes it",
    "Kubernetes, metadata.ownerReferences[].controller",
)


def is_derived_type(resource: str) -> bool:
    """True for types of which no object is ever state."""
    return any(rule.whole_type and resource in rule.types for rule in DERIVED)


def derived_by(obj: MeshObject) -> DerivedRule | None:
    """The row that makes this object derived, or None when it is state."""
    owners = obj.body.get("metadata", {}).get("ownerReferences") or ()
    if any(owner.get("controller") for owner in owners):
        return CONTROLLER_OWNED
    if any(owner.get("kind") == "Pod" for owner in owners):
        return POD_OWNED
    return next((rule for rule in _derived_rules_for(obj.key.resource) if _applies(rule, obj)), None)


@cache
def _derived_rules_for(resource: str) -> tuple[DerivedRule, ...]:
    return tuple(rule for rule in DERIVED if resource in rule.types)


def _applies(rule: DerivedRule, obj: MeshObject) -> bool:
    if not is_named(obj.key, rule.names):
        return False
    if rule.labels and not has_any_label(obj, rule.labels):
        return False
    if rule.annotations and not any(name in obj.annotations for name in rule.annotations):
        return False
    return not rule.secret_type or obj.body.get("type") == rule.secret_type
