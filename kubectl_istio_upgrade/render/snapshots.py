"""Snapshots: one line each, one in full, and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..models.objects import Body, Json
from ..models.snapshots import SnapshotInfo, WorkloadProxy
from .names import moment, plural, why
from .terminal import Terminal

_WIDE = 100
"""Columns from which on there is room for the operations; below, why a snapshot was taken says before or after what."""

_MINUTE = 13
"""How much of an operation's id is shown: its beginning, to the minute, which `report` takes for all of it."""


def print_history(out: Terminal, infos: Sequence[SnapshotInfo], operations: Mapping[str, str]) -> None:
    """Newest first, a line each; `operations` has the ids of those that snapshots (by commit) belong to."""
    wide = out.width >= _WIDE
    heads = ("SNAPSHOT", "TAKEN", "ISTIO", "OBJECTS", "CHANGED", "NAME", *(("OPERATION",) if wide else ()), "WHY")
    rows = [
        (
            info.short,
            moment(info.meta.created),
            ",".join(info.meta.istio_versions) or "-",
            str(sum(info.meta.counts.values())),
            "-" if info.changed is None else str(info.changed),
            ",".join(info.names) or "-",
            *((operations.get(info.commit, "")[:_MINUTE] or "-",) if wide else ()),
            why(info) or "-",
        )
        for info in infos
    ]
    out.table(heads, rows)


def history_data(infos: Sequence[SnapshotInfo], operations: Mapping[str, str]) -> Json:
    """The same for programs."""
    return [{**snapshot_data(info), "operationId": operations.get(info.commit)} for info in infos]


def print_taken(out: Terminal, info: SnapshotInfo) -> None:
    """What was just committed, and what to do with it."""
    versions = ", ".join(info.meta.istio_versions)
    istio = f", istio {versions}" if versions else ""
    count = sum(info.meta.counts.values())
    out.prose(f"snapshot {info.short}: {plural(count, 'object')}{istio}, on {info.branch}")
    if info.names:
        out.line(f"name: {', '.join(info.names)}")
    for item in info.meta.not_captured:
        out.prose(f"{item.resource} ({item.reason})", "not captured: ")


def print_snapshot(out: Terminal, info: SnapshotInfo, workloads: Sequence[WorkloadProxy]) -> None:
    """One snapshot: where it comes from, what it holds, what ran at the time."""
    meta = info.meta
    facts = {
        "snapshot": info.commit,
        "names": ", ".join(info.names),
        "branch": info.branch,
        "taken": moment(meta.created),
        "purpose": str(meta.purpose),
        "why": meta.message,
        "cluster": f"{meta.cluster.uid} (context {meta.cluster.context}, kubernetes {meta.cluster.server_version})",
        "istio": ", ".join(meta.istio_versions),
        "root namespace": meta.root_namespace,
        "resource version": meta.resource_version,
        "signed": "yes; `store verify` says what that is worth" if info.signed else "",
        "not captured": ", ".join(item.resource for item in meta.not_captured),
    }
    for name, value in facts.items():
        if value:
            out.prose(value, f"{name + ':':<18}")
    if meta.operation:
        out.prose(_operation(meta.operation), f"{'operation:':<18}")
    out.line()
    out.table(("TYPE", "OBJECTS"), [(name, str(count)) for name, count in meta.counts.items()])
    if workloads:
        out.line()
        rows = [(f"{w.kind} {w.namespace}/{w.name}", str(w.pods), ",".join(w.images)) for w in workloads]
        out.table(("WORKLOAD", "PODS", "PROXY"), rows)


def _operation(record: Body) -> str:
    """Which one, and how it ended; of a snapshot from before it, what it was about to do."""
    proof = record.get("proof")
    if proof is None:
        return f"{record['kind']}, before its first write"
    return f"{record['kind']}, {proof.get('identical', 0)} identical, {len(proof.get('residual', ()))} left"


def snapshot_data(info: SnapshotInfo) -> dict[str, Json]:
    """One snapshot for programs."""
    meta = info.meta
    return {
        "snapshot": info.commit,
        "branch": info.branch,
        "names": list(info.names),
        "created": meta.created.isoformat().replace("+00:00", "Z"),
        "purpose": str(meta.purpose),
        "message": meta.message,
        "cluster": {"uid": meta.cluster.uid, "context": meta.cluster.context, "version": meta.cluster.server_version},
        "istioVersions": list(meta.istio_versions),
        "rootNamespace": meta.root_namespace,
        "resourceVersion": meta.resource_version,
        "objects": sum(meta.counts.values()),
        "counts": dict(meta.counts),
        "changed": info.changed,
        "signed": info.signed,
        "notCaptured": [{"resource": item.resource, "reason": item.reason} for item in meta.not_captured],
        "operation": meta.operation,
    }
