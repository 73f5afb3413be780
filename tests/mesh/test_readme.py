"""What the README shows of an upgrade, of the way back and of the morning after, line by line as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.readme import lines, sections
from tests.support.web import Web, status

from .comparison import compare
from .mesh import NEW, OLD, Mesh
from .upgrades import tools

pytestmark = pytest.mark.mesh

STORY = ("Your first upgrade", "After an upgrade", "At 3 a.m.", "What happened last night")
"""Sections, in the order of a bad night: the report of the last one wants two operations."""

URL = "https://shop.example.com/healthz"
ELSEWHERE = {
    "resume": "needs an operation that was cut short: tests/cli/test_unfinished.py",
    "abort": "needs an operation that was cut short: tests/cli/test_unfinished.py",
    "20261124-0055": "needs the operation of that day: tests/cli/test_report.py",
}
ASKS = re.compile(r"istio-upgrade (upgrade|restart|rollback)\b(?!.*--(plan|dry-run))")
"""What a person has to confirm; here nobody is at a terminal."""


def told() -> list[str]:
    typed = [line for section in STORY for line in lines(section) if line.startswith("kubectl istio-upgrade")]
    return [line for line in typed if not any(mark in line for mark in ELSEWHERE)]


@pytest.fixture
def healthy() -> Iterator[str]:
    """A URL that answers, in the place of the README's."""
    web = Web(status(200))
    yield web.url
    web.close()


def run(mesh: Mesh, folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), tools(folder / "bin", OLD, NEW)["PATH"]])
    environment = {**mesh.plugin.environment(), "PATH": path}
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
    )


def test_the_lines_of_the_readme_lead_through_an_upgrade_and_back(mesh: Mesh, healthy: str, tmp_path: Path) -> None:
    before = mesh.dump()
    said: dict[str, str] = {}
    for line in told():
        typed = line.replace(URL, healthy) + (" --yes" if ASKS.search(line) else "")
        done = run(mesh, tmp_path, typed)
        assert done.returncode in ({0, 1} if re.search("istio-upgrade (diff|validate)", line) else {0}), done
        assert "Traceback" not in done.stderr
        said[line] = done.stdout
        if typed.endswith("--yes") and "upgrade --to" in typed:
            assert mesh.istiod.versions() == [NEW]
    assert mesh.istiod.versions() == [OLD]
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)
    assert "<style>" in (tmp_path / "upgrade.html").read_text("utf-8")
    assert "0 failed" in said[f"kubectl istio-upgrade upgrade --to {NEW} --probe {URL}"]
    assert shape_of(shown("Before an upgrade")) <= shape_of(said[f"kubectl istio-upgrade upgrade --to {NEW} --plan"])


def shown(section: str) -> str:
    """The output that a section shows, without the command and without what it leaves out."""
    block = re.findall(r"```console\n(.*?)```", sections()[section], re.DOTALL)[0]
    return "\n".join(line for line in block.splitlines() if not line.startswith(("$", "…")))


def shape_of(output: str) -> set[str]:
    """Its words, with numbers, identities and addresses alike; where a line is broken depends on the terminal."""
    text = re.sub(r"\([0-9a-f]{8} at \S+\)", "(ID at ADDRESS)", output)
    return set(re.sub(r"\d+", "N", text).split())
