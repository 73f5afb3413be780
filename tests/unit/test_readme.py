"""The README says what is: its commands, options, exit codes, files and make targets exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from kubectl_istio_upgrade.cli.main import COMMANDS, main
from kubectl_istio_upgrade.errors import ExitCode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "snapshots/README.md", "tests/controlplane/README.md")


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None, name
    return found


def options(name: str) -> set[str]:
    """Of a command, and of the commands below it."""
    found = command(name)
    below = found.commands.values() if isinstance(found, click.Group) else ()
    parameters = [parameter for each in (found, *below) for parameter in each.params]
    return {spelling for parameter in parameters for spelling in (*parameter.opts, *parameter.secondary_opts)}


def calls() -> list[tuple[str, list[str]]]:
    """Every `kubectl istio-upgrade …`, and every row and line of the README that starts with a command's name."""
    texts = re.findall(r"kubectl istio-upgrade ([^\n`#]+)", README) + re.findall(r"`([a-z]+ [^`]*)`", README)
    words = [text.split() for text in texts if text.strip()]
    return [(first, rest) for first, *rest in words if first in COMMANDS]


def test_the_readme_shows_every_command() -> None:
    assert {name for name, _ in calls()} == set(COMMANDS)


@pytest.mark.parametrize(("name", "words"), calls())
def test_every_option_that_is_shown_exists(name: str, words: list[str]) -> None:
    given = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("-")}
    assert given <= options(name)


def test_exit_codes_are_all_listed_and_only_those() -> None:
    rows = re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^\$ make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
