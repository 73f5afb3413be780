"""What an IstioOperator can say of a component's objects beyond its values: `spec.components.*.k8s`.

istioctl patches the rendered objects with these fields, so they are in no values and are recorded nowhere in the mesh:
they are found by what they did. Source: operator/pkg/render/postprocess.go (1.28.3, 1.29.1: the same), of which every
row is one patch; operator/pkg/component/component.go for the components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..models.changes import ItemKey, Path
from .matching import Types, types


@dataclass(frozen=True, slots=True)
class OperatorComponent:
    """One component of an IstioOperator, by the value of the label `operator.istio.io/component`."""

    label: str
    spec_name: str
    """Below `spec.components`."""
    container: str
    """The container that `env`, `resources` and the like are patched into."""
    is_gateway: bool = False
    """Then `spec.components` has a list, one item for each by name."""
    default: bool = False
    """Enabled in the profile `default`."""


COMPONENTS: tuple[OperatorComponent, ...] = (
    OperatorComponent("Base", "base", "", default=True),
    OperatorComponent("Pilot", "pilot", "discovery", default=True),
    OperatorComponent("IngressGateways", "ingressGateways", "istio-proxy", is_gateway=True, default=True),
    OperatorComponent("EgressGateways", "egressGateways", "istio-proxy", is_gateway=True),
    OperatorComponent("Cni", "cni", "install-cni"),
    OperatorComponent("Ztunnel", "ztunnel", "istio-proxy"),
)

BY_LABEL: Mapping[str, OperatorComponent] = {component.label: component for component in COMPONENTS}


class Part(Enum):
    """How much of what is at the path a field takes: the patches merge maps and keyed lists, and replace the rest."""

    WHOLE = "the value as it is"
    ENTRIES = "the entries of the map that differ"
    ITEMS = "the items of the list that differ"


@dataclass(frozen=True, slots=True)
class OperatorField:
    """One row: a field below `k8s`, and where in which object istioctl puts it."""

    name: str
    types: Types
    path: Path
    part: Part = Part.WHOLE


CONTAINER = ItemKey(("name",), ("{container}",))
"""Stands for the component's container."""

_WORKLOADS = types("deployments.apps", "daemonsets.apps")
_POD: Path = ("spec", "template", "spec")
_MAIN: Path = (*_POD, "containers", CONTAINER)

FIELDS: tuple[OperatorField, ...] = (
    OperatorField("affinity", _WORKLOADS, (*_POD, "affinity")),
    OperatorField("env", _WORKLOADS, (*_MAIN, "env"), Part.ITEMS),
    OperatorField("imagePullPolicy", _WORKLOADS, (*_MAIN, "imagePullPolicy")),
    OperatorField("nodeSelector", _WORKLOADS, (*_POD, "nodeSelector"), Part.ENTRIES),
    OperatorField("podAnnotations", _WORKLOADS, ("spec", "template", "metadata", "annotations"), Part.ENTRIES),
    OperatorField("priorityClassName", _WORKLOADS, (*_POD, "priorityClassName")),
    OperatorField("readinessProbe", _WORKLOADS, (*_MAIN, "readinessProbe")),
    OperatorField("replicaCount", _WORKLOADS, ("spec", "replicas")),
    OperatorField("resources", _WORKLOADS, (*_MAIN, "resources")),
    OperatorField("strategy", _WORKLOADS, ("spec", "strategy")),
    OperatorField("tolerations", _WORKLOADS, (*_POD, "tolerations")),
    OperatorField("securityContext", _WORKLOADS, (*_POD, "securityContext"), Part.ENTRIES),
    OperatorField("serviceAnnotations", types("services"), ("metadata", "annotations"), Part.ENTRIES),
    OperatorField("service", types("services"), ("spec",), Part.ENTRIES),
    OperatorField("hpaSpec", types("horizontalpodautoscalers.autoscaling"), ("spec",), Part.ENTRIES),
    OperatorField("podDisruptionBudget", types("poddisruptionbudgets.policy"), ("spec",), Part.ENTRIES),
)

RECORDS: Mapping[str, str] = {
    "values": "a record of the values, rendered for people and tools; nothing reads it",
}
"""Config maps (name without the revision's suffix) whose content is no setting, and why."""
