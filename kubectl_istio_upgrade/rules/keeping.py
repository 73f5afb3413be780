"""What a rollback does not do, or does differently, by type: one row a type, with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from ..models.objects import Key
from .matching import Types, types

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

IMMUTABLE = ("immutable", "cannot change roleRef", "updates to statefulset spec for fields other than")
"""Words by which API servers say that a field cannot be changed in place."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row: objects that stay as they are, whatever the target says."""

    types: Types
    names: tuple[str, ...]
    """Empty for all."""
    why: str


KEPT: tuple[Kept, ...] = (
    Kept(
        types("secrets"),
        ("istio-ca-secret", "cacerts"),
        "the key of the mesh's CA is never put back or deleted unasked",
    ),
    Kept(types("persistentvolumeclaims"), (), "it holds data, which no snapshot has"),
    Kept(types("jobs.batch"), (), "creating it again would run it again"),
)

MADE_WITH_NAMESPACE: tuple[tuple[str, str], ...] = (("serviceaccounts", "default"),)
"""Objects that controllers make as soon as their namespace exists: when a plan that creates the namespace comes to
them they are there already, and are updated instead of created."""


def kept_reason(key: Key) -> str:
    """Why objects with this key always stay as they are; "" when they do not."""
    return next((row.why for row in KEPT if key.resource in row.types and (not row.names or key.name in row.names)), "")
