"""Every command of the product with arguments that make it work, and how it ends: the table of `test_everywhere`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import click

from kubectl_istio_upgrade.cli.main import main

LONG = "a-name-that-is-about-as-long-as-people-make-them-when-they-can"
REASON = "because of a naïve ☃, \x1b[31mred\x1b]0;title\x07 and for much longer than any terminal is wide, \u202eback"
"""What people, and scripts that pass on what they were given, put into a message."""


@dataclass(frozen=True)
class Wide:
    """Lines that may be longer than a terminal is wide, and the reason."""

    lines: str
    why: str

    def allows(self, line: str) -> bool:
        return re.fullmatch(self.lines, line) is not None


FITS = Wide("(?!)", "everything fits")
NAMED = Wide(rf".*{LONG}.*", "names are whole: they are there to be copied")
LOCATED = Wide(r" *(file: +)?'?/\S+", "and so are paths")
COMMANDED = Wide(r" *(kubectl|curl) .*", "and commands")
DATA = Wide(r".*", "data are what they are, and programs read them")
SCRIPT = Wide(r".*", "a script of click's")


@dataclass(frozen=True)
class Row:
    """A command line, how it ends, and what is special about what it says."""

    line: str
    code: int = 0
    wide: Wide = FITS
    foreign: bool = False
    """Whether it shows characters beyond ASCII, because the mesh or somebody's message has them."""
    prints: bool | None = None
    """Whether it writes to standard output; by default what is done does, and what is refused does not."""

    asks: bool = False
    """Whether it asks a person, who says no here; where there is nobody, it refuses."""

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def silent(self) -> bool:
        return self.code not in (0, 1) if self.prints is None else not self.prints


ROWS = (
    Row(""),
    Row("--help"),
    Row("--version"),
    Row("snapshto", 2),
    Row("--nosuch", 2),
    # What has changed since the snapshot that is called friday.
    Row("diff", 1, NAMED, foreign=True),
    Row("diff --stat", 1, NAMED),
    Row("diff --show-ignored -n shop", 1, NAMED),
    Row("diff -o yaml", 1, DATA, foreign=True),
    Row("diff nosuch", 2),
    Row(f"snapshot -m '{REASON}'", foreign=True),
    Row("snapshot -o json", wide=DATA),
    Row("snapshot --dry", 2),
    Row("history", foreign=True),
    Row("history -o json", wide=DATA, foreign=True),
    Row("show latest~1", foreign=True),
    Row("show latest configmap/wild -n istio-system", wide=DATA, foreign=True),
    Row("show latest nosuch/nosuch", 2),
    Row("status", foreign=True),
    # An operation, its record, and the way back.
    Row("apply -f new.yaml --yes", wide=NAMED),
    Row("report", wide=NAMED),
    Row("report -o html", wide=DATA, foreign=True),
    Row("report nosuch", 2),
    Row(f"rollback friday --only virtualservice/{LONG} -n shop --yes", wide=NAMED),
    Row("rollback friday --dry-run --diff", wide=NAMED, foreign=True),
    Row("rollback friday --to-dir manifests"),
    Row("apply -f new.yaml --dry-run", wide=NAMED),
    Row("apply -f new.yaml", 3, NAMED, asks=True),
    Row("apply -f nosuch.yaml --yes", 2),
    # No istiod runs here: what looks at it says so.
    Row("validate", 1),
    Row("restart --plan"),
    Row("restart --yes"),
    Row("precheck --to 1.29.1", 3, COMMANDED, prints=True),
    Row("precheck -o json", 3, DATA, prints=True),
    Row("upgrade --to 1.29.1 --plan", 3, COMMANDED, prints=True),
    Row("upgrade --to 1.29.1 --dry-run", 3),
    Row("upgrade --to soon --plan", 2),
    Row("promote default -n shop --dry-run"),
    Row("promote nosuch --dry-run", 2),
    Row("retire default --dry-run", 3),
    # An apply that was killed.
    Row("resume --dry-run --store killed", wide=NAMED),
    Row("resume --dry-run", 3),
    Row("abort --dry-run --store killed", wide=NAMED),
    Row("abort --yes", 3),
    Row("status --store killed"),
    Row("rollback --yes --store killed", 4),
    Row("rbac"),
    Row("rbac --read-only --for nobody", 2),
    Row("store"),
    Row("store init", prints=False),
    Row("store init --recipient nonsense", 2),
    Row("store verify"),
    Row("store verify -o yaml", wide=DATA),
    Row("store path"),
    Row("store push remote.git", wide=LOCATED),
    Row("store push nosuch.git", 6, LOCATED),
    Row("store pull remote.git", wide=LOCATED),
    Row("store pull", 2),
    Row("store gc --keep-last 1 --yes", foreign=True),
    Row("store gc --keep-last 1 --dry-run", foreign=True),
    Row("store gc --keep-last 1 -o json --yes", wide=DATA),
    Row("config"),
    Row("config view", wide=LOCATED),
    Row("config view -o yaml", wide=DATA),
    Row("completion bash", wide=SCRIPT),
    Row("completion zsh", wide=SCRIPT),
    Row("completion fish", wide=SCRIPT),
    Row("completion powershell", wide=SCRIPT),
    Row("completion --install --dir .", 3),
    Row("completion", 2),
)


def below(command: click.Command) -> Iterator[tuple[str, ...]]:
    """Every command line of words alone."""
    yield ()
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from ((name, *rest) for rest in below(found))


ALL = tuple(below(main))
HELP = tuple(Row(" ".join((*words, "--help"))) for words in ALL if words)


def known(line: Row) -> tuple[str, ...]:
    """The command of a row."""
    given = line.words
    return max((words for words in ALL if tuple(given[: len(words)]) == words), key=len)


DATA_ROWS = tuple(line for line in ROWS if line.wide is DATA)
FIRST = tuple(next(line for line in ROWS if known(line) == words) for words in dict.fromkeys(map(known, ROWS)))
"""A row for each command."""

AT_A_TERMINAL = (*(line for line in ROWS if line not in DATA_ROWS or line in FIRST or "show" in line.line), *HELP)
IN_A_PIPE = (*(line for line in ROWS if line in FIRST or line in DATA_ROWS), *HELP)
