"""Every command, wherever its output goes: narrow and wide terminals, pipes, no colour, no Unicode, no reader.

One table for all. A way runs it in its order, in a room of its own (a store, a mesh that has drifted, and a store whose
operation was killed), and tells all that is wrong at once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.cli.main import COMMANDS, READER_GONE

from .command_lines import ALL, AT_A_TERMINAL, DATA, FIRST, HELP, IN_A_PIPE, LONG, ROWS, Row, known
from .mesh import Mesh, config_map, virtual_service
from .program import Program, Result, clean_environment
from .proxy import Proxy
from .screens import Screen, screen_after
from .test_unfinished import killed_while_it_writes

pytestmark = pytest.mark.cluster

NARROW, WIDE = 80, 200

SERVING = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {
        "name": "istiod-outside",
        "namespace": "istio-system",
        "labels": {"kubernetes.io/service-name": "istiod"},
    },
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["192.0.2.1"]}],
}
"""As of an istiod that answers: nothing is led to one that does not."""


@pytest.fixture(scope="module")
def drifted(installed: Mesh) -> Iterator[Mesh]:
    """The mesh, with objects that a snapshot does not have; gone when the module is."""
    mesh = Mesh(installed.plane)
    mesh.add(virtual_service("drifted", "shop.example.com"))
    mesh.add(SERVING)
    mesh.add(config_map("wild", text="a naïve ☃, \x1b[31mred\x07 and \u202eback", lines="one\ntwo \x1b[1m\u202e\n"))
    yield mesh
    mesh.remove_made()
    mesh.drop_lease()


@dataclass(frozen=True)
class Room:
    """Where commands run."""

    folder: Path
    program: Program

    def copy(self, name: str) -> Room:
        """Another of the same contents, for whatever a way leaves behind."""
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder)
        return Room(folder, _program(folder, self.program.environment["KUBECONFIG"]))


def _program(folder: Path, kubeconfig: str) -> Program:
    return Program(clean_environment(folder, ISTIO_UPGRADE_STORE="store", KUBECONFIG=kubeconfig), folder=folder)


@pytest.fixture(scope="module")
def prepared(drifted: Mesh, template: Path) -> Iterator[Room]:
    """A room that no command has been in; its path is short, for some commands show it in 80 columns."""
    with tempfile.TemporaryDirectory(prefix="room-") as above:
        yield from _prepared(drifted, template, Path(above) / "new")


def _prepared(drifted: Mesh, template: Path, folder: Path) -> Iterator[Room]:
    shutil.copytree(template, folder / "store")
    shutil.copytree(template, folder / "killed")
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder / "remote.git")], check=True)
    (folder / "new.yaml").write_text(yaml.safe_dump(virtual_service(LONG)), "utf-8")
    drifted.adopt(virtual_service(LONG))
    wanted = [virtual_service(f"wanted-{number}") for number in range(12)]
    for body in wanted:
        drifted.adopt(body)
    (folder / "many.yaml").write_text(yaml.safe_dump_all(wanted), "utf-8")
    proxy = Proxy(drifted.plane)
    try:
        way = str(proxy.kubeconfig(folder / "proxied.kubeconfig"))
        proxied = _program(folder, way).having(ISTIO_UPGRADE_STORE=str(folder / "killed"))
        killed_while_it_writes(proxied, proxy, "apply", "-f", str(folder / "many.yaml"), "--yes", after=3)
    finally:
        proxy.close()
    drifted.drop_lease()
    yield Room(folder, _program(folder, str(drifted.plane.kubeconfig)))


@pytest.fixture
def room(prepared: Room, request: pytest.FixtureRequest, drifted: Mesh) -> Room:
    return prepared.copy(re.sub(r"\W+", "-", request.node.name))


def test_every_command_is_in_the_table() -> None:
    assert {words[0] for words in ALL if words} == set(COMMANDS)
    assert {known(line) for line in ROWS} == set(ALL), "a command without a row"
    assert {known(line) for line in FIRST} == set(ALL)
    assert {known(line) for line in HELP} == set(ALL) - {()}


def bad_in(line: Row) -> tuple[str, ...]:
    """Categories of characters that show nothing, or turn the text around; in data they are data."""
    return ("Cc", "Cs") if line.wide is DATA else ("Cc", "Cf", "Co", "Cn", "Cs")


def wrong_in_text(line: Row, text: str) -> Iterator[str]:
    """What may be in no output at all."""
    for word in ("Traceback", "BrokenPipe", "Exception ignored", "Error:", "\ufffd"):
        if word in text:
            yield f"{word!r} is in it"
    if garbage := {one for one in text if unicodedata.category(one) in bad_in(line)} - {"\n", "\t"}:
        yield f"garbage: {sorted(garbage)}"


def wrong_on_screen(line: Row, screen: Screen) -> Iterator[str]:
    """What may be on no terminal."""
    yield from wrong_in_text(line, screen.text)
    if screen.code != line.code:
        yield f"exit code {screen.code}, not {line.code}: {screen.text[-300:]}"
    if screen.cursor_hidden:
        yield "the cursor stays hidden"
    left = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\n\r\t]", "", screen.seen)
    if raw := {one for one in left if unicodedata.category(one) in bad_in(line)}:
        yield f"raw: {sorted(raw)}"
    yield from (f"too wide: {found}" for found in screen.too_wide if not line.wide.allows(found))
    if not screen.too_wide and screen.lines != screen.unbroken:
        yield "the terminal shows something else than was written"


def told(problems: list[str]) -> str:
    return "\n".join(problems)


def colours_in(seen: str) -> set[str]:
    """The parts of escape codes that choose a colour, as https://no-color.org means it; bold is none."""
    parts = {part for codes in re.findall(r"\x1b\[([0-9;]*)m", seen) for part in codes.split(";")}
    return {part for part in parts if re.fullmatch(r"3[0-8]|4[0-8]|9[0-7]|10[0-7]", part)}


@dataclass(frozen=True)
class Place:
    """A terminal, and what is special about it."""

    columns: int
    variables: Mapping[str, str]
    rows: tuple[Row, ...]

    @property
    def is_plain(self) -> bool:
        """Whether somebody has asked for no colour."""
        return "NO_COLOR" in self.variables


TERMINALS = {
    "80 columns": Place(NARROW, {}, AT_A_TERMINAL),
    "80 columns without colour": Place(NARROW, {"NO_COLOR": "1"}, FIRST),
    "80 columns without Unicode": Place(NARROW, {"LC_ALL": "C"}, FIRST),
    "200 columns": Place(WIDE, {}, FIRST),
    "200 columns without colour": Place(WIDE, {"NO_COLOR": "1"}, FIRST),
}
"""Every command at each; all rows, and every help, at the one that has the least room."""


@pytest.mark.parametrize("name", TERMINALS)
def test_at_a_terminal(room: Room, name: str) -> None:
    place = TERMINALS[name]
    program = room.program.having(**place.variables)
    problems: list[str] = []
    coloured = set()
    for line in place.rows:
        answer = ("[y/N]", "n\n") if line.asks else None
        screen = screen_after(program, *line.words, columns=place.columns, answer=answer)
        problems += [f"{line.line}: {wrong}" for wrong in wrong_on_screen(line, screen)]
        if found := colours_in(screen.seen):
            coloured.add(line.line)
            if place.is_plain:
                problems.append(f"{line.line}: colours {found} with NO_COLOR")
        if "LC_ALL" in place.variables and not line.foreign and not screen.text.isascii():
            problems.append(f"{line.line}: not ASCII: {sorted({one for one in screen.text if not one.isascii()})}")
    assert not problems, told(problems)
    assert ("diff" in coloured) != place.is_plain, "colour is where it belongs"


def wrong_in_a_pipe(line: Row, result: Result) -> Iterator[str]:
    """What may be in no pipe."""
    text = result.out + result.err
    yield from wrong_in_text(line, text)
    if result.code != line.code:
        yield f"exit code {result.code}, not {line.code}: {result.err[-300:]}"
    if not line.foreign and not text.isascii():
        yield f"not ASCII: {sorted({one for one in text if not one.isascii()})}"


PIPES = {
    "UTF-8": {},
    "without Unicode": {"LANG": "C", "LC_ALL": "C"},
    "without colour": {"NO_COLOR": "1"},
    "forced colour": {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"},
}
"""What is in the environment of a pipe. No colour belongs there, whoever else takes these variables for an order."""


@pytest.mark.parametrize("name", PIPES)
def test_in_a_pipe(room: Room, name: str) -> None:
    """What is ours is ASCII; what is the mesh's, and people's, is UTF-8, for data do not depend on a locale."""
    program = room.program.having(**PIPES[name])
    rows = IN_A_PIPE if name == "without Unicode" else tuple(line for line in IN_A_PIPE if line not in HELP)
    problems = [f"{line.line}: {wrong}" for line in rows for wrong in wrong_in_a_pipe(line, program(*line.words))]
    assert not problems, told(problems)


def test_at_a_terminal_without_unicode(room: Room) -> None:
    """Bars and cut cells are of ASCII, too."""
    program = room.program.having(LC_ALL="C")
    program("snapshot", "-q", "-m", "a reason that is longer than the column that it is shown in" * 2).done()
    for words in (("snapshot",), ("history",), ("diff",)):
        screen = screen_after(program, *words, columns=NARROW)
        assert "..." in screen.text or words != ("history",)
        assert "---" in screen.seen or words != ("snapshot",)
        ours = [text for text in screen.seen.splitlines() if "wild" not in text and "naïve" not in text]
        assert all(text.isascii() for text in ours), ours


def unread(program: Program, *words: str) -> tuple[int, str]:
    """Run a command whose standard output nobody reads any more, and which must notice with its first byte."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [*program.command, *words],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=dict(program.environment),
            cwd=program.folder,
            timeout=60,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr


def test_the_reader_has_gone(room: Room) -> None:
    """The exit code is that of a program which SIGPIPE has ended, as kubectl and git: never that of a good answer."""
    problems: list[str] = []
    for line in FIRST:
        code, errors = unread(room.program, *line.words)
        problems += [f"{line.line}: {wrong}" for wrong in wrong_in_text(line, errors)]
        if code != (line.code if line.silent else READER_GONE):
            problems.append(f"{line.line}: exit code {code}: {errors[-300:]}")
        if not line.silent and "error:" in errors:
            problems.append(f"{line.line}: noise: {errors}")
    assert not problems, told(problems)


@pytest.mark.parametrize("command", ["--help", "history -o json", "show friday -o json", "completion bash"])
def test_head(room: Room, command: str) -> None:
    line = f"set -o pipefail; {shlex.join(room.program.command)} {command} | head -1"
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        encoding="utf-8",
        env=dict(room.program.environment),
        cwd=room.folder,
        timeout=60,
    )
    assert done.returncode in (0, READER_GONE), "0 where all was read before head ended"
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_an_operation_goes_on_when_nobody_reads_what_is_said_about_it(room: Room, drifted: Mesh) -> None:
    """`apply --yes 2>&1 | true`: it is whole, and proved."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [*room.program.command, "apply", "-f", "new.yaml", "--yes"]
    environment = dict(room.program.environment)
    done = subprocess.run(command, stdout=writer, stderr=writer, env=environment, cwd=room.folder, timeout=60)
    os.close(writer)
    assert done.returncode == READER_GONE
    assert drifted.get(virtual_service(LONG))
    assert room.program("report", "-o", "json").done().json["ending"] == "proved"
    drifted.delete(virtual_service(LONG))
