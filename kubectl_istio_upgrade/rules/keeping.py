"""What a rollback does not do, or does differently, by type: one row a type, with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..models.objects import MeshObject
from .matching import Types, has_any_label, is_named, types

RECREATABLE = types(
    "deployments.apps",
    "daemonsets.apps",
    "statefulsets.apps",
    "services",
    "configmaps",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
    "poddisruptionbudgets.policy",
)
"""Types whose objects may be deleted and created again when a field cannot be changed in place: nothing is lost with
them that the snapshot does not hold. Any other object is kept then."""

_SERVICES = "Kubernetes, pkg/apis/core/validation/validation.go: addresses, their families, loadBalancerClass"

IMMUTABLE: Mapping[str, str] = {
    "immutable": "Kubernetes, apimachinery, pkg/api/validation/objectmeta.go, and whoever says it in the same word",
    "cannot change roleRef": "Kubernetes, pkg/apis/rbac/validation/validation.go",
    "updates to statefulset spec for fields other than": "Kubernetes, pkg/apis/apps/validation/validation.go",
    "may not change once set": _SERVICES,
    "can not be unset": _SERVICES,
}
"""Words by which API servers say that a field cannot be changed in place, and where they are from."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row: objects that stay as they are, whatever the target says."""

    types: Types
    why: str
    names: tuple[str, ...] = ("*",)
    labels: tuple[str, ...] = ()
    """Any of these suffices, whatever the name."""
    unless_named: bool = False
    """`--restore-secret NAMESPACE/NAME` lets it go the way of any other object."""


KEPT: tuple[Kept, ...] = (
    Kept(
        types("secrets"),
        "the key of the mesh's CA is never put back or deleted unless it is named",
        names=("istio-ca-secret", "cacerts"),
        unless_named=True,
    ),
    Kept(
        types("secrets"),
        "access to another cluster of the mesh is never put back or deleted unless it is named",
        names=("istio-remote-secret-*", "istio-kubeconfig"),
        labels=("istio/multiCluster=true",),
        unless_named=True,
    ),
    Kept(types("persistentvolumeclaims"), "it holds data, which no snapshot has"),
    Kept(types("jobs.batch"), "creating it again would run it again"),
)

MADE_WITH_NAMESPACE: tuple[tuple[str, str], ...] = (("serviceaccounts", "default"),)
"""Objects that controllers make as soon as their namespace exists: when a plan that creates the namespace comes to
them they are there already, and are updated instead of created."""


def kept_reason(obj: MeshObject, named: Collection[str] = ()) -> str:
    """Why this object always stays as it is; "" when it does not.

    `named` are the Secrets that the user has named, as NAMESPACE/NAME.
    """
    name = f"{obj.key.namespace}/{obj.key.name}"
    for row in KEPT:
        if obj.key.resource in row.types and (is_named(obj.key, row.names) or has_any_label(obj, row.labels)):
            if not row.unless_named:
                return row.why
            if name not in named:
                return f"{row.why}: --restore-secret {name}"
    return ""
