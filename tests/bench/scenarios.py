"""What is measured: each scenario runs both sides in turns and returns its figures."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.demo.stage import PLUGIN

from .cluster import Cluster, say
from .distance import away
from .figures import Figure
from .measure import BenchError, Run, disk_usage, measure

TURNS = 5
"""Of scenarios that take seconds. Odd, so that the median is one of them."""
STARTS = 31
CHANGED = 10
ROLLED_BACK = 500
AWAY = 10
"""Milliseconds to a cluster and back, from an office in its region."""
KILOBYTES = 100_000

OURS = ("kubectl", "istio-upgrade")
BACKUP = ("kubectl", "get", "istio-io", "-A", "-oyaml")
"""Istio's documented backup."""
BACKUP_NAME = "kubectl get istio-io -A -oyaml"


def all_figures(cluster: Cluster, turns: int) -> list[Figure]:
    """Every scenario, one after another."""
    return [
        *reading(cluster, turns),
        growth(cluster, turns),
        *rolling_back(cluster, turns),
        starting(cluster),
    ]


@dataclass(frozen=True)
class _Turn:
    """One turn of reading."""

    backup: Run
    first: Run
    unchanged: Run
    diff: Run
    floor: Run


def reading(cluster: Cluster, turns: int) -> list[Figure]:
    """Snapshots and differences against the documented backup, and the floor below all of them."""
    lists = (sys.executable, "-m", "tests.bench.floor", str(cluster.plane.state.port), str(cluster.plane.authority))
    floor = (*lists, *cluster.paths())
    measure(floor, _floor_environment(cluster))  # an API server whose caches are cold answers 429 for a while
    measure((*OURS, "snapshot"), _with_store(cluster, "reading"))
    order = random.Random(turns)
    done = [_read(cluster, floor, turn, order) for turn in range(1, turns + 1)]
    backups = [turn.backup.seconds for turn in done]

    def figure(name: str, ours: list[float], limit: float | None) -> Figure:
        return Figure(name, ours, BACKUP_NAME, backups, "s", limit)

    return [
        figure("first snapshot", [turn.first.seconds for turn in done], 0.35),
        Figure(
            "its peak memory",
            [turn.first.peak for turn in done],
            BACKUP_NAME,
            [turn.backup.peak for turn in done],
            "MB",
            0.25,
        ),
        figure("snapshot, unchanged", [turn.unchanged.seconds for turn in done], 0.2),
        figure("diff against live", [turn.diff.seconds for turn in done], 0.2),
        figure("floor: parallel raw LISTs", [turn.floor.seconds for turn in done], None),
    ]


def _read(cluster: Cluster, floor: tuple[str, ...], turn: int, order: random.Random) -> _Turn:
    """One of each, in an order of its own: the API server collects its garbage every few readings.

    In the same order it would be the same reading that has to wait for that, in every turn.
    """
    say(f"reading, turn {turn}: {BACKUP_NAME}; a first snapshot, one more, a diff, raw lists")
    new, known = _with_store(cluster, f"reading-{turn}"), _with_store(cluster, "reading")
    readings: dict[str, Callable[[], Run]] = {
        "backup": lambda: measure(BACKUP, cluster.environment, memory=True),
        "first": lambda: measure((*OURS, "snapshot"), new, memory=True),
        "unchanged": lambda: measure((*OURS, "snapshot"), known),
        "diff": lambda: measure((*OURS, "diff"), known),
        "floor": lambda: measure(floor, _floor_environment(cluster)),
    }
    return _Turn(**{name: readings[name]() for name in order.sample(list(readings), len(readings))})


def growth(cluster: Cluster, turns: int) -> Figure:
    """What the store grows by when a few of all objects have changed."""
    say(f"growth of the store by {CHANGED} changes, {turns} turns")
    ours, store = _with_store(cluster, "growth"), cluster.folder / "growth.git"
    measure((*OURS, "snapshot"), ours)
    grown = []
    for _ in range(turns):
        cluster.disturb(CHANGED)
        before = disk_usage(store)
        measure((*OURS, "snapshot"), ours)
        grown.append(float(disk_usage(store) - before))
    name = f"store growth by {CHANGED} changes"
    return Figure(name, grown, "100 kB", [float(KILOBYTES)] * turns, "kB", 1.0)


def rolling_back(cluster: Cluster, turns: int) -> list[Figure]:
    """The way back, safety snapshot, dry run and proof included, against the bare writes of kubectl.

    Beside it what the requests alone take that cannot be left out, sent by nobody in particular: two readings of the
    mesh, a dry run of each write, the writes. And both sides once more where the API server is not on this machine.
    """
    name, peer = f"rollback of {ROLLED_BACK} changes", "kubectl apply --server-side of them"
    ours = _with_store(cluster, "rollback")
    cluster.reset(CHANGED)
    measure((*OURS, "snapshot"), ours)
    owners = cluster.owners(ROLLED_BACK)
    here = [_roll_back(cluster, ours, owners, f"{name}, turn {turn + 1}") for turn in range(turns)]
    floor = [cluster.bare_rollback(ROLLED_BACK) for _ in range(turns)]
    cluster.give_back(owners)
    with away(cluster.plane.state.port, AWAY) as port:
        far = {**ours, "KUBECONFIG": str(cluster.kubeconfig_of(port))}
        there = [_roll_back(cluster, far, owners, f"{name}, {AWAY} ms away, turn {turn + 1}") for turn in range(turns)]
    peers = [apply for _, apply in here]
    return [
        Figure(name, [rollback for rollback, _ in here], peer, peers, "s", 1.0),
        Figure("floor: its requests alone", floor, peer, peers, "s"),
        Figure(f"the same, {AWAY} ms away", [us for us, _ in there], peer, [them for _, them in there], "s", 1.0),
    ]


def _roll_back(cluster: Cluster, ours: dict[str, str], owners: dict[str, Any], turn: str) -> tuple[float, float]:
    """Our seconds and kubectl's, both from objects of the one owner that made them.

    What each side leaves of itself is taken away.
    """
    say(turn)
    manifests = cluster.folder / "rolled-back.json"
    before = cluster.disturb(ROLLED_BACK)
    manifests.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": before}))
    apply = measure(_apply(manifests), ours)
    measure((*OURS, "diff"), ours)  # exit code 0: the peer did its work
    cluster.give_back(owners)
    cluster.disturb(ROLLED_BACK)
    rollback = measure((*OURS, "rollback", "--yes"), ours)
    measure((*OURS, "diff"), ours)
    cluster.give_back(owners)
    return rollback.seconds, apply.seconds


def _apply(manifests: Path) -> tuple[str, ...]:
    return "kubectl", "apply", "--server-side", "--force-conflicts", "-f", str(manifests)


def starting(cluster: Cluster) -> Figure:
    """How long `--help` takes, against the least that a program with click can take."""
    say(f"starting, {STARTS} turns")
    script = Path(sys.executable).with_name(PLUGIN)
    if not script.exists():
        raise BenchError(f"{script} is missing; `make bench` installs it")
    ours, peers = [], []
    for _ in range(STARTS):
        peers.append(measure((sys.executable, "-c", "import click"), cluster.environment).seconds)
        ours.append(measure((script, "--help"), cluster.environment).seconds)
    return Figure("--help", ours, 'python -c "import click"', peers, "s", 1.6)


def _with_store(cluster: Cluster, name: str) -> dict[str, str]:
    return {**cluster.environment, "ISTIO_UPGRADE_STORE": str(cluster.folder / f"{name}.git")}


def _floor_environment(cluster: Cluster) -> dict[str, str]:
    return {**cluster.environment, "BENCH_TOKEN": cluster.plane.state.tokens["admin"]}
