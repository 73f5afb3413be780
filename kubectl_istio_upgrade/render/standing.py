"""Where a cluster stands, and the command that comes next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ..models.changes import Change, Comparison
from ..models.objects import Json
from ..models.operations import Aim, Operation
from ..models.snapshots import ClusterIdentity
from ..operations.standing import Running, Standing
from .names import moment, plural, snapshot_title
from .snapshots import snapshot_data
from .terminal import Terminal

_WIDTH = 15


def print_standing(out: Terminal, standing: Standing) -> None:
    """A fact a line, then what to do."""
    print_facts(out, [*standing_facts(standing), ("next", next_command(standing))])


def print_facts(out: Terminal, facts: Iterable[tuple[str, str]]) -> None:
    """Names and values; a value may have several lines."""
    for name, value in facts:
        out.prose(value, f"{name + ':':<{_WIDTH}}")


def next_command(standing: Standing) -> str:
    """What a careful person would run now."""
    if standing.unfinished:
        return "kubectl istio-upgrade resume, or kubectl istio-upgrade abort"
    if standing.newest is None:
        return first_command(standing.running)
    if standing.drift and standing.drift.diffs:
        return "kubectl istio-upgrade diff, then kubectl istio-upgrade snapshot or rollback"
    return "nothing to do; an upgrade begins with kubectl istio-upgrade upgrade --to VERSION --plan"


def first_command(running: Running | None) -> str:
    """Where there is no snapshot; `running` is None where what runs is not known."""
    if running and not running.control_plane:
        return "kubectl istio-upgrade --root-namespace NS, if istiod runs in another namespace"
    return "kubectl istio-upgrade snapshot"


def standing_facts(standing: Standing) -> Iterator[tuple[str, str]]:
    """Everything but what comes next."""
    yield cluster_fact(standing.cluster)
    yield from running_facts(standing.running)
    yield "last snapshot", snapshot_title(standing.newest) if standing.newest else "none yet"
    if standing.drift is not None:
        yield "since then", _drift(standing.drift)
    if standing.unfinished:
        yield "unfinished", unfinished_text(standing.unfinished)
    if standing.lock:
        expired = standing.lock.has_expired(datetime.now(UTC))
        yield "locked by", f"{standing.lock}{', expired: whoever comes next takes it over' if expired else ''}"


def cluster_fact(cluster: ClusterIdentity) -> tuple[str, str]:
    """Which one it is."""
    return "cluster", f"{cluster.context} ({cluster.uid[:8]}, kubernetes {cluster.server_version})"


def running_facts(running: Running) -> Iterator[tuple[str, str]]:
    """Which releases."""
    yield "control plane", f"istio {', '.join(running.control_plane) or 'not found'} in {running.root_namespace}"
    proxies = [f"{version or 'unknown'}: {plural(pods, 'pod')}" for version, pods in running.proxies.items()]
    yield "proxies", ", ".join(proxies) or "none"


def _drift(drift: Comparison) -> str:
    if not drift.diffs:
        return f"nothing has changed ({plural(drift.same, 'object')})"
    counts = drift.counts
    return ", ".join(f"{counts[change]} {change}" for change in Change if counts[change])


def unfinished_text(operation: Operation) -> str:
    """How far it got, and whose it is."""
    opening = operation.opening
    lines = [f"{operation}, begun {moment(opening.started)}, {operation.done} of {operation.planned} writes made"]
    if operation.attempts:
        lines.append(f"last run by {operation.attempts[-1].holder}")
    if operation.aim is Aim.BEFORE:
        lines.append("it is being taken back")
    if operation.unsure:
        lines.append(f"{plural(len(operation.unsure), 'write')} without a recorded outcome")
    lines.append(f"the state before is snapshot {opening.before[:7]}")
    return "\n".join(lines)


def standing_data(standing: Standing) -> Json:
    """The same for programs."""
    cluster, drift = standing.cluster, standing.drift
    return {
        "cluster": {"context": cluster.context, "uid": cluster.uid, "serverVersion": cluster.server_version},
        "rootNamespace": standing.running.root_namespace,
        "controlPlane": list(standing.running.control_plane),
        "proxies": dict(standing.running.proxies),
        "newest": snapshot_data(standing.newest) if standing.newest else None,
        "drift": {str(change): drift.counts[change] for change in Change} if drift else None,
        "unfinished": _unfinished_data(standing.unfinished) if standing.unfinished else None,
        "lock": _lock_data(standing),
    }


def _lock_data(standing: Standing) -> Json:
    lock = standing.lock
    return {"holder": lock.identity, "operation": lock.operation, "since": lock.since} if lock else None


def _unfinished_data(operation: Operation) -> Json:
    opening = operation.opening
    return {
        "id": opening.id,
        "kind": opening.kind,
        "target": opening.target,
        "before": opening.before,
        "started": opening.started.isoformat().replace("+00:00", "Z"),
        "aim": str(operation.aim),
        "written": operation.done,
        "planned": operation.planned,
        "unsure": [str(key) for key in operation.unsure],
    }
