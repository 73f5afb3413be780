"""The examples of every `--help`, and those of the README, run in a shell, as a person would copy them."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pyrage
import pytest
import yaml

from kubectl_istio_upgrade.cli.main import COMMANDS, main
from tests.support.readme import ours

from .mesh import Mesh, virtual_service
from .program import PATIENCE, Program

pytestmark = pytest.mark.cluster

ELSEWHERE = {
    "http://shop.example.com/": "no such host here: test_probes.py",
    "git@example.com": "no such host here: tests/store/test_copies.py",
    "istio-upgrade upgrade": "needs istioctl and istiod: tests/mesh/test_upgrade_*.py",
    "istio-upgrade precheck": "needs istioctl and istiod: tests/mesh/test_assessment.py",
    "istio-upgrade validate": "needs istioctl and istiod: tests/mesh/test_validate.py",
    "istio-upgrade restart": "needs running workloads: tests/mesh/test_restart*.py",
    "istio-upgrade promote": "needs a second control plane: tests/mesh/test_canary_upgrade.py",
    "istio-upgrade retire": "needs a second control plane: tests/mesh/test_canary_upgrade.py",
    "istio-upgrade resume": "needs an operation that was cut short: test_unfinished.py",
    "istio-upgrade abort": "needs an operation that was cut short: test_unfinished.py",
    "20261124-0055": "needs the operation of that day: test_report.py",
    "istioctl manifest generate |": "would install webhooks that nobody serves: tests/mesh/test_guide_manifest.py",
    "| kubectl apply -f -": "would give rights for good: test_rbac.py",
    "completion --install": "would write beside the program: test_completion.py",
    "report latest~1": "needs two operations: test_report.py",
    "--recipient age1": "needs a whole key: test_store.py",
    "--restore-crd": "needs a definition that has changed: tests/mesh/test_older_definitions.py",
}
"""What marks an example that cannot run here, and where the like of it does.

What the README shows of an upgrade and of what comes after it is run line by line in tests/mesh/test_readme.py."""

ASKS = ("rollback", "store gc")
"""What a person has to confirm, as soon as there is something to do; there is no terminal here."""


def examples() -> list[str]:
    """Each line of a help text that is a command."""
    context = click.Context(main)
    helps = (main.get_command(context, name).help or "" for name in COMMANDS)  # type: ignore[union-attr]
    return [
        line.strip() for text in helps for line in re.findall(r"^ +(.*kubectl istio-upgrade .*)$", text, re.MULTILINE)
    ]


def parsed(words: list[str]) -> click.Context:
    """The context of the innermost command. Raises UsageError for words that it does not take."""
    context = main.make_context("kubectl istio-upgrade", words)
    while isinstance(context.command, click.Group) and context._protected_args:
        name, below, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None
        context = below.make_context(name, rest, parent=context)
    return context


def known() -> set[str]:
    """The names of all commands, and of those below them."""
    context = click.Context(main)
    groups = (main.get_command(context, name) for name in COMMANDS)
    return {*COMMANDS, *(name for group in groups if isinstance(group, click.Group) for name in group.commands)}


def is_run(line: str) -> bool:
    return not any(mark in line for mark in ELSEWHERE)


@pytest.fixture
def room(program: Program, mesh: Mesh, tmp_path: Path) -> Program:
    """A folder with what the examples name: manifests, a backup, a key. The examples take the snapshots themselves."""
    folder = tmp_path / "room"
    (folder / "mesh").mkdir(parents=True)
    Path(program.environment["HOME"], ".zsh").mkdir()
    route = yaml.safe_dump(virtual_service("example"))
    for name in ("gateway.yaml", "mesh/route.yaml"):
        (folder / name).write_text(route, "utf-8")
    mesh.adopt(virtual_service("example"))
    backup = mesh.plane.kubectl("get", "configmap", "-n", "istio-system", "-o", "yaml")
    (folder / "istio-backup.yaml").write_text(backup, "utf-8")
    (folder / "key.txt").write_text(str(pyrage.x25519.Identity.generate()), "utf-8")
    return Program(program.environment, folder=folder)


def test_every_mark_is_of_some_example() -> None:
    assert [mark for mark in ELSEWHERE if not any(mark in line for line in examples())] == []


@pytest.mark.parametrize("line", dict.fromkeys([*examples(), *ours()]))
def test_every_command_takes_the_words_of_its_examples(line: str) -> None:
    words = shlex.split(re.split(r"[|>&] ?", line.partition("kubectl istio-upgrade")[2])[0])
    named = next((word for word in reversed(words) if word in known()), "kubectl istio-upgrade")
    assert parsed(words).command.name == named


def test_the_examples_run(room: Program) -> None:
    """All in one room, in their order: what one leaves, the next one finds."""
    lines = [line for line in examples() if is_run(line)]
    assert len(lines) > 25
    problems = [problem for line in lines for problem in wrong_with(room, line)]
    assert not problems, "\n".join(problems)


def test_the_examples_of_the_readme_run(room: Program) -> None:
    """With a snapshot and an operation before them, which the reader of those sections has."""
    room("snapshot", "-q", "--name", "friday").done()
    room("apply", "-f", "gateway.yaml", "--yes").done()
    lines = [line for line in ours() if is_run(line)]
    assert len(lines) > 12
    problems = [problem for line in lines for problem in wrong_with(room, line)]
    assert not problems, "\n".join(problems)


def wrong_with(room: Program, line: str) -> Iterator[str]:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=dict(room.environment),
        cwd=room.folder,
        timeout=PATIENCE,
    )
    words = line.partition("istio-upgrade ")[2]
    asks = words.startswith(ASKS) and done.returncode == 3 and "without confirmation" in done.stderr
    allowed = {0, 1} if words.startswith("diff") else {0}
    if (done.returncode not in allowed and not asks) or "Traceback" in done.stderr:
        yield f"{line}: exit code {done.returncode}\n{done.stderr}"
