"""When pods have to be made anew, by which fields that shows, and what stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from ..models.objects import Body
from .fields import TEMPLATE_ANNOTATIONS
from .matching import Types, types

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""The annotation of a pod template by which `kubectl rollout restart` makes a controller replace all pods."""

RESTARTED_AT_PATH = (*TEMPLATE_ANNOTATIONS, RESTARTED_AT)

FOLLOWS = 3.0
"""Seconds from the last write to a mesh to the first restart in it: istiod follows its configuration by watches, which
takes it less than one, and a pod that comes too early would be injected by that of before."""

BATCH = 5
"""Workloads that are restarted at once, if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row: a field of an injected container by which an outdated one is told."""

    field: str
    what: str
    why: str


COMPARED: tuple[Compared, ...] = (
    Compared("image", "image", "the proxy's version; the guide's second reason to restart"),
    Compared("securityContext", "securityContext", "the guide's third reason"),
    Compared("args", "arguments", "the injection template, the guide's first reason, decides them"),
    Compared("command", "command", "the same"),
    Compared("env", "variables", "the same; the mesh's proxy configuration is in PROXY_CONFIG"),
    Compared("resources", "resources", "the same; unless a vertical autoscaler decides them"),
    Compared("ports", "ports", "the same"),
    Compared("volumeMounts", "volume mounts", "the same; the token of the service account apart, whose name is random"),
    Compared("lifecycle", "lifecycle", "the same"),
    Compared("readinessProbe", "readinessProbe", "the same"),
    Compared("livenessProbe", "livenessProbe", "the same"),
    Compared("startupProbe", "startupProbe", "the same"),
    Compared("restartPolicy", "restartPolicy", "a native sidecar (since 1.27) is an init container that stays"),
)
"""The most telling first. What is not here may be written by others at any time."""

INJECTED = ("istio-proxy", "istio-init", "istio-validation", "enable-core-dump")
"""Containers that injection adds (pkg/kube/inject/inject.go); `sidecar.istio.io/status` of a pod names them, too."""

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
"""Where every container has its service account's token, from a volume with a random name."""

AUTOSCALER_MARK = "vpa"
"""How the annotations begin that a vertical autoscaler leaves on the pods whose resources it decides."""

HASH_LABELS = (
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
)
"""Labels that controllers add to those of the template. The injector recognises a Deployment by the first."""

DEPLOYED_GATEWAY = "gateway.istio.io/managed"
ROLLS_ITSELF = "istiod deploys it from its Gateway, and rolls it by itself when its release or template changes"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One row: a workload that is not restarted, although it could be out of date."""

    holds: Callable[[Body], bool]
    why: str
    source: str


def _strategy(body: Body) -> Mapping[str, object]:
    return (body.get("spec") or {}).get("updateStrategy") or {}


def _partition(body: Body) -> int:
    rolling = _strategy(body).get("rollingUpdate")
    return int(rolling.get("partition") or 0) if isinstance(rolling, dict) else 0


OBSTACLES: tuple[Obstacle, ...] = (
    Obstacle(
        lambda body: "deletionTimestamp" in body["metadata"],
        "it is being deleted",
        "Kubernetes API conventions",
    ),
    Obstacle(
        lambda body: DEPLOYED_GATEWAY in (body["metadata"].get("labels") or {}),
        ROLLS_ITSELF,
        "pilot/pkg/config/kube/gateway/deploymentcontroller.go",
    ),
    Obstacle(
        lambda body: bool((body.get("spec") or {}).get("paused")),
        "its rollouts are paused: `kubectl rollout resume` first",
        "Kubernetes, Deployments",
    ),
    Obstacle(
        lambda body: _strategy(body).get("type") == "OnDelete",
        "its update strategy is OnDelete: its pods are replaced when somebody deletes them",
        "Kubernetes, update strategies of DaemonSets and StatefulSets",
    ),
    Obstacle(
        lambda body: _partition(body) > 0,
        "its update strategy has a partition: the pods below it would stay as they are",
        "Kubernetes, partitioned rolling updates of StatefulSets",
    ),
)
"""First match wins."""

NOT_RESTARTABLE: Mapping[str, str] = {
    "Pod": "nothing would create it anew: delete it and create it yourself",
    "ReplicaSet": "no Deployment owns it, and a ReplicaSet alone replaces no pods: delete them one by one",
    "ReplicationController": "it replaces no pods by itself: delete them one by one",
    "Job": "it runs to its end; whatever is started next gets the new proxy",
    "Node": "its kubelet runs it from a file",
    "Rollout.argoproj.io": "its own controller restarts it: `kubectl argo rollouts restart`",
}
"""By the kind of what controls the pods: why this program does not restart it."""

NOT_KNOWN = "this program does not know how to restart a {kind}"


class When(Enum):
    """What has to have happened to an object since a part's pods started, so that they have to start again."""

    CHANGED = "changed"
    APPEARED = "made"


@dataclass(frozen=True, slots=True)
class StartInput:
    """One row: an object that a part of the installation reads at its start and not again."""

    component: str
    """The value of `operator.istio.io/component`."""
    types: Types
    name: str
    """`{}` is the revision suffix."""
    when: When
    why: str
    source: str


READ_AT_START: tuple[StartInput, ...] = (
    StartInput(
        "Pilot",
        types("secrets"),
        "istio-kubeconfig",
        When.CHANGED,
        "istiod reads it once: it is how it reaches the API server of another cluster",
        "manifests/charts/istio-control/istio-discovery/templates/deployment.yaml: KUBECONFIG",
    ),
    StartInput(
        "Pilot",
        types("secrets"),
        "istiod-tls",
        When.APPEARED,
        "istiod watches the certificates that are there at its start; without any it makes its own",
        "pilot/pkg/bootstrap/server.go: initIstiodCerts, hasCustomTLSCerts",
    ),
    StartInput(
        "Pilot",
        types("configmaps"),
        "pilot-jwks-extra-cacerts{}",
        When.CHANGED,
        "istiod reads these CA certificates once, for the keys of JWT issuers",
        "pilot/pkg/model/jwks_resolver.go: NewJwksResolver",
    ),
    StartInput(
        "Pilot",
        types("configmaps"),
        "istio-sidecar-injector{}",
        When.APPEARED,
        "istiod leaves injection off when there is no template at its start; a changed one it follows",
        "pilot/pkg/bootstrap/sidecarinjector.go: initSidecarInjector",
    ),
    StartInput(
        "Cni",
        types("configmaps"),
        "istio-cni-config",
        When.CHANGED,
        "its values are environment variables of the container, which are set when it starts",
        "manifests/charts/istio-cni/templates/daemonset.yaml: envFrom",
    ),
)
"""Everything else istiod follows while it runs: mesh configuration (but for `trustDomain`), injection template, remote
clusters' secrets, the intermediate certificates of a plugged-in CA. Its own arguments and variables are in its
Deployment, which rolls out when they change."""

CA_ROOT = (
    "istiod takes a CA of its users from the Secret cacerts as it is at its start; of later changes it follows new "
    "intermediates of the same root only"
)
CA_ROOT_SOURCE = "pilot/pkg/bootstrap/istio_ca.go: createIstioCA, handleEvent"

TRUST_DOMAIN = "its mesh configuration was written since; istiod follows all of it but a changed trustDomain"

PARTS: Mapping[str, tuple[str, str]] = {
    "Pilot": ("istiod", "pilot/pkg/bootstrap"),
    "Cni": ("cni", "manifests/charts/istio-cni"),
    "Ztunnel": ("ztunnel", "manifests/charts/ztunnel"),
}
"""Components whose workloads are rows of the responsibility matrix: what people call them, and where it is written."""

OWN_TEMPLATE = "rolled out whenever its {kind} changes; nothing that it reads at its start alone has changed since"
ROLLING = "its {kind} has changed, and its controller is rolling it out: {why}"
"""Of what the guide restarts by hand after every upgrade: a changed template is a rollout already."""
