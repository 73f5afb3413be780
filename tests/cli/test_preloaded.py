"""Commands forked from a process that has imported the product, as most tests run them, are as real ones."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.faults import killer
from tests.support import preloaded

from .program import PROGRAM, Program, Result
from .terminals import CTRL_C, at_terminal, forked_at_terminal


def really(program: Program, *arguments: str, stdin: str | None = None) -> Result:
    done = subprocess.run(
        [str(PROGRAM), *arguments],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        encoding="utf-8",
        env=dict(program.environment),
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--help"], None),
        ([], None),
        (["history"], None),
        (["histry"], None),
        (["config", "view"], None),
        (["apply", "--yes", "-f", "-"], "kind: [\n"),
        (["apply", "--yes", "-f", "-"], None),
        (["status", "--context", "nowhere"], None),
    ],
)
def test_they_say_and_end_the_same(offline: Program, arguments: list[str], stdin: str | None) -> None:
    assert preloaded.is_for(offline.environment)
    assert offline(*arguments, stdin=stdin) == really(offline, *arguments, stdin=stdin)


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("arguments", [["--help"], [], ["histry"], ["config", "view"]])
def test_at_a_terminal_they_show_the_same(offline: Program, arguments: list[str], columns: int) -> None:
    with at_terminal(offline, *arguments, columns=columns) as real:
        code = real.end()
    with forked_at_terminal(offline, *arguments, columns=columns) as forked:
        assert forked.end() == code
    assert forked.seen == real.seen


def test_ctrl_c_reaches_one_at_a_terminal(offline: Program) -> None:
    with unanswered(offline) as server, forked_at_terminal(offline, "snapshot") as forked:
        asked, _ = server.accept()
        forked.type(CTRL_C)
        assert forked.end() == 130
        asked.close()
    assert "interrupted; nothing was changed" in forked.text


def test_one_that_hangs_is_ended_and_the_next_one_runs(offline: Program) -> None:
    with unanswered(offline), pytest.raises(subprocess.TimeoutExpired):
        preloaded.run(["snapshot"], offline.environment, timeout=1.0)
    offline("--help").done()


@contextmanager
def unanswered(program: Program) -> Iterator[socket.socket]:
    """A kubeconfig that leads to a server which never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{silent.getsockname()[1]}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        users = [{"name": "u", "user": {"token": "t"}}]
        kubeconfig = {"clusters": [cluster], "contexts": [context], "users": users, "current-context": "c"}
        Path(program.environment["KUBECONFIG"]).write_text(yaml.safe_dump(kubeconfig))
        yield silent


def test_one_that_is_killed_says_nothing_more_and_ends_by_that_signal(offline: Program, tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    told = {killer.POINT: "before-rename-store@1", killer.VICTIM: "self", killer.STRUCK: str(struck)}
    told["ISTIO_UPGRADE_STORE"] = str(tmp_path / "mesh.git")
    ended = preloaded.run(["store", "init"], {**offline.environment, **told}, before=killer.__name__, timeout=60)
    assert ended == (-signal.SIGKILL, "", "")
    assert struck.exists()
    assert not (tmp_path / "mesh.git").exists()


@pytest.mark.parametrize("orders", [{"LC_ALL": "C"}, {"PYTHONPATH": "x"}, {"PATH": "/nowhere"}])
def test_what_changes_a_start_is_started_for_real(offline: Program, orders: dict[str, str]) -> None:
    assert not preloaded.is_for({**offline.environment, **orders})
