"""Where a cluster stands: its last snapshot, what has changed since, what is unfinished, what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..apply.lease import LeaseHolder, holder_of
from ..capture import Capture, control_plane_versions
from ..errors import ForbiddenError
from ..models.changes import Comparison
from ..models.installations import Part
from ..models.operations import Operation
from ..models.snapshots import ClusterIdentity, SnapshotInfo
from ..normalise.inventory import proxy_versions
from ..plan.installation import installation_of
from .diffing import diff
from .session import Session

UNTOLD = "(its image tells no release)"


@dataclass(frozen=True)
class Running:
    """What runs in a mesh."""

    root_namespace: str
    control_plane: tuple[str, ...]
    """Istio versions, from the images of istiod."""
    proxies: Mapping[str, int]
    """Pods with a proxy, by the version of its image."""


def running(captured: Capture) -> Running:
    """By the images that its objects ask for."""
    versions = control_plane_versions(captured.state.objects.values())
    if not versions and installation_of(captured.state).of(Part.CONTROL_PLANE):
        versions = (UNTOLD,)
    return Running(captured.root_namespace, versions, proxy_versions(captured.workloads))


@dataclass(frozen=True)
class Standing:
    """The answer of `status`."""

    cluster: ClusterIdentity
    running: Running
    newest: SnapshotInfo | None
    unfinished: Operation | None
    lock: LeaseHolder | None
    drift: Comparison | None
    """From the newest snapshot to the live mesh; None without a snapshot."""


def standing(session: Session) -> Standing:
    """Look at the store and at the cluster. Changes nothing. Raises ClusterError when the mesh cannot be read."""
    newest = session.store.tip(session.branch)
    state = session.store.state(newest) if newest else None
    captured = session.capture(meanwhile=lambda: state.versions if state else None)
    drift = None
    if newest and state:
        session.check_comparable(newest)
        drift = diff(session, (state, newest), (captured.state, None))
    return Standing(
        cluster=session.cluster,
        running=running(captured),
        newest=newest,
        unfinished=session.store.unfinished(session.branch),
        lock=_lock(session),
        drift=drift,
    )


def _lock(session: Session) -> LeaseHolder | None:
    try:
        return holder_of(session.reader, session.root_namespace)
    except ForbiddenError as error:
        session.progress.note(f"whether the cluster is locked is not known: {error.message}")
        return None
