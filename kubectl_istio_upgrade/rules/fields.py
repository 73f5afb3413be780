"""Fields that something else than the user writes at run time: left out when comparing, never when storing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .matching import EVERY_TYPE, Types, types

ANY = "*"
"""In a path: every item of a list."""

WEBHOOKS = types(
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)
VALIDATING = types("validatingwebhookconfigurations.admissionregistration.k8s.io")
SERVICES = types("services")
WORKLOADS = types("deployments.apps", "daemonsets.apps", "statefulsets.apps")
TEMPLATE_ANNOTATIONS = ("spec", "template", "metadata", "annotations")
MAPS_OF_TEXTS = ("annotations", "labels")
"""Maps that mean the same empty as absent: the API server stores no empty one."""


class Condition(Enum):
    """When a row applies, beyond its type."""

    ALWAYS = "always"
    ISTIOD_WEBHOOK = "the object has the label istio.io/rev, by which istiod finds the webhooks it patches"
    AUTOSCALED = "a HorizontalPodAutoscaler targets the workload"


class OnUpdate(Enum):
    """What an update of the object writes into the field."""

    LIVE = "what the cluster has now, be it nothing"
    ALLOCATED = "the value that the cluster has now, where both sides have one; else what the target has"
    TARGET = "the value of the target state"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One row: a field, who writes it, and what becomes of it."""

    id: str
    types: Types
    path: tuple[str, ...]
    writer: str
    why: str
    source: str
    condition: Condition = Condition.ALWAYS
    on_update: OnUpdate = OnUpdate.LIVE
    content: tuple[str | int, ...] = ()
    """Values that somebody has chosen: with one of these the field is compared like any other."""
    on_create: bool = True
    """Whether a new object may begin with the value that another one of its name had."""


FIELDS: tuple[FieldRule, ...] = (
    FieldRule(
        "status",
        EVERY_TYPE,
        ("status",),
        "controllers",
        "what is, not what should be",
        "Kubernetes API conventions",
    ),
    *(
        FieldRule(
            f"deletion-{name}",
            EVERY_TYPE,
            ("metadata", field),
            "API server",
            "that its deletion was asked for is no content: it cannot be written, nor taken back",
            "Kubernetes, apimachinery, pkg/apis/meta/v1/types.go, ObjectMeta",
        )
        for name, field in (("time", "deletionTimestamp"), ("grace", "deletionGracePeriodSeconds"))
    ),
    FieldRule(
        "last-applied",
        EVERY_TYPE,
        ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
        "kubectl apply",
        "a copy of the object for kubectl's own next merge",
        "kubectl",
        on_update=OnUpdate.TARGET,
    ),
    FieldRule(
        "finalizers",
        EVERY_TYPE,
        ("metadata", "finalizers"),
        "controllers",
        "who has set one takes it away after cleaning up: without it a load balancer leaks, and with one of a "
        "controller that has left the object can never be deleted; each controller sets its own again",
        "Kubernetes, finalizers",
        on_create=False,
    ),
    FieldRule(
        "owner-uid",
        EVERY_TYPE,
        ("metadata", "ownerReferences", ANY, "uid"),
        "API server",
        "an owner that was made anew has another one; the old one would get the object garbage-collected",
        "Kubernetes, garbage collection",
    ),
    FieldRule(
        "webhook-ca",
        WEBHOOKS,
        ("webhooks", ANY, "clientConfig", "caBundle"),
        "istiod",
        "follows the CA; a stale one breaks every call to the webhook",
        "pkg/webhooks/webhookpatch.go",
        Condition.ISTIOD_WEBHOOK,
    ),
    FieldRule(
        "webhook-failure-policy",
        VALIDATING,
        ("webhooks", ANY, "failurePolicy"),
        "istiod (pilot-discovery)",
        "goes from Ignore to Fail once istiod has seen itself reject an invalid object",
        "pkg/webhooks/validation/controller/controller.go",
        Condition.ISTIOD_WEBHOOK,
    ),
    FieldRule(
        "cluster-ip",
        SERVICES,
        ("spec", "clusterIP"),
        "API server",
        "immutable while the service lives",
        "Kubernetes",
        on_update=OnUpdate.ALLOCATED,
        content=("None",),
    ),
    FieldRule(
        "cluster-ips",
        SERVICES,
        ("spec", "clusterIPs"),
        "API server",
        "as clusterIP",
        "Kubernetes",
        on_update=OnUpdate.ALLOCATED,
        content=("None",),
    ),
    FieldRule(
        "ip-families",
        SERVICES,
        ("spec", "ipFamilies"),
        "API server",
        "follows the cluster's address families",
        "Kubernetes",
        on_update=OnUpdate.ALLOCATED,
    ),
    FieldRule(
        "node-port",
        SERVICES,
        ("spec", "ports", ANY, "nodePort"),
        "API server",
        "external load balancers point at it; a new number breaks them",
        "https://github.com/istio/istio/issues/31418",
        on_update=OnUpdate.ALLOCATED,
    ),
    FieldRule(
        "health-check-node-port",
        SERVICES,
        ("spec", "healthCheckNodePort"),
        "API server",
        "as nodePort",
        "Kubernetes",
        on_update=OnUpdate.ALLOCATED,
    ),
    FieldRule(
        "autoscaled-replicas",
        WORKLOADS,
        ("spec", "replicas"),
        "HorizontalPodAutoscaler",
        "the load decides, not the manifest; but none at all is somebody's choice, and switches the autoscaler off",
        "Kubernetes, horizontal pod autoscaling: implicit maintenance-mode deactivation",
        Condition.AUTOSCALED,
        content=(0,),
    ),
    FieldRule(
        "deployment-revision",
        types("deployments.apps"),
        ("metadata", "annotations", "deployment.kubernetes.io/revision"),
        "deployment controller",
        "counts rollouts",
        "Kubernetes",
    ),
    FieldRule(
        "daemonset-generation",
        types("daemonsets.apps"),
        ("metadata", "annotations", "deprecated.daemonset.template.generation"),
        "API server",
        "counts changes of the template",
        "Kubernetes",
    ),
    FieldRule(
        "restarted-at",
        WORKLOADS,
        (*TEMPLATE_ANNOTATIONS, "kubectl.kubernetes.io/restartedAt"),
        "kubectl rollout restart",
        "putting an old time back would restart the workload once more",
        "kubectl",
    ),
)

API_VERSION_RULE = FieldRule(
    "served-version",
    EVERY_TYPE,
    ("apiVersion",),
    "API server",
    "the version under which the server happened to serve the object; only its group is content",
    "Kubernetes API concepts",
    on_update=OnUpdate.TARGET,
)
"""Applied by the comparison itself, as it needs both sides."""
