"""Where Helm keeps its release records: as Secrets, one for each revision, in the release's namespace.

Their content is a gzipped JSON of chart, values and manifest: values may hold credentials, so it is withheld like any
Secret's. Their labels are not, and say which revision is deployed.
Source: helm/helm, pkg/storage/driver/secrets.go and pkg/storage/storage.go.
"""

from __future__ import annotations

from typing import NamedTuple

from ..models.objects import Key, MeshObject, State
from .owners import RELEASE_NAME, RELEASE_NAMESPACE
from .scope import SECRET

RECORD_PREFIX = "sh.helm.release.v1."
"""Of the name, followed by `NAME.vREVISION`."""

CHART_LABEL = "helm.sh/chart"
"""The label, on everything that Istio's charts render, with chart and version: `istiod-1.29.1`."""

FIELD_MANAGER = "helm"
"""Helm's field manager where it applies server-side (helm/helm, pkg/kube/client.go)."""

REPOSITORY = "https://istio-release.storage.googleapis.com/charts"
"""Istio's own chart repository (istio.io: setup/install/helm)."""

ISTIOD_CHART = "istiod"

CHARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("base", ("base",)),
    (ISTIOD_CHART, ("istiod", "istio-control/istio-discovery")),
    ("cni", ("cni", "istio-cni")),
    ("ztunnel", ("ztunnel",)),
    ("gateway", ("gateway",)),
)
"""Istio's charts in the order in which they are upgraded, the ambient parts before the gateways (istio.io:
ambient/upgrade/helm), and the folders that they are in: of a chart archive, and of Istio's own `manifests/charts`."""

RECORD_OWNER = ("owner", "helm")
RELEASE_LABEL, REVISION_LABEL, STATUS_LABEL = "name", "version", "status"
DEPLOYED = "deployed"
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
"""While helm is at work, and for good if it is killed (helm/helm, pkg/release/common/status.go)."""


class Release(NamedTuple):
    """One Helm release."""

    namespace: str
    name: str


NO_RELEASE = Release("", "")


def release_of(obj: MeshObject) -> Release:
    """The release that an object is of, by Helm's own marks; `NO_RELEASE` for an object of none."""
    return Release(obj.annotations.get(RELEASE_NAMESPACE, ""), obj.annotations.get(RELEASE_NAME, ""))


def release_of_record(record: MeshObject) -> Release:
    """The release that a record is about."""
    return Release(record.key.namespace, record.labels.get(RELEASE_LABEL, ""))


def revision_of_record(record: MeshObject) -> int:
    """The number of the revision that a record is about; 0 where it does not say."""
    text = record.labels.get(REVISION_LABEL, "")
    return int(text) if text.isdigit() else 0


def chart_label_of(obj: MeshObject) -> str:
    """The chart that an object says it was rendered from, without its version; "" where it does not say."""
    return obj.labels.get(CHART_LABEL, "").rpartition("-")[0]


def is_record(obj: MeshObject) -> bool:
    """Whether this object is Helm's record of one revision of a release."""
    owner, helm = RECORD_OWNER
    return obj.key.name.startswith(RECORD_PREFIX) and obj.labels.get(owner) == helm


def records_in(state: State) -> dict[Key, MeshObject]:
    """Every such record of a state."""
    keys = [key for key in state.versions if key.resource == SECRET and key.name.startswith(RECORD_PREFIX)]
    return {key: obj for key, obj in state.load(keys).items() if is_record(obj)}
