"""Where the browser comes from, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .provide import NAMED, NAMES, UNWANTED, NoBrowserError, browser

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with nothing on its PATH and nothing in its cache; the folder that is its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (NAMED, UNWANTED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("ISTIO_UPGRADE_TESTBED_CACHE", str(tmp_path / "cache"))
    return folder


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_one_that_is_named_comes_first(alone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(alone / "chromium")
    monkeypatch.setenv(NAMED, str(program(tmp_path / "mine")))
    assert browser().path == tmp_path / "mine"


@pytest.mark.parametrize("name", NAMES)
def test_else_one_on_the_path(alone: Path, name: str) -> None:
    there = program(alone / name)
    assert browser().path == there


def test_a_name_that_leads_nowhere_is_not_passed_over(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(alone / "chromium")
    monkeypatch.setenv(NAMED, "/nowhere/chromium")
    with pytest.raises(NoBrowserError, match="/nowhere/chromium, which cannot be run"):
        browser()


def test_without_any_it_says_what_to_do_and_fails(alone: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.browser"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is no browser, and no apt-get to fetch one; install Chromium")
    assert UNWANTED in done.stderr


def test_a_fetch_that_fails_says_so_and_leaves_nothing(alone: Path, tmp_path: Path) -> None:
    apt = program(alone / "apt-get")
    apt.write_text("#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
    with pytest.raises(NoBrowserError, match="E: no network"):
        browser()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["chromium-headless-shell.lock"]


def test_it_can_be_left_out(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(UNWANTED, "1")
    done = subprocess.run([sys.executable, "-m", "tests.browser"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"browser: left out, as {UNWANTED} is set\n")
