"""Where Helm keeps its release records: as Secrets, one for each revision, in the release's namespace.

Their content is a gzipped JSON of chart, values and manifest: values may hold credentials, so it is withheld like any
Secret's. Their labels are not, and say which revision is deployed.
Source: helm/helm, pkg/storage/driver/secrets.go and pkg/storage/storage.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ..models.objects import Key, MeshObject, State
from ..models.releases import Release as Version
from .matching import Types, has_any_label, is_named, types
from .owners import RELEASE_NAME, RELEASE_NAMESPACE
from .scope import CUSTOM_RESOURCES, SECRET

RECORD_PREFIX = "sh.helm.release.v1."
"""Of the name, followed by `NAME.vREVISION`."""

CHART_LABEL = "helm.sh/chart"
"""The label with chart and version, `istiod-1.29.1`: since Istio 1.24 on everything that its charts render, before that
on nothing of base and istiod (istio/istio, manifests/charts/*/templates)."""

_NAME_AND_VERSION = re.compile(r"(?P<name>.+?)-(?P<version>v?\d+\..*)")
"""Of that label. Either part may have dashes: `my-istiod-1.28.3-rc.1`."""

FIRST_CHARTS = 8
"""The minor release since which Istio's charts are for Helm 3 (istio.io: news/releases/1.8.x/announcing-1.8). The
chart of a gateway may be far behind that of its control plane."""

FIELD_MANAGER = "helm"
"""Helm's field manager where it applies server-side (helm/helm, pkg/kube/client.go)."""

SERVER_SIDE = "ssa"
"""How a record calls that way of applying; Helm 3 knows only the other one, and records none (helm/helm,
pkg/release/v1/release.go)."""

SERVER_SIDE_SINCE = 4
"""The first Helm that applies server-side. It does so for all that it installs, and goes on with what it has begun
(helm/helm, pkg/action/upgrade.go, getUpgradeServerSideValue)."""

REPOSITORY = "https://istio-release.storage.googleapis.com/charts"
"""Istio's own chart repository (istio.io: setup/install/helm)."""

BASE_CHART, ISTIOD_CHART, GATEWAY_CHART = "base", "istiod", "gateway"

CHARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (BASE_CHART, ("base",)),
    (ISTIOD_CHART, ("istiod", "istio-control/istio-discovery")),
    ("cni", ("cni", "istio-cni")),
    ("ztunnel", ("ztunnel",)),
    (GATEWAY_CHART, ("gateway",)),
)
"""Istio's charts in the order in which they are upgraded, the ambient parts before the gateways (istio.io:
ambient/upgrade/helm), and the folders that they are in: of a chart archive, and of Istio's own `manifests/charts`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One row: how an object without the label of a chart of Istio's shows which of them rendered it."""

    chart: str
    types: Types
    labels: tuple[str, ...]
    """Any of them suffices, as does a name."""
    names: tuple[str, ...]
    source: str


MARKS: tuple[Mark, ...] = (
    Mark(
        BASE_CHART,
        types("serviceaccounts"),
        ("app=istio-reader",),
        ("istio-reader-service-account",),
        "base/templates/reader-serviceaccount.yaml",
    ),
    Mark(
        ISTIOD_CHART,
        types("deployments.apps"),
        ("operator.istio.io/component=Pilot", "app=istiod"),
        (),
        "istio-control/istio-discovery/templates/deployment.yaml",
    ),
    Mark(
        "cni",
        types("daemonsets.apps"),
        ("operator.istio.io/component=Cni",),
        ("istio-cni-node",),
        "istio-cni/templates/daemonset.yaml",
    ),
    Mark(
        "ztunnel",
        types("daemonsets.apps"),
        ("operator.istio.io/component=Ztunnel",),
        ("ztunnel",),
        "ztunnel/templates/daemonset.yaml",
    ),
)
"""One object of each chart tells for its release: charts before 1.24, and copies of a chart under another name."""

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


class ChartLabel(NamedTuple):
    """A chart, and its version."""

    name: str
    version: str


NO_CHART = ChartLabel("", "")


def chart_label_of(obj: MeshObject) -> ChartLabel:
    """The chart that an object says it was rendered from; `NO_CHART` where it does not say."""
    match = _NAME_AND_VERSION.fullmatch(obj.labels.get(CHART_LABEL, ""))
    return ChartLabel(match["name"], match["version"]) if match else NO_CHART


def istio_chart_of(obj: MeshObject) -> ChartLabel:
    """The chart of Istio's that an object was rendered from; without a version where only `MARKS` tell of it.

    Others call a chart `gateway` or `base`, too. Istio's have a version of Istio's, and what its users configure is
    never told to be of one: that would be most of somebody's own `gateway`.
    """
    label = chart_label_of(obj)
    if obj.key.resource in CUSTOM_RESOURCES:
        return NO_CHART
    if label.name in (name for name, _ in CHARTS) and _is_of_istio(label.version):
        return label
    rows = (row for row in MARKS if obj.key.resource in row.types)
    found = (row.chart for row in rows if has_any_label(obj, row.labels) or is_named(obj.key, row.names))
    return ChartLabel(next(found, ""), "")


def _is_of_istio(version: str) -> bool:
    release = Version.parse(version.replace("_", "+"))  # a label has no +, so the charts write _ instead
    return release is not None and release.major == 1 and release.minor >= FIRST_CHARTS


def applies_server_side(helm: str) -> bool:
    """Whether a Helm of this version knows how to."""
    version = Version.parse(helm)
    return version is not None and version.major >= SERVER_SIDE_SINCE


def is_record(obj: MeshObject) -> bool:
    """Whether this object is Helm's record of one revision of a release."""
    owner, helm = RECORD_OWNER
    return obj.key.name.startswith(RECORD_PREFIX) and obj.labels.get(owner) == helm


def records_in(state: State) -> dict[Key, MeshObject]:
    """Every such record of a state."""
    keys = [key for key in state.versions if key.resource == SECRET and key.name.startswith(RECORD_PREFIX)]
    return {key: obj for key, obj in state.load(keys).items() if is_record(obj)}


def newest_records_in(state: State) -> dict[Release, MeshObject]:
    """That of its newest revision, for every release."""
    records = sorted(records_in(state).values(), key=revision_of_record)
    return {release_of_record(record): record for record in records}
