"""How people group the objects of a mesh when they read about them."""

from __future__ import annotations

from collections.abc import Mapping

from ..models.objects import MeshObject
from .matching import Types, types
from .scope import GATEWAY_API

COMPONENT_LABEL = "operator.istio.io/component"

COMPONENT_NAMES: Mapping[str, str] = {
    "Base": "base",
    "Pilot": "control plane",
    "IngressGateways": "ingress gateways",
    "EgressGateways": "egress gateways",
    "Cni": "cni",
    "Ztunnel": "ztunnel",
}

COMPONENTS: tuple[tuple[str, Types], ...] = (
    ("definitions", types("customresourcedefinitions.apiextensions.k8s.io")),
    ("namespaces", types("namespaces")),
    ("traffic", types("*.networking.istio.io")),
    ("security", types("*.security.istio.io")),
    ("telemetry", types("*.telemetry.istio.io")),
    ("extensions", types("*.extensions.istio.io")),
    ("gateway api", GATEWAY_API),
    ("admission", types("*.admissionregistration.k8s.io")),
)

ORDER: tuple[str, ...] = (
    "definitions",
    *COMPONENT_NAMES.values(),
    "admission",
    "root namespace",
    "namespaces",
    "gateway api",
    "traffic",
    "security",
    "telemetry",
    "extensions",
)


def component_of(obj: MeshObject) -> str:
    """The group under which an object is shown."""
    first, rest = COMPONENTS[0], COMPONENTS[1:]
    if obj.key.resource in first[1]:
        return first[0]
    labelled = obj.labels.get(COMPONENT_LABEL)
    if labelled:
        return COMPONENT_NAMES.get(labelled, labelled.lower())
    return next((name for name, types_ in rest if obj.key.resource in types_), "root namespace")


def component_rank(name: str) -> tuple[int, str]:
    """Sort key for groups."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
