"""In which order objects are written. One table; deletions go through it backwards, after everything else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..models.objects import Key
from .matching import EVERY_TYPE, Types, is_named, types
from .scope import CUSTOM_RESOURCES


class Wait(Enum):
    """What has to be true before the next stage starts."""

    NOTHING = "nothing"
    ESTABLISHED = "every definition is established and served"
    ROLLED_OUT = "every workload has rolled out"
    GONE = "everything deleted is gone"


@dataclass(frozen=True, slots=True)
class Stage:
    """One row."""

    name: str
    types: Types
    why: str
    wait: Wait = Wait.NOTHING
    names: tuple[str, ...] = ("*",)
    needed: bool = True
    """Whether later stages need what is waited for. If not, the run goes on without it and tells so at its end."""


RELAXING = "dead webhooks"
PUT_BACK = "webhooks put back"
FREED = "services that make room"
NEWER_VALUES = "values of a newer release"
NARROWED_CRDS = "narrowed definitions"
NAMESPACE_LABELS = "namespace labels"
PARTS_AGAIN = "parts of the installation again"
WORKLOADS_AGAIN = "workloads again"
RETIRED_WEBHOOKS = "webhooks of a control plane that goes"
RETIRED = "control plane that goes"
RETIRED_RECORDS = "release that goes"
RETIREMENT = (RETIRED_WEBHOOKS, RETIRED, RETIRED_RECORDS)

STAGES: tuple[Stage, ...] = (
    Stage(
        RELAXING,
        types(),
        "a webhook that fails closed while nobody serves it blocks what follows: relaxed here, put back at the end",
    ),
    Stage("namespaces", types("namespaces"), "everything else lives in them; only new ones are made here"),
    Stage(
        "definitions",
        types("customresourcedefinitions.apiextensions.k8s.io"),
        "custom resources need their type to exist and to be served",
        Wait.ESTABLISHED,
    ),
    Stage(
        "permissions",
        types("*.rbac.authorization.k8s.io", "serviceaccounts"),
        "workloads start with them",
    ),
    Stage(
        "configuration",
        types("configmaps", "secrets", "resourcequotas", "*.policy", "*.networking.k8s.io"),
        "workloads read it when they start; the injector's template must be there before its istiod",
    ),
    Stage(
        FREED,
        types(),
        "deletions: a Service gets its node port or address back only when the one that has it now is gone",
        Wait.GONE,
    ),
    Stage("services", types("services", "endpointslices.discovery.k8s.io"), "workloads are reached through them"),
    Stage("other", EVERY_TYPE, "types without a place of their own; workloads may need them, such as certificates"),
    Stage(
        NEWER_VALUES,
        types(),
        "an istiod does not start while an object holds a value that its release does not know; deletions, too",
    ),
    Stage(
        "control plane",
        types("deployments.apps"),
        "istiod must run to inject what starts next and to validate what follows",
        Wait.ROLLED_OUT,
        names=("istiod", "istiod-*"),
    ),
    Stage(
        "injection",
        types("mutatingwebhookconfigurations.admissionregistration.k8s.io"),
        "gateways (`image: auto`) and sidecars get their proxy from the istiod that now runs",
    ),
    Stage(
        "workloads",
        types("*.apps", "*.batch", "*.autoscaling", "*.autoscaling.k8s.io", "replicationcontrollers"),
        "gateways, CNI and the rest of the installation; a broken node must not keep the mesh configuration away",
        Wait.ROLLED_OUT,
        needed=False,
    ),
    Stage(
        "mesh configuration",
        CUSTOM_RESOURCES,
        "validated by the istiod that will serve it",
    ),
    Stage(
        NARROWED_CRDS,
        types(),
        "a schema that allows less comes back after the objects that used more have changed",
        Wait.ESTABLISHED,
    ),
    Stage(
        "validation",
        types("*.admissionregistration.k8s.io"),
        "last of the objects, when what they call is up: a webhook that nobody serves blocks every write",
    ),
    Stage(
        NAMESPACE_LABELS,
        types(),
        "they steer new pods to an injector, which must be there by then",
    ),
    Stage(PUT_BACK, types(), "after every write and deletion that the webhook would have refused"),
    Stage(
        PARTS_AGAIN,
        types(),
        "an istiod that has to read something anew comes before the pods that it injects",
        Wait.ROLLED_OUT,
    ),
    Stage(
        WORKLOADS_AGAIN,
        types(),
        "pods get their proxy when they are made, so their injector and all it goes by must be right by then",
        Wait.ROLLED_OUT,
    ),
    Stage(
        RETIRED_WEBHOOKS,
        types(),
        "deletions, and none before the workloads have left it: until then it serves them (istio.io: upgrade/canary)",
    ),
    Stage(RETIRED, types(), "deletions, after those of the webhooks that it answers"),
    Stage(
        RETIRED_RECORDS,
        types(),
        "deletions: Helm has a release until nothing of it is left (helm/helm, pkg/action/uninstall.go)",
    ),
)

_BY_NAME = {stage.name: number for number, stage in enumerate(STAGES)}
_OTHER = _BY_NAME["other"]

TOGETHER: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = (
    (("configmaps", "istio-sidecar-injector{}"), ("deployments.apps", "istiod{}")),
)
"""Pairs that make sense only together, `{}` being the revision suffix: the injection template is locked to the
version of its istiod, which refuses to inject with another (manifests/charts/istio-control/istio-discovery)."""


def stage_of(key: Key) -> int:
    """The number of the stage that writes this object."""
    for number, stage in enumerate(STAGES):
        if number != _OTHER and key.resource in stage.types and is_named(key, stage.names):
            return number
    return _OTHER


def stage_named(name: str) -> int:
    """The number of a stage."""
    return _BY_NAME[name]
