"""A small mesh in two states, A and B: the operations under test lead from B back to A, or on to the manifests.

Everything that the engine treats in its own way is in it once. The definitions are small ones of the test's own, so
that etcd and kube-apiserver are all that is needed.
"""

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
    "deployments": "/apis/apps/v1",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1",
    "mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1",
    "virtualservices": "/apis/networking.istio.io/v1",
    "destinationrules": "/apis/networking.istio.io/v1",
}
"""Where each type of the scenario is served."""

LEFT_OUT = (
    "csistoragecapacities.storage.k8s.io",
    "cronjobs.batch",
    "daemonsets.apps",
    "endpointslices.discovery.k8s.io",
    "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "limitranges",
    "networkpolicies.networking.k8s.io",
    "persistentvolumeclaims",
    "poddisruptionbudgets.policy",
    "podtemplates",
    "replicationcontrollers",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "resourcequotas",
    "rolebindings.rbac.authorization.k8s.io",
    "roles.rbac.authorization.k8s.io",
    "statefulsets.apps",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
)
"""Types of which the scenario has no object: the product does not list them. Thousands of readings are faster for it,
and a list that is spoiled is more often one that matters. The comparison at the end has all types all the same."""


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
    fate: Fate = Fate.KEPT
    change: Json = field(default_factory=dict)
    tended: bool = False
    """It has a second owner in A, so no single write can put back who owns what."""

    @property
    def body(self) -> Json:
        """As it is made."""
        metadata: Json = {"name": self.name, "labels": self.labels}
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


def _definition(plural: str, kind: str, **more: Any) -> Item:
    spec_schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": spec_schema}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": "networking.istio.io", "names": names, "scope": "Namespaced", "versions": [version]}
    name = f"{plural}.networking.istio.io"
    return Item("customresourcedefinitions", "CustomResourceDefinition", name, content={"spec": spec}, **more)


def _route(name: str, host: str = "then", namespace: str = SHOP, **more: Any) -> Item:
    spec = {"hosts": [name], "http": [{"route": [{"destination": {"host": host}}]}]}
    return Item("virtualservices", "VirtualService", name, namespace, {"spec": spec}, **more)


_WORKLOAD = {
    "replicas": 0,
    "selector": {"matchLabels": {"app": "istiod"}},
    "template": {
        "metadata": {"labels": {"app": "istiod"}},
        "spec": {"containers": [{"name": "discovery", "image": "docker.io/istio/pilot:1.28.3"}]},
    },
}
_NEWER = {"spec": {"containers": [{"name": "discovery", "image": "docker.io/istio/pilot:1.29.1"}]}}
_HOOK = {
    "name": "nothing.istio.io",
    "clientConfig": {"service": {"name": "istiod", "namespace": ROOT, "path": "/inject"}},
    "rules": [{"apiGroups": ["nothing.example"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["*"]}],
    "failurePolicy": "Ignore",
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "timeoutSeconds": 10,
}

GUARDED = {"guarded": "yes"}
GUARD = Item(
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    "guard",
    content={
        "webhooks": [
            {
                **_HOOK,
                "name": "guard.istio.io",
                "rules": [
                    {
                        "apiGroups": ["networking.istio.io"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "DELETE"],
                        "resources": ["virtualservices"],
                    }
                ],
                "objectSelector": {"matchLabels": GUARDED},
                "failurePolicy": "Fail",
            }
        ]
    },
    labels=ISTIO,
)
"""It fails closed and nobody ever serves it, so whatever it guards is written by a rollback only while it is relaxed. A
mutating one: of those the comparison at the end has the failure policy, too."""

FROZEN = Item(
    "configmaps",
    "ConfigMap",
    "frozen",
    ROOT,
    {"data": {"a": "then"}},
    fate=Fate.CHANGED,
    change={"data": {"a": "now"}, "immutable": True},
)
"""The way from B to A is a recreation, and back again an update."""

NAMESPACES = (
    Item("namespaces", "Namespace", ROOT),
    Item(
        "namespaces",
        "Namespace",
        SHOP,
        labels={"istio-injection": "enabled"},
        fate=Fate.CHANGED,
        change={"metadata": {"labels": {"istio-injection": "disabled"}}},
    ),
    Item("namespaces", "Namespace", ANNEX, labels={"istio-injection": "enabled"}, fate=Fate.GONE),
)
DEFINITIONS = (
    _definition("virtualservices", "VirtualService"),
    _definition(
        "destinationrules",
        "DestinationRule",
        labels={"chart": "1.28.3"},
        fate=Fate.CHANGED,
        change={"metadata": {"labels": {"chart": "1.29.1"}}, "spec": {"names": {"shortNames": ["dr"]}}},
    ),
)
OBJECTS = (
    Item(
        "clusterroles",
        "ClusterRole",
        "istiod",
        content={"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        labels=ISTIO,
        fate=Fate.CHANGED,
        change={"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]},
    ),
    Item(
        "configmaps",
        "ConfigMap",
        "istio",
        ROOT,
        {"data": {"mesh": "accessLogFile: /dev/stdout\n"}},
        fate=Fate.CHANGED,
        change={"data": {"mesh": "accessLogFile: ''\n", "more": "x"}},
        tended=True,
    ),
    Item("configmaps", "ConfigMap", "untouched", ROOT, {"data": {"a": "b"}}),
    Item("configmaps", "ConfigMap", "added", ROOT, {"data": {"a": "b"}}, fate=Fate.ADDED),
    Item(
        "secrets",
        "Secret",
        "password",
        ROOT,
        {"stringData": {"password": "the value that does not change"}},
        labels={"chart": "1.28.3"},
        fate=Fate.CHANGED,
        change={"metadata": {"labels": {"chart": "1.29.1", "seen": "yes"}}},
        tended=True,
    ),
    Item(
        "services",
        "Service",
        "istiod",
        ROOT,
        {"spec": {"selector": {"app": "istiod"}, "ports": [{"name": "https", "port": 15012}]}},
        fate=Fate.CHANGED,
        change={"spec": {"ports": [{"name": "https", "port": 15017, "targetPort": 15017}]}},
    ),
    Item(
        "deployments",
        "Deployment",
        "istiod",
        ROOT,
        {"spec": _WORKLOAD},
        fate=Fate.CHANGED,
        change={"spec": {"template": _NEWER}},
        tended=True,
    ),
    Item(
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "injector",
        content={"webhooks": [_HOOK]},
        labels=ISTIO,
        fate=Fate.CHANGED,
        change={"webhooks": [{**_HOOK, "timeoutSeconds": 5}]},
    ),
    _route("untouched"),
    _route("changed", fate=Fate.CHANGED, change=_route("changed", "now").content, tended=True),
    _route("gone", labels=GUARDED, fate=Fate.GONE, tended=True),
    _route("added", labels=GUARDED, fate=Fate.ADDED),
    _route("far", namespace=ANNEX, fate=Fate.GONE),
    Item(
        "destinationrules",
        "DestinationRule",
        "changed",
        SHOP,
        {"spec": {"host": "then"}},
        fate=Fate.CHANGED,
        change={"spec": {"host": "now", "subsets": []}},
    ),
    FROZEN,
    GUARD,
)
"""Without namespaces and definitions, which must be there first."""

ALL = (*NAMESPACES, *DEFINITIONS, *OBJECTS)

GUARD_NAME = "mutatingwebhookconfigurations.admissionregistration.k8s.io /guard"
RECREATED = frozenset({f"configmaps {ROOT}/frozen"})
STAYING = frozenset({f"namespaces /{ANNEX}"})
"""As dumps name them: the guard; what may come back as another object; and what no `abort` deletes once it is there,
because a namespace may hold by then what is none of the mesh's."""

TENDED = {"metadata": {"annotations": {"tended": "yes"}}}
"""What the second owner writes."""

ROLLED_OUT = {"status": {"observedGeneration": 1_000_000}}
"""The Deployment's status from the start: with no replicas wanted, every change of it has rolled out at once."""

MANIFESTS = (
    _route("changed", "applied").body,
    _route("new", "applied").body,
    Item("destinationrules", "DestinationRule", "changed", SHOP, {"spec": {"host": "applied"}}).body,
    Item("configmaps", "ConfigMap", "istio", ROOT, {"data": {"mesh": "accessLogFile: applied\n"}}).body,
    Item("services", "Service", "istiod", ROOT, labels={"applied": "yes"}).body,
)
"""What `apply` applies to state B."""

NEXT = Item("configmaps", "ConfigMap", "next", ROOT, {"data": {"a": "b"}}).body
"""What somebody else applies after a case, whatever state it has led to."""
