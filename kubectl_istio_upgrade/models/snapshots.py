"""What a snapshot is, apart from its objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .objects import Body, Key, MeshObject, NotCaptured, ResourceType

FORMAT_VERSION = 1
"""The store format that this program writes and the only one it reads; see snapshots/README.md."""


class Purpose(StrEnum):
    """Why a snapshot was taken."""

    SNAPSHOT = "snapshot"
    """Somebody asked for it."""
    IMPORT = "import"
    """Read from backup files, not from a cluster."""
    BEFORE = "before"
    """Taken by an operation before its first write: the way back."""
    AFTER = "after"
    """Taken by an operation at its end, with its record and proof."""


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Which cluster. The UID is that of the namespace `kube-system`, which lives as long as the cluster does."""

    uid: str
    context: str
    server_version: str = ""


@dataclass(frozen=True, slots=True)
class WorkloadProxy:
    """One workload with Istio proxies, as counted at the moment of the snapshot. A record; never restored."""

    namespace: str
    kind: str
    name: str
    images: tuple[str, ...]
    """The distinct images of its proxies, sorted; more than one means a rollout that has not finished."""
    revisions: tuple[str, ...]
    """The distinct Istio revisions that injected them."""
    templates: tuple[str, ...]
    """The distinct hashes of the injection (`sidecar.istio.io/status`), short."""
    pods: int


@dataclass(frozen=True, slots=True)
class Versions:
    """Which releases of Istio a mesh runs."""

    control_plane: tuple[str, ...]
    """Of istiod, sorted; more than one in the middle of a canary."""
    proxies: Mapping[str, int]
    """Pods with a proxy, by its version."""


@dataclass(frozen=True, slots=True)
class SnapshotMeta:
    """`snapshot.yaml`: everything about a snapshot but its objects."""

    purpose: Purpose
    cluster: ClusterIdentity
    created: datetime
    """UTC, to the second."""
    message: str = ""
    root_namespace: str = "istio-system"
    resource_version: str = ""
    """The one resource version at which every type was listed; "" for an import."""
    istio_versions: tuple[str, ...] = ()
    """Of the control plane, from its images, sorted."""
    types: tuple[ResourceType, ...] = ()
    not_captured: tuple[NotCaptured, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Objects by `Key.resource`."""
    secret_key_id: str = ""
    """Which digest key the Secret values were digested with; digests of two keys do not compare."""
    ca_fingerprints: Mapping[str, tuple[str, ...]] | None = None
    """The CA's certificates, see `normalise.authority`; None where nobody looked (an older program)."""
    recipients: tuple[str, ...] = ()
    """To whom withheld values are encrypted, sorted; empty where they are not in the snapshot. The store sets it."""
    scope_version: int = 1
    """Which version of the scope table (`rules.scope.SCOPE_VERSION`) decided what was looked for."""
    branch: str = ""
    """The branch that it was written to; "" where nobody wrote it down. The store sets it."""
    name: str = ""
    """The name that it was given when it was written. The store sets it."""
    operation: Body | None = None
    """`operation.yaml`, on a snapshot that ends an operation: id, kind, target, before, plan hash, steps, proof."""


@dataclass(frozen=True)
class SnapshotDraft:
    """A snapshot that is not stored yet."""

    meta: SnapshotMeta
    objects: Mapping[Key, MeshObject]
    workloads: tuple[WorkloadProxy, ...] = ()


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A stored snapshot: its commit, its branch, its names."""

    commit: str
    branch: str
    meta: SnapshotMeta
    names: tuple[str, ...] = ()
    changed: int | None = None
    """Objects added, changed or removed against the snapshot before; None where that was not asked for."""
    signed: bool = False
    """Whether its commit has a signature; `store verify` says what that is worth."""

    @property
    def short(self) -> str:
        """The abbreviated commit that people type."""
        return self.commit[:7]
