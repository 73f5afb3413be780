"""At a terminal of 80 columns: tables are drawn, bars move and go away, and everything stays readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .mesh import Mesh, virtual_service
from .program import Program
from .terminals import COLUMNS, at_terminal

pytestmark = pytest.mark.cluster

ESCAPE = "\x1b"


def run(program: Program, *arguments: str, code: int = 0, redirect: str = "") -> tuple[str, str]:
    """What came, and the same without escape codes."""
    with at_terminal(program, *arguments, redirect=redirect) as terminal:
        assert terminal.end() == code, terminal.seen
    assert "Traceback" not in terminal.text
    return terminal.seen, terminal.text


def final(text: str) -> list[str]:
    """The lines that are left when bars have rewritten and removed themselves."""
    return [line.rpartition("\r")[2] for line in text.splitlines()]


def test_a_bar_while_it_reads_and_nothing_of_it_afterwards(program: Program) -> None:
    seen, text = run(program, "snapshot", "-m", "a reason")
    assert "reading the mesh" in text
    assert "━" in text
    assert all(len(line) <= COLUMNS for line in final(text))
    assert any(line.startswith("snapshot ") for line in final(text))
    assert seen.rstrip().endswith(text.rstrip()[-10:]), "it ends in an escape code"
    assert seen.count(f"{ESCAPE}[?25l") == seen.count(f"{ESCAPE}[?25h"), "the cursor stays hidden"


def test_data_in_a_file_progress_at_the_terminal(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    seen, _ = run(program, "snapshot", "-o", "json", redirect=str(out))
    assert "━" in seen
    assert out.read_text("utf-8").startswith("{\n")
    assert ESCAPE not in out.read_text("utf-8")


def test_tables_fit(program: Program) -> None:
    long = "a reason that goes on and on, for much longer than any terminal is wide, because people are like that"
    program(
        "snapshot", "-q", "-m", long, "--name", "a-name-that-is-as-long-as-the-rules-allow-for-a-name-to-be-here"
    ).done()
    _, text = run(program, "show", "latest")
    assert all(len(line.rstrip()) <= COLUMNS for line in text.partition("TYPE ")[2].splitlines()), text
    _, text = run(program, "history")
    assert all(len(line.rstrip()) <= COLUMNS for line in text.splitlines()), text
    header, *rows = (line for line in text.splitlines() if line.strip())
    assert header.split() == ["SNAPSHOT", "TAKEN", "ISTIO", "OBJECTS", "CHANGED", "NAME", "WHY"]
    assert "a" in rows[0][header.index("WHY") :], "the reason has no room at all"
    assert "1.28.3" in text


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_at_a_terminal(program: Program, mesh: Mesh, no_color: str, coloured: bool) -> None:
    body = virtual_service("changed", "then")
    mesh.add(body)
    program("snapshot", "-q").done()
    mesh.patch(body, {"spec": {"hosts": ["now"]}})
    seen, text = run(program.having(NO_COLOR=no_color), "diff", "-q", code=1)
    assert (f"{ESCAPE}[" in seen) == coloured, seen
    assert "+    - now" in text or "+  - now" in text


def test_a_dumb_terminal(program: Program) -> None:
    dumb = Program({**program.environment}, ("env", "TERM=dumb", *program.command))
    seen, _ = run(dumb, "snapshot")
    assert ESCAPE not in seen
    assert re.search(r"reading the mesh \(\d\d\): \d+\.\d s", seen)
