"""How long the packed program keeps people waiting, in ratios to `kubectl --help` in the same run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from tests.cli.program import clean_environment
from tests.store.meshes import CLUSTER, draft, large_mesh

pytestmark = pytest.mark.package

TURNS = 15
TRIES = 4

Measured = Callable[..., tuple[float, float]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a large mesh, with a history."""
    store = tmp_path_factory.mktemp("store") / "store.git"
    with GitStore.open(store, create=True) as opened:
        for minutes in range(20):
            opened.commit(opened.branch_of(CLUSTER), draft(large_mesh(), minutes=minutes), name=f"number-{minutes}")
    return store


@pytest.fixture
def measured(unpacked: Path, store: Path, tmp_path: Path) -> Measured:
    """The better of the ratios of medians and of minima, of the best of a few tries: other work only adds time."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("current-context: prod\ncontexts: [{name: prod, context: {cluster: one}}]\n")
    environment = clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(store), KUBECONFIG=str(kubeconfig))

    def measure(limit: float, *arguments: str) -> tuple[float, float]:
        best = float("inf")
        for _ in range(TRIES):
            turns = [
                (_seconds([str(unpacked), *arguments], environment), _seconds(["kubectl", "--help"], environment))
                for _ in range(TURNS)
            ]
            ours, theirs = [turn[0] for turn in turns], [turn[1] for turn in turns]
            best = min(best, median(ours) / median(theirs), min(ours) / min(theirs))
            if best <= limit:
                break
        return best, limit

    return measure


def _seconds(command: list[str], environment: Mapping[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def test_help(measured: Measured) -> None:
    ratio, limit = measured(1.5, "--help")
    assert ratio <= limit


@pytest.mark.parametrize(
    "words",
    [["rollback", ""], ["show", "latest", ""], ["rollback", "--only", "virtualservice/app-1"], ["diff", "-n", ""]],
)
def test_completion_from_the_store(measured: Measured, words: list[str]) -> None:
    ratio, limit = measured(2.5, "__complete", *words)
    assert ratio <= limit
