"""What the mesh of the matrix is made of: objects, what becomes of them between two states, and scenarios of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

ROOT, SHOP, ANNEX = "istio-system", "shop", "annex"
ISTIO = {"app.kubernetes.io/part-of": "istio"}
INSTALLER, TENDER, SOMEBODY = "installer", "tender", "somebody-else"
"""Who made the objects, who wrote a part of some before A, and who changed them after it."""

API = {
    "namespaces": "/api/v1",
    "configmaps": "/api/v1",
    "secrets": "/api/v1",
    "services": "/api/v1",
    "pods": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "virtualservices": "/apis/networking.istio.io/v1",
    "destinationrules": "/apis/networking.istio.io/v1",
    "gateways": "/apis/networking.istio.io/v1",
    "serviceentries": "/apis/networking.istio.io/v1",
    "sidecars": "/apis/networking.istio.io/v1",
}
"""Where each type is served."""

GROUP = "networking.istio.io"
"""The group whose types are defined by objects of the mesh, and so may come and go."""


class Fate(StrEnum):
    """What becomes of an object between A and B."""

    KEPT = "the same in both"
    CHANGED = "changed by a merge patch"
    GONE = "only in A"
    ADDED = "only in B"


@dataclass(frozen=True)
class Item:
    """One object of the mesh."""

    plural: str
    kind: str
    name: str
    namespace: str = ""
    content: Json = field(default_factory=dict)
    labels: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    fate: Fate = Fate.KEPT
    change: Json = field(default_factory=dict)
    tended: bool = False
    """It has a second owner in A, so no single write can put back who owns what."""
    status: Json = field(default_factory=dict)
    """As its controller would write it, had it one."""
    owner: str = ""
    """The path of the object that controls it."""

    @property
    def body(self) -> Json:
        """As it is made."""
        metadata: Json = {"name": self.name, "labels": self.labels, **self.metadata}
        if self.namespace:
            metadata["namespace"] = self.namespace
        return {"apiVersion": api_version(self.plural), "kind": self.kind, "metadata": metadata, **self.content}

    @property
    def path(self) -> str:
        """The object at the API server."""
        return object_path(self.plural, self.namespace, self.name)


def api_version(plural: str) -> str:
    """`v1`, `apps/v1`."""
    return API[plural].removeprefix("/api/").removeprefix("/apis/")


def collection_path(plural: str, namespace: str) -> str:
    """All objects of a type, in a namespace if it has any."""
    return f"{API[plural]}/namespaces/{namespace}/{plural}" if namespace else f"{API[plural]}/{plural}"


def object_path(plural: str, namespace: str, name: str) -> str:
    """One object."""
    return f"{collection_path(plural, namespace)}/{name}"


def definition(plural: str, kind: str, **more: Any) -> Item:
    """One of this test's own: small, and refusing nothing."""
    spec_schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": spec_schema}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]}
    name = f"{plural}.{GROUP}"
    return Item("customresourcedefinitions", "CustomResourceDefinition", name, content={"spec": spec}, **more)


@dataclass(frozen=True)
class Scenario:
    """What is different between A and B, and between B and what an operation promises where that is not A."""

    name: str
    items: tuple[Item, ...]
    """In the order in which they can be made."""
    manifests: tuple[Json, ...] = ()
    """What `apply` applies to B."""
    restarted: tuple[Item, ...] = ()
    """What is restarted: on the way to B where `has_restarted`, else on the way on from it."""
    has_restarted: bool = False
    sealed: bool = False
    """The store has a recipient, and every command the identity."""
    recreated: frozenset[str] = frozenset()
    """As dumps name them: what may come back as another object."""
    staying: frozenset[str] = frozenset()
    """What no `abort` deletes once it is there."""
