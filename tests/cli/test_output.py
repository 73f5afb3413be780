"""Standard output is data: parseable, uncoloured unless asked for, and nobody minds when the reader has gone."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.adapters.store import GitStore

from .mesh import Mesh, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

ESCAPE = "\x1b"


def parsed(text: str, format_: str) -> object:
    return json.loads(text) if format_ == "json" else yaml.load(text, Loader=yaml.CSafeLoader)


@pytest.fixture
def changed(program: Program, mesh: Mesh) -> Program:
    """A snapshot, and a change since."""
    body = virtual_service("changed", "then")
    mesh.add(body)
    program("snapshot", "-q").done()
    mesh.patch(body, {"spec": {"hosts": ["naïve-☃"]}})
    return program


@pytest.mark.parametrize("format_", ["json", "yaml"])
def test_valid_even_when_empty(program: Program, store: Path, format_: str) -> None:
    with GitStore.open(store, create=True):
        pass
    assert parsed(program("history", "-o", format_).done().out, format_) == []
    same = parsed(program("diff", "live", "live", "-o", format_).done().out, format_)
    assert isinstance(same, dict)
    assert (same["different"], same["objects"], same["notCompared"]) == (False, [], [])
    assert program("history", "-o", "name").done().out == ""


def test_every_command_prints_data_and_nothing_else(changed: Program, mesh: Mesh, manifest: Callable[..., str]) -> None:
    """Notes, progress and plans are on standard error."""
    file = manifest(virtual_service("new"))
    mesh.adopt(virtual_service("new"))
    commands = {
        "diff": 1,
        "diff --show-ignored": 1,
        "diff -f " + file: 1,
        "rollback --dry-run": 0,
        "history": 0,
        "show latest": 0,
        "show latest configmap/istio": 0,
        "show latest configmap -n istio-system": 0,
        f"apply -f {file} --dry-run": 0,
        f"apply -f {file} --yes --diff": 0,
        "rollback --yes": 0,
        "snapshot": 0,
    }
    for (command, code), format_ in zip(commands.items(), itertools.cycle(("json", "json", "yaml"))):
        result = changed(*command.split(), "-o", format_).done(code)
        assert parsed(result.out, format_), command


def test_names(changed: Program) -> None:
    taken = changed("snapshot", "-o", "name").done().out
    assert changed("history", "-o", "name").done().out.startswith(taken)
    assert changed("show", taken.strip()).done()


def test_progress_is_one_line_a_phase_without_a_terminal(changed: Program) -> None:
    result = changed("snapshot").done()
    (line,) = result.err.splitlines()
    assert re.fullmatch(r"reading the mesh \(\d\d\): \d+\.\d s", line), "of so many lists"
    assert changed("snapshot", "--quiet").done().err == ""


def test_colour(changed: Program) -> None:
    """Not in pipes, always when asked for, and never the only carrier of meaning."""
    plain = changed("diff").done(1).out
    assert ESCAPE not in plain
    for variables in ({"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}):
        assert changed.having(**variables)("diff").done(1).out == plain
    assert changed("diff", "--color", "never").done(1).out == plain
    coloured = changed.having(NO_COLOR="1")("diff", "--color", "always").done(1).out
    assert f"{ESCAPE}[31m-" in coloured
    assert f"{ESCAPE}[32m+" in coloured
    assert "\n-" in plain
    assert "\n+" in plain


@pytest.mark.parametrize("locale", [{"LANG": "C", "LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_that_knows_no_unicode(changed: Program, locale: dict[str, str]) -> None:
    program = changed.having(**locale)
    assert "ve-" in program("diff").done(1).out
    assert program("diff", "-o", "json").done(1).json["different"]
    program("--help").done()
    program("snapshot", "-q", "-m", "naïve ☃").done()
    program("history").done()


@pytest.mark.parametrize("command", ["show latest -o yaml", "history", "diff"])
def test_the_reader_has_gone(changed: Program, command: str) -> None:
    line = f"{' '.join(changed.command)} {command} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, encoding="utf-8", env=dict(changed.environment), timeout=60
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert "error" not in done.stderr
    assert done.stdout.strip() in ("0", "1", "141")
