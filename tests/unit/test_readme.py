"""The README says what is: its commands, options, settings, exit codes, links and make targets exist."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kubectl_istio_upgrade.adapters.configuration import configure
from kubectl_istio_upgrade.cli.main import COMMANDS, main
from kubectl_istio_upgrade.errors import ExitCode
from kubectl_istio_upgrade.rules.settings import FILE_VARIABLE, SETTINGS
from tests.support.readme import PROGRAM, README, ROOT, ours, sections

DOCUMENTS = sorted(
    name
    for name in subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if name.endswith(".md")
)
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

SOURCES = {
    "istioctl": ("istio.io", "github.com/istio"),
    "Helm": ("github.com/helm",),
    "Velero": ("velero.io", "github.com/velero-io"),
    "Argo CD": ("argo-cd.readthedocs.io",),
    "Flux": ("fluxcd.io",),
}
"""Where the makers themselves say it."""


def innermost(words: list[str]) -> click.Context:
    """The context of the command that these words call. Raises UsageError for what it does not take."""
    context = main.make_context(PROGRAM, words)
    while isinstance(context.command, click.Group) and context._protected_args:
        name, below, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None
        context = below.make_context(name, rest, parent=context)
    return context


@pytest.mark.parametrize("line", ours())
def test_every_command_line_is_one_that_the_program_takes(line: str) -> None:
    words = shlex.split(line.removeprefix(PROGRAM).partition(" > ")[0])
    innermost(words)


@pytest.mark.parametrize(
    "words", [["snapshoot"], ["snapshot", "--nme", "x"], ["show"], ["store", "inti"], ["rollback", "a", "b"]]
)
def test_what_it_does_not_take_would_be_found(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        innermost(words)


def synopses(text: str = README) -> Iterator[str]:
    """What stands in backquotes and begins with a command: in the table, and anywhere else."""
    for quoted in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        words = quoted.removeprefix(PROGRAM).split()
        if words and words[0] in COMMANDS:
            yield " ".join(words)


def wrong_with(synopsis: str) -> Iterator[str]:
    """Where a synopsis is another than the command's own help."""
    words = [word for word in synopsis.replace("[", " ").replace("]", " ").split() if word != "…"]
    command, path = found(words)
    options = {spelling: option for option in command.params for spelling in (*option.opts, *option.secondary_opts)}
    rest = words[len(path) :]
    for word, following in itertools.pairwise([*rest, ""]):
        name = word.partition("=")[0]
        if not name.startswith("-") or name == "-":
            continue
        if name not in options:
            yield f"{' '.join(path)} has no option {name}"
            continue
        metavar = str(options[name].metavar or "")
        if following.isupper() and following != metavar.strip("[]").partition("[")[0]:
            yield f"{' '.join(path)} {name} takes {metavar}, not {following}"


def found(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and those words."""
    command: click.Command = main
    path: list[str] = []
    for word in words:
        below = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if below is None:
            break
        command, path = below, [*path, word]
    return command, path


@pytest.mark.parametrize("synopsis", dict.fromkeys(synopses()))
def test_every_synopsis_matches_the_help(synopsis: str) -> None:
    assert list(wrong_with(synopsis)) == []


@pytest.mark.parametrize(
    "synopsis", ["snapshot [-m REASON]", "rollback --force", "store gc --keep-latest N", "history REF --to V"]
)
def test_a_synopsis_that_does_not_match_would_be_found(synopsis: str) -> None:
    assert list(wrong_with(synopsis))


def test_each_argument_of_the_table_of_commands_is_in_the_help() -> None:
    rows = re.findall(r"^\| (`.*?) \| ", sections()["Commands"], re.MULTILINE)
    assert rows
    for synopsis in synopses("\n".join(rows)):
        words = synopsis.split()
        command, path = found(words)
        arguments = [str(each.metavar) for each in command.params if isinstance(each, click.Argument)]
        options = {spelling for each in command.params for spelling in each.opts}
        shown = re.sub(r"\[?--?[\w-]+( [A-Z]+\b)?\]?", "", " ".join(words[len(path) :])).split()
        assert options
        assert set(shown) <= set(" ".join(arguments).split()), synopsis


def test_the_table_has_every_command() -> None:
    table = list(synopses(sections()["Commands"]))
    assert {synopsis.split()[0] for synopsis in table} == set(COMMANDS)
    store = main.get_command(click.Context(main), "store")
    assert isinstance(store, click.Group)
    assert {synopsis.split()[1] for synopsis in table if synopsis.startswith("store ")} == set(store.commands)


def test_exit_codes_are_all_listed_and_only_those() -> None:
    rows = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


def test_its_configuration_is_one_and_names_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = sections()["Configuration"]
    (block,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (tmp_path / "config.yaml").write_text(block.replace("age1…", RECIPIENT))
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "config.yaml"))
    read = configure({"context": "prod"}).values
    assert read["store"] == Path("~/prod.git").expanduser()
    assert read["recipients"] == (RECIPIENT,)
    named = {*re.findall(r"^ *(\w+):", block, re.MULTILINE), *re.findall(r"`(\w+)`", section)}
    assert {setting.key for setting in SETTINGS} <= named


def broken_links(document: str, text: str) -> Iterator[str]:
    """Those that lead out of the repository, to no file, or to no heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        path = ((ROOT / document).parent / name).resolve() if name else ROOT / document
        exists = path.is_relative_to(ROOT) and path.exists()
        if not exists or (heading and heading not in headings(path.read_text("utf-8"))):
            yield target


def headings(text: str) -> set[str]:
    """As GitHub links to them."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in sections(text)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    assert list(broken_links(document, (ROOT / document).read_text("utf-8"))) == []


@pytest.mark.parametrize("target", ["nowhere.md", "../shared/design.md", "#no-such-heading", "CONTRIBUTING.md#nothing"])
def test_a_link_that_leads_nowhere_would_be_found(target: str) -> None:
    assert list(broken_links("README.md", f"see [this]({target}) and [that](#exit-codes)")) == [target]


def test_the_documents_are_those_of_the_repository() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "snapshots/README.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize(
    "item", re.findall(r"^- \*\*.*?(?=\n- |\n\n)", sections()["How it compares"], re.DOTALL | re.MULTILINE)
)
def test_what_is_said_of_other_tools_has_links_to_their_makers_and_to_nobody_else(item: str) -> None:
    tools = re.split(" and ", item.split("**")[1])
    links = re.findall(r"\]\(https://([^)]+)\)", item)
    for tool in tools:
        assert any(link.startswith(SOURCES[tool]) for link in links), f"{tool}: no source"
    assert [link for link in links if not any(link.startswith(SOURCES[tool]) for tool in tools)] == []


def test_every_tool_is_compared_with() -> None:
    bold = re.findall(r"^- \*\*(.*?)\*\*", sections()["How it compares"], re.MULTILINE)
    assert {tool for names in bold for tool in names.split(" and ")} == set(SOURCES)


FOREIGN = {"--server-side"}
"""kubectl's."""


def test_every_option_that_is_named_alone_is_one_of_some_command() -> None:
    groups = [found([name])[0] for name in COMMANDS]
    commands = [
        below for each in groups for below in (each, *(each.commands.values() if isinstance(each, click.Group) else ()))
    ]
    known = {
        spelling for command in commands for each in command.params for spelling in (*each.opts, *each.secondary_opts)
    }
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    named = {word for quoted in re.findall(r"`(-[^`\n]+)`", prose) for word in quoted.split() if word.startswith("-")}
    assert {name.partition("=")[0] for name in named} <= known | FOREIGN


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"`make ([\w-]+)", README)) | set(re.findall(r"^\$ make (\w+)", README, re.MULTILINE))
    assert named >= {"demo", "test", "package", "krew-manifest", "faults", "bench"}
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"`((?:rules|tests|docs|snapshots|kubectl_istio_upgrade)/[\w./-]+)`", README)
    assert [name for name in named if not (ROOT / name).exists()] == []
