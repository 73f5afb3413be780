"""A small mesh in two states, A and B: the operations under test lead from B back to A, or on to the manifests.

Everything that the engine treats in its own way is in it once. The definitions are small ones of the test's own, so
that etcd and kube-apiserver are all that is needed.
"""

from __future__ import annotations

from typing import Any

from .items import ANNEX, GROUP, ISTIO, ROOT, SHOP, Fate, Item, Scenario, definition

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
ROLLED_OUT = {"observedGeneration": 1_000_000}
"""A Deployment's status from the start: where its replicas are there, every change of it has rolled out at once."""

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
                        "apiGroups": [GROUP],
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
    definition("virtualservices", "VirtualService"),
    definition(
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
        status=ROLLED_OUT,
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

GUARD_NAME = "mutatingwebhookconfigurations.admissionregistration.k8s.io /guard"
"""As dumps name it."""

TENDED = {"metadata": {"annotations": {"tended": "yes"}}}
"""What the second owner writes."""

NEXT = Item("configmaps", "ConfigMap", "next", ROOT, {"data": {"a": "b"}}).body
"""What somebody else applies after a case, whatever state it has led to."""

MESH = Scenario(
    "mesh",
    (*NAMESPACES, *DEFINITIONS, *OBJECTS),
    manifests=(
        _route("changed", "applied").body,
        _route("new", "applied").body,
        Item("destinationrules", "DestinationRule", "changed", SHOP, {"spec": {"host": "applied"}}).body,
        Item("configmaps", "ConfigMap", "istio", ROOT, {"data": {"mesh": "accessLogFile: applied\n"}}).body,
        Item("services", "Service", "istiod", ROOT, labels={"applied": "yes"}).body,
    ),
    recreated=frozenset({f"configmaps {ROOT}/frozen"}),
    staying=frozenset({f"namespaces /{ANNEX}"}),  # by then it may hold what is none of the mesh's
)
