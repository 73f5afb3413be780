"""Everything that an assessment goes by, gathered before anything is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .findings import Finding, Skipped, Unknown
from .objects import Body, State
from .permissions import Permission
from .snapshots import ClusterIdentity, WorkloadProxy
from .tools import MeshVersions
from .webhooks import DeadWebhook


@dataclass(frozen=True, slots=True)
class Unprovable:
    """A control plane whose settings cannot be proved: there is no istioctl of its release to render them again."""

    revision: str
    why: str
    hint: str
    """How to get that istioctl; "" where nobody knows of which release it would have to be."""


NOBODY_ASKED = Unknown("nobody was asked")


@dataclass(frozen=True)
class Evidence:
    """The mesh and its surroundings at one moment, as far as somebody let us look."""

    cluster: ClusterIdentity
    root_namespace: str
    taken: datetime
    state: State
    workloads: tuple[WorkloadProxy, ...] = ()
    pods: tuple[Body, ...] | Unknown = ()
    """Every pod of the cluster, of the mesh or not: they share the nodes."""
    nodes: tuple[Body, ...] | Unknown = ()
    mesh_configs: Mapping[str, Body] = field(default_factory=dict)
    """The mesh configuration by revision."""
    recorded: Mapping[str, Body] = field(default_factory=dict)
    """By revision the settings that were given when its control plane was installed."""
    missing: tuple[Permission, ...] | Unknown = ()
    """What the upgrade takes and we lack."""
    dead: tuple[DeadWebhook, ...] = ()
    published_root: str = ""
    """The root certificates that istiod publishes, in PEM; "" where nobody could tell."""
    recorded_ca: Mapping[str, tuple[str, ...]] | None = None
    """The CA's fingerprints in the newest snapshot; None without one, or where it has none."""
    unfinished: str = ""
    """The operation that has not ended, in a line."""
    locked: str = ""
    """Who is changing the mesh, in a line."""
    sealing: bool = False
    """Whether snapshots hold secret values."""
    connected: MeshVersions | Unknown = NOBODY_ASKED
    """What istiod says of itself and of the proxies connected to it."""
    told: tuple[Finding | Skipped, ...] = ()
    """What istioctl found, and what it could not be asked."""
    unprovable: tuple[Unprovable, ...] = ()
    """Control planes whose settings the upgrade takes over."""
