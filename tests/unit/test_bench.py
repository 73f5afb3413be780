"""The benchmark's own arithmetic: a wrong measure is worse than none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from statistics import mean

import pytest

from tests.bench import mesh
from tests.bench.figures import Figure, table
from tests.bench.measure import BenchError, disk_usage, measure

MEGABYTE = 1_000_000


def test_ratio_is_the_median_of_the_turns() -> None:
    figure = Figure("ours", [1.0, 20.0, 3.0], "peer", [10.0, 40.0, 10.0], "s", 0.3)
    assert figure.ratios == (0.1, 0.5, 0.3)
    assert figure.ratio == 0.3
    assert figure.ok


def test_exceeded_limit_is_said() -> None:
    exceeded = Figure("ours", [0.2], "peer", [0.1], "s", 1.0)
    assert not exceeded.ok
    assert "TOO MUCH" in table([exceeded])
    assert Figure("ours", [0.2], "peer", [0.1], "s").ok


@pytest.mark.parametrize("count", [1, 50, 510])
def test_mesh_has_as_many_objects_each_with_a_path_of_its_own(count: int) -> None:
    bodies = list(mesh.objects(count))
    assert len({mesh.path_of(body) for body in bodies}) == count
    assert {body["metadata"]["namespace"] for body in bodies} == set(mesh.namespaces(count))


def test_objects_have_the_size_of_real_ones() -> None:
    assert 800 < mean(len(json.dumps(body)) for body in mesh.objects(50)) < 1_500


def test_every_kind_can_be_changed() -> None:
    for body in mesh.objects(50):
        assert {**body["spec"], **mesh.change_of(body, 1)} != body["spec"]
        assert mesh.change_of(body, 1) != mesh.change_of(body, 2)


def test_spread_takes_objects_of_many_namespaces() -> None:
    chosen = mesh.spread(list(mesh.objects(500)), 10)
    assert len({body["metadata"]["namespace"] for body in chosen}) == 10


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_counts_the_processes_that_a_process_starts() -> None:
    hold = f"import time; held = bytearray({50 * MEGABYTE}); time.sleep(0.6)"
    both = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}; child.wait()"
    assert measure([sys.executable, "-c", both], os.environ, memory=True).peak > 100 * MEGABYTE


def test_failure_is_not_measured() -> None:
    with pytest.raises(BenchError, match="no good"):
        measure([sys.executable, "-c", "raise SystemExit('no good')"], os.environ)


def test_disk_usage_counts_blocks(tmp_path: Path) -> None:
    before = disk_usage(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    assert disk_usage(tmp_path) - before >= 512
