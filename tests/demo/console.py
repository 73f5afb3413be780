"""What the demo prints, and the commands that it runs before the reader's eyes."""

from __future__ import annotations

import shlex
import subprocess
import textwrap
from collections.abc import Mapping
from pathlib import Path

from kubectl_istio_upgrade.render.terminal import stdout

from .ending import ended_with_us

WIDTH = 80


class DemoError(Exception):
    """A step did not do what it should."""


class Console:
    """Headings, words and commands, in order, on standard output.

    Commands write to the reader's terminal themselves, so they look as they do to any user. They run in sessions of
    their own: Ctrl-C reaches the demo alone, which then ends them.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        """Commands run in `folder`, so that the names of files in it are short."""
        self.environment = dict(environment)
        self._folder = folder

    def heading(self, text: str) -> None:
        """A step of the story."""
        out = stdout()
        out.line()
        out.line(out.style(f"== {text} ".ljust(WIDTH, "="), bold=True))

    def say(self, text: str) -> None:
        """A paragraph."""
        stdout().line("\n" + textwrap.fill(" ".join(text.split()), WIDTH))

    def show(self, file: str) -> None:
        """Echo `cat FILE`, and print the file."""
        self._echo(["cat", file])
        stdout().line((self._folder / file).read_text().rstrip())

    def run(self, command: str) -> None:
        """Echo a command and run it. Raises DemoError unless it succeeds."""
        self._run(command, 0, None)

    def differs(self, command: str) -> None:
        """Echo a command and run it. Raises DemoError unless it ends with 1, as `diff` does when it finds something."""
        self._run(command, 1, None)

    def ask(self, command: str) -> str:
        """Echo a command and return what it printed, so that only what matters of it is shown."""
        return self._run(command, 0, subprocess.PIPE)

    def expect(self, command: str, wanted: str) -> None:
        """Run a command, print its answer, and raise DemoError unless it is this."""
        answer = self.ask(command).strip()
        stdout().line(answer)
        if answer != wanted:
            raise DemoError(f"`{command}` should have answered {wanted!r}")

    def _run(self, command: str, wanted: int, output: int | None) -> str:
        words = shlex.split(command)
        self._echo(words)
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output and subprocess.STDOUT,
            env=self.environment,
            cwd=self._folder,
            start_new_session=True,
        )
        with ended_with_us(process):
            printed = (process.communicate()[0] or b"").decode(errors="replace")
        if process.returncode != wanted:
            stdout().line(printed)
            raise DemoError(f"`{command}` ended with exit code {process.returncode} instead of {wanted}")
        return printed

    def _echo(self, words: list[str]) -> None:
        out = stdout()
        out.line(f"\n{out.style(f'$ {shlex.join(words)}', fg='cyan')}")
