"""What each version of the scope tables takes that the one before did not, or no longer takes.

Two snapshots of different versions say nothing about these objects: that one of them has none is no sign of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models.objects import Key
from .matching import Types, is_named, types


@dataclass(frozen=True, slots=True)
class ScopeChange:
    """One row: objects that tables before this version treat in another way."""

    version: int
    types: Types
    why: str
    names: tuple[str, ...] = ("*",)


_GROUPS = ("*.gateway.networking.x-k8s.io", "*.inference.networking.k8s.io", "*.inference.networking.x-k8s.io")

SCOPE_CHANGES: tuple[ScopeChange, ...] = (
    ScopeChange(2, types(*_GROUPS), "Gateway API's experimental group and its inference extension are taken"),
    ScopeChange(
        2,
        types("customresourcedefinitions.apiextensions.k8s.io"),
        "and so are their definitions",
        names=_GROUPS,
    ),
    ScopeChange(
        2, types("verticalpodautoscalers.autoscaling.k8s.io"), "those of gateways in other namespaces are taken"
    ),
    ScopeChange(
        2,
        types("gatewayclasses.gateway.networking.k8s.io"),
        "istiod's class for agentgateway is its own",
        names=("istio-agentgateway",),
    ),
    ScopeChange(2, types("services"), "istiod's Services for InferencePools are derived", names=("*-ip-*",)),
    ScopeChange(
        2,
        types(
            "*.wgpolicyk8s.io",
            "*.openreports.io",
            "*.reports.kyverno.io",
            "admissionreports.kyverno.io",
            "backgroundscanreports.kyverno.io",
            "verticalpodautoscalercheckpoints.autoscaling.k8s.io",
        ),
        "what scanners and recommenders write all the time is derived",
    ),
    ScopeChange(2, types("secrets"), "OpenShift's pull secrets are derived", names=("*-dockercfg-*",)),
    ScopeChange(2, types("configmaps"), "OpenShift's CA is derived", names=("openshift-service-ca.crt",)),
)


def judged_alike(key: Key, one: int, other: int) -> bool:
    """Whether the tables of two versions agree about an object, as far as its name and its type tell."""
    between = range(min(one, other) + 1, max(one, other) + 1)
    changes = (change for change in SCOPE_CHANGES if change.version in between)
    return not any(key.resource in change.types and is_named(key, change.names) for change in changes)
