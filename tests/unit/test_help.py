"""Every command's help: a purpose, examples, what the command changes, exit codes, and nothing broken in two."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from kubectl_istio_upgrade.cli.effects import EFFECTS, NOTHING
from kubectl_istio_upgrade.cli.main import COMMANDS, MEANT, PROGRAM, main
from kubectl_istio_upgrade.errors import ExitCode

SNAPSHOTS = "a snapshot before and one after"
LEASE = "meanwhile a Lease"
MADE = "made, empty, where there is none; else nothing"

CHANGES: dict[str, tuple[str, str, str]] = {
    "snapshot": (NOTHING, "a snapshot; made where there is none", NOTHING),
    "history": (NOTHING, NOTHING, NOTHING),
    "show": (NOTHING, NOTHING, NOTHING),
    "diff": (NOTHING, "`live` on both sides made, empty, where there is none; else nothing", NOTHING),
    "apply": ("the objects of the manifests; " + LEASE, SNAPSHOTS, NOTHING),
    "rollback": ("updated, created, deleted; then workloads restarted since", SNAPSHOTS, "--to-dir: manifests"),
    "validate": (NOTHING, MADE, NOTHING),
    "restart": ("pod templates of those workloads, so their pods; " + LEASE, SNAPSHOTS, NOTHING),
    "status": (NOTHING, MADE, NOTHING),
    "precheck": (NOTHING, MADE, "with --download: istioctl"),
    "upgrade": ("the installation, then the pods", SNAPSHOTS, "istioctl, in the cache; with --to-dir: settings"),
    "promote": ("labels of the namespaces, or the webhooks and the Service of the tag", SNAPSHOTS, NOTHING),
    "retire": ("deletes that control plane's objects; " + LEASE, SNAPSHOTS, NOTHING),
    "resume": ("what the operation has not written yet", "a snapshot after, and the journal", "with --download"),
    "abort": ("what the operation has written, back as it was", "a snapshot after, and the journal", NOTHING),
    "report": (NOTHING, NOTHING, "with --html: that page"),
    "rbac": (NOTHING, NOTHING, NOTHING),
    "store init": (NOTHING, "made where there is none; its recipients", NOTHING),
    "store verify": (NOTHING, NOTHING, NOTHING),
    "store gc": (NOTHING, "removes snapshots", NOTHING),
    "store push": (NOTHING, "takes over what only the remote has; the remote gets the rest", NOTHING),
    "store pull": (NOTHING, "takes over what only the remote has; made where there is none", NOTHING),
    "store path": (NOTHING, NOTHING, NOTHING),
    "completion": (NOTHING, NOTHING, "with --install: one small program"),
    "config view": (NOTHING, NOTHING, NOTHING),
}
"""By the words of a command: words of what its help says of the cluster, of the store, and of files."""


def contexts(above: click.Context) -> Iterator[click.Context]:
    """Of the commands that do something: groups only have others below them."""
    group = above.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        context = command.make_context(name, ["--help"], parent=above, resilient_parsing=True)
        yield from contexts(context) if isinstance(command, click.Group) else [context]


def all_contexts() -> dict[str, click.Context]:
    root = main.make_context(PROGRAM, ["--help"], resilient_parsing=True)
    return {context.command_path.removeprefix(f"{PROGRAM} "): context for context in contexts(root)}


HELPS = {path: context.get_help() for path, context in all_contexts().items()}
GROUPS = {name: main.get_command(click.Context(main), name) for name in ("store", "config")}


def section(text: str, title: str) -> dict[str, str]:
    """Its rows by their names; one of several lines as one text."""
    lines = text.partition(f"\n{title}:\n")[2].partition("\n\n")[0].splitlines()
    rows: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[2:3] != " ":
            name = line.split()[0]
        rows[name] = f"{rows.get(name, '')} {line.strip().removeprefix(name).strip()}".strip()
    return rows


@pytest.mark.parametrize("path", HELPS)
def test_what_a_command_changes_is_in_its_help(path: str) -> None:
    found = section(HELPS[path], "Changes")
    assert list(found) == ["cluster", "store", "files"]
    for name, words in zip(found, CHANGES[path], strict=True):
        assert found[name] == NOTHING if words == NOTHING else words in found[name], f"{name}: {found[name]}"


def test_no_command_is_without_it_and_none_is_made_up() -> None:
    assert set(CHANGES) == set(HELPS) == set(EFFECTS)


@pytest.mark.parametrize("path", HELPS)
def test_only_what_can_be_tried_first_changes_the_cluster(path: str) -> None:
    options = {option for parameter in all_contexts()[path].command.params for option in parameter.opts}
    changes = EFFECTS[path].cluster != NOTHING
    assert changes == ({"--dry-run", "--yes", "--timeout"} <= options)


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_says_that_it_changes_nothing_by_itself(name: str) -> None:
    command = GROUPS[name]
    assert command is not None
    assert "t changes nothing" in " ".join((command.help or "").split())
    assert "nothing is changed" in " ".join((main.help or "").split())


@pytest.mark.parametrize("path", HELPS)
def test_a_purpose_examples_and_every_exit_code(path: str) -> None:
    text = HELPS[path]
    assert text.splitlines()[2].strip(), "no purpose"
    assert f"\n    {PROGRAM} {path}" in text.partition("Examples:")[2]
    codes = re.findall(r"(?:^|; )(\d+) ", " ".join(text.partition("Exit codes: ")[2].split()))
    assert [int(code) for code in codes] == sorted(ExitCode)


def test_each_command_has_one_purpose() -> None:
    assert len({purpose for _, _, purpose in COMMANDS.values()}) == len(COMMANDS)
    assert all(purpose.endswith(".") and len(purpose) <= 66 for _, _, purpose in COMMANDS.values())


@pytest.mark.parametrize("path", HELPS)
def test_examples_use_options_that_exist(path: str) -> None:
    options = {
        option
        for parameter in all_contexts()[path].command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    lines = re.findall(rf"{PROGRAM} {path}( [^\n|>]*)?", HELPS[path].partition("Examples:")[2].partition("\n\n")[0])
    assert lines
    for line in lines:
        assert {word for word in line.split() if word.startswith("-") and word != "-"} <= options, line


@pytest.mark.parametrize("columns", ["64", "80", "100", "200"])
def test_nothing_that_people_copy_is_broken_in_two(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options, paths, and what is in backquotes."""
    monkeypatch.setenv("COLUMNS", columns)
    for path, context in all_contexts().items():
        text = context.get_help()
        assert not re.search(r"[a-z-]-$", text, re.MULTILINE), path
        assert not re.search("`[^`\n]*\n[^`]*`", re.sub("`[^`\n]*`", "", text)), path


@pytest.mark.parametrize("path", HELPS)
def test_every_row_explains_something(path: str) -> None:
    assert [name for name, about in section(HELPS[path], "Options").items() if not about] == []


@pytest.mark.parametrize("word", MEANT)
def test_what_is_suggested_for_another_tools_word_is_a_command_of_ours(word: str) -> None:
    suggested = MEANT[word].partition(" --")[0]
    assert word not in COMMANDS
    assert suggested in {*HELPS, "--help", "--version"}
