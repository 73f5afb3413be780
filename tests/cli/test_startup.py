"""`--help` and completion answer at once: nothing heavy is imported, and whole processes are measured."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.cli.main import COMMANDS
from tests.store.meshes import CLUSTER, draft, small_mesh

from .program import PROGRAM, Program

HEAVY = ("kubernetes", "urllib3", "git", "deepdiff", "yaml", "rich", "orjson", "pydantic", "requests", "aiohttp")

IMPORTS = """
import sys
from kubectl_istio_upgrade.cli.main import invoke
code = invoke(sys.argv[1:])
print(*(name for name in {heavy!r} if name in sys.modules), sep=",", file=sys.stderr)
sys.exit(code)
"""

RUNS = 15
LIMIT = 1.6


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["snapshoot"], *([name, "-h"] for name in COMMANDS)])
def test_help_loads_no_library(offline: Program, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(heavy=HEAVY), *arguments],
        capture_output=True,
        encoding="utf-8",
        env=dict(offline.environment),
    )
    assert done.stderr.splitlines()[-1] == "", f"loaded: {done.stderr}"


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        ([""], ""),
        (["rollback", "--"], ""),
        (["rollback", ""], ""),
        (["rollback", "--context", "prod", ""], ""),
        (["rollback", "--context", ""], "yaml"),
        (["rollback", "-n", ""], ""),
        (["rollback", "--only", ""], ""),
    ],
)
def test_a_tab_loads_no_more_than_its_answer_takes(
    offline: Program, store: Path, words: list[str], loaded: str
) -> None:
    with GitStore.open(store, create=True) as opened:
        opened.commit(opened.branch_of(CLUSTER), draft(small_mesh()))
    Path(offline.environment["KUBECONFIG"]).write_text("current-context: prod\n")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS.format(heavy=HEAVY), "__complete", *words],
        capture_output=True,
        encoding="utf-8",
        env=dict(offline.environment),
    )
    assert done.stdout.splitlines()[-1].startswith(":"), done.stderr
    assert done.stderr.splitlines()[-1] == loaded


@pytest.mark.parametrize("arguments", [["--help"], ["rollback", "--help"]])
def test_help_is_not_much_slower_than_importing_click(offline: Program, arguments: list[str]) -> None:
    """Alternating, so that a busy machine is as busy for the one as for the other; the best of three tries counts."""
    environment = dict(offline.environment)
    ours, floor = [str(PROGRAM), *arguments], [sys.executable, "-c", "import click"]
    ratios: list[float] = []
    while len(ratios) < 3 and (not ratios or ratios[-1] > LIMIT):
        times = [(_seconds(ours, environment), _seconds(floor, environment)) for _ in range(RUNS)]
        ratios.append(statistics.median(mine for mine, _ in times) / statistics.median(least for _, least in times))
    assert min(ratios) <= LIMIT, ratios


def _seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started
