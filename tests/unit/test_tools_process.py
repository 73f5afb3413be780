"""Programs of others: run to their end, watched, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.tools import process
from kubectl_istio_upgrade.adapters.tools.process import Program, Ran
from kubectl_istio_upgrade.errors import ToolError, ToolTimeoutError

SHELL = Path("/bin/sh")


def shell(script: str, *, stdin: str = "", timeout: float = 10.0, **environment: str) -> Ran:
    return Program(SHELL, environment).run("-c", script, stdin=stdin, timeout=timeout)


def test_what_it_prints_and_how_it_ends() -> None:
    assert shell("echo out; echo err >&2; exit 3") == Ran(3, "out\n", "err\n")


def test_it_reads_what_it_is_given_and_not_our_terminal() -> None:
    assert shell("cat", stdin="hello").out == "hello"
    assert shell("cat").out == ""


def test_it_need_not_read_what_it_is_given() -> None:
    assert shell("exit 0", stdin="x" * 1_000_000).code == 0


def test_a_lot_of_output_is_whole() -> None:
    lines = shell("i=0; while [ $i -lt 20000 ]; do echo $i; echo $i >&2; i=$((i+1)); done")
    assert lines.out == lines.err == "".join(f"{number}\n" for number in range(20000))


def test_whoever_watches_sees_each_line_of_its_complaints() -> None:
    seen: list[str] = []
    Program(SHELL, {}).run("-c", "echo one >&2; echo two >&2; echo data", timeout=10, watch=seen.append)
    assert seen == ["one", "two"]


def test_its_environment_is_ours_without_colour_and_with_what_leads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "kept")
    out = shell('echo "$OURS $NO_COLOR $TERM $LC_ALL $KUBECONFIG"', KUBECONFIG="there").out
    assert out == "kept 1 dumb C.UTF-8 there\n"


@pytest.mark.parametrize(
    ("err", "words"),
    [("", ""), ("first\nError: last one\n\n", "last one"), ("error: x\n", "x"), ("plain", "plain")],
)
def test_its_last_words(err: str, words: str) -> None:
    assert Ran(1, "", err).last_words == words


def test_a_program_that_does_not_end_in_time_is_ended() -> None:
    started = time.monotonic()
    with pytest.raises(ToolTimeoutError, match="did not end within 0 s"):
        shell("sleep 30", timeout=0.2)
    assert time.monotonic() - started < 5


def test_ctrl_c_ends_it_and_waits_for_that(tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        shell(f"trap 'echo yes > {mark}; exit 0' TERM; sleep 30 & wait", timeout=20)
    assert mark.read_text() == "yes\n"


def test_a_mere_name_is_that_of_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user has it who says `--helm helm` in the folder where it is."""
    (tmp_path / "mine").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "mine").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert Program(Path("mine"), {}).run(timeout=10).out == "here\n"


def test_what_is_no_program_is_told() -> None:
    with pytest.raises(ToolError, match="cannot be run: no such file or directory"):
        Program(Path("/nowhere/istioctl"), {}).run("version", timeout=1)


def test_its_complaint_is_all_from_its_error_on() -> None:
    seen = "✘ Istiod encountered an error: too late\n  Deployment/istiod"
    err = f"{seen}Error: failed:\n\t* too late\n  Deployment/istiod\n\n"
    assert Ran(1, "", err).complaint == "failed; too late; Deployment/istiod"
    assert Ran(1, "", "only words\n").complaint == "only words"


def test_a_platform_without_process_groups_runs_and_ends_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: no killpg, and nothing may be run between fork and exec, for there is no fork."""
    monkeypatch.delattr(os, "killpg")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(process, "_LIBC", None)
    monkeypatch.setattr(subprocess, "Popen", _without_preexec(subprocess.Popen))
    assert shell("echo out").out == "out\n"
    began = time.monotonic()
    with pytest.raises(ToolTimeoutError):
        shell("exec sleep 60", timeout=0.3)
    assert time.monotonic() - began < 10


def _without_preexec(popen: Callable[..., Any]) -> Callable[..., Any]:
    def start(*arguments: Any, preexec_fn: object = None, **options: Any) -> Any:
        if preexec_fn is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        return popen(*arguments, **options)

    return start
