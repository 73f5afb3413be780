"""The Lease by which a cluster is locked: what is in it, and who holds it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..models.objects import Body, Key, ResourceType
from ..ports import ClusterReader
from ..rules.permissions import LEASE_FALLBACK_NAMESPACE, LEASE_NAME

LEASE = ResourceType("coordination.k8s.io", "v1", "Lease", "leases", namespaced=True)

_PURPOSE = "kubectl-istio-upgrade/operation"
_STORE = "kubectl-istio-upgrade/store"


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who has the lease, and what for."""

    identity: str
    operation: str
    since: str
    renewed: str
    term: float
    store: str

    def __str__(self) -> str:
        return f"{self.identity}: {self.operation}, since {self.since}"

    def has_expired(self, now: datetime) -> bool:
        """By the clock of this machine."""
        renewed = datetime.fromisoformat(self.renewed) if self.renewed else datetime.fromtimestamp(0, UTC)
        return now >= renewed + timedelta(seconds=self.term)


def holder_of(reader: ClusterReader, namespace: str) -> LeaseHolder | None:
    """Who holds the cluster's lease now, expired or not; None when nobody does."""
    for place in (namespace, LEASE_FALLBACK_NAMESPACE):
        body = reader.get(LEASE, key_in(place))
        if body is not None and (body.get("spec") or {}).get("holderIdentity"):
            return holder_in(body)
    return None


def lease_of(found: Body, namespace: str, identity: str, operation: str, store: str, term: float) -> Body:
    """The lease as this holder takes or renews it; `found` is the one that is there, {} where there is none."""
    now = _micro_time(datetime.now(UTC))
    mine = (found.get("spec") or {}).get("holderIdentity") == identity
    spec = found.get("spec") or {}
    annotations = {_PURPOSE: operation, _STORE: store}
    metadata: Body = {"name": LEASE_NAME, "namespace": namespace, "annotations": annotations}
    if version := (found.get("metadata") or {}).get("resourceVersion"):
        metadata["resourceVersion"] = version
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": metadata,
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": max(1, round(term)),
            "acquireTime": spec["acquireTime"] if mine else now,
            "renewTime": now,
            "leaseTransitions": int(spec.get("leaseTransitions") or 0) + (0 if mine or not spec else 1),
        },
    }


def key_in(namespace: str) -> Key:
    """Where the lease is in a namespace."""
    return Key(LEASE.group, LEASE.plural, namespace, LEASE_NAME)


def holder_in(body: Body) -> LeaseHolder:
    """Who holds this lease; without an identity: nobody."""
    spec, annotations = body.get("spec") or {}, body["metadata"].get("annotations") or {}
    return LeaseHolder(
        identity=str(spec.get("holderIdentity") or ""),
        operation=str(annotations.get(_PURPOSE, "an unknown operation")),
        since=str(spec.get("acquireTime") or ""),
        renewed=str(spec.get("renewTime") or ""),
        term=float(spec.get("leaseDurationSeconds") or 0),
        store=str(annotations.get(_STORE, "")),
    )


def _micro_time(time_: datetime) -> str:
    return time_.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def elapsed() -> float:
    """Seconds since some moment, by a clock that goes on while this machine sleeps, as everybody else's do.

    `time.monotonic` stands still meanwhile on Linux and macOS: a laptop that is opened again would take a lease for its
    own that somebody else has had for hours.
    """
    if sys.platform == "linux":
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME)
    elif sys.platform == "darwin":
        seconds = time.clock_gettime(time.CLOCK_MONOTONIC)  # unlike `time.monotonic`, it goes on there
    else:
        seconds = time.monotonic()
    return seconds
