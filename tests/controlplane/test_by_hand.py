"""The test bed by hand: what the README of this folder shows, each command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import living, processes_of, wait_until

from . import ControlPlane, TestbedError, install_istio
from .access import STATE, Access

NEW = "1.29.1"
ROOT = Path(__file__).parents[2]
PATIENCE = 180.0

ByHand = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.mesh


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "tests.controlplane", *arguments, f"--dir={folder}"]


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[ByHand]:
    """`python -m tests.controlplane …` for a folder of the test's own; whatever goes wrong, nothing of it goes on."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(tmp_path, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)

    yield run
    for pid in processes_of(tmp_path):
        os.kill(pid, signal.SIGKILL)


def test_up_in_the_background_istiod_beside_it_and_down(by_hand: ByHand, tmp_path: Path) -> None:
    up = by_hand("up", "--detach", "--no-istiod")
    assert (up.returncode, up.stdout) == (0, f"export KUBECONFIG={tmp_path}/kubeconfig\n"), up.stderr
    programs = len(processes_of(tmp_path))
    again = by_hand("up")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"error: a test bed runs in {tmp_path} already; `down` ends it\n"
    plane = Access.to(tmp_path)
    with subprocess.Popen(command(tmp_path, "istiod"), cwd=ROOT, stderr=subprocess.PIPE, text=True) as istiod:
        assert istiod.stderr
        assert istiod.stderr.readline() == "istiod ready: none\n"
        install_istio(plane, NEW)
        assert istiod.stderr.readline() == f"istiod ready: {NEW}\n"
        istiod.send_signal(signal.SIGINT)
        assert istiod.wait(PATIENCE) == 130
    wait_until(lambda: len(processes_of(tmp_path)) == programs)
    assert "istiod" in plane.kubectl("get", "deployments", "-n", "istio-system", "-oname"), "the rest goes on"
    down = by_hand("down")
    assert (down.returncode, down.stdout, down.stderr) == (0, "", "")
    wait_until(lambda: not processes_of(tmp_path))  # `up` gives its lock back, and then ends
    down = by_hand("down")
    assert down.returncode == 1
    assert down.stderr.startswith(f"error: no test bed runs in {tmp_path}")


def test_what_a_crash_leaves_is_cleaned_up(by_hand: ByHand, tmp_path: Path) -> None:
    """Every process, by its id, at once; and the record of it by `down`, or by the next `up` in the same folder."""
    assert by_hand("up", "--detach", "--level=api").returncode == 0
    pid = json.loads((tmp_path / STATE).read_text())["pid"]
    children = processes_of(tmp_path)
    assert pid in children
    assert len(children) == 5, "`up`, and two programs, each with its supervisor"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not living(children))
    assert (tmp_path / STATE).exists(), "that is what a crash leaves"
    assert by_hand("down").returncode == 0
    assert not (tmp_path / STATE).exists()
    assert by_hand("up", "--detach", "--level=api").returncode == 0
    os.kill(json.loads((tmp_path / STATE).read_text())["pid"], signal.SIGKILL)
    wait_until(lambda: not processes_of(tmp_path))
    assert by_hand("up", "--detach", "--level=api").returncode == 0
    assert "kube-system" in Access.to(tmp_path).kubectl("get", "namespaces", "-oname")
    assert by_hand("down").returncode == 0
    wait_until(lambda: not processes_of(tmp_path))


def test_a_start_that_fails_says_why_and_leaves_nothing(by_hand: ByHand, tmp_path: Path) -> None:
    (tmp_path / "tokens.csv").mkdir()
    up = by_hand("up", "--detach", "--level=api")
    assert (up.returncode, up.stdout) == (1, "")
    assert up.stderr.startswith(f"error: it did not start; see {tmp_path}/up.log\n")
    assert "tokens.csv" in up.stderr
    assert processes_of(tmp_path) == []
    with pytest.raises(TestbedError, match="no test bed runs"):
        Access.to(tmp_path)


def test_the_folder_of_a_crashed_run_goes_with_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of runs that go on stay, and so does one whose start failed: its logs are wanted.

    In such a folder addresses are not reserved against other lanes; at this level nobody listens on them.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import sys; from tests.controlplane import ControlPlane\nwith ControlPlane(): print(1, flush=True); input()"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    crashing = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with crashing:
        assert crashing.stdout
        assert crashing.stdout.readline() == b"1\n"
        crashing.kill()
    (crashed,) = tmp_path.glob("istio-upgrade-testbed-*")
    (tmp_path / "istio-upgrade-testbed-failed").mkdir()
    with ControlPlane() as running, ControlPlane() as other:
        assert {folder.name for folder in tmp_path.glob("istio-upgrade-testbed-*")} == {
            "istio-upgrade-testbed-failed",
            running.folder.name,
            other.folder.name,
        }
    assert not crashed.exists()
    wait_until(lambda: not processes_of(tmp_path))
