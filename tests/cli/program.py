"""The product as its users run it: the real console script in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support import preloaded

PROGRAM = Path(sys.executable).with_name("kubectl-istio_upgrade")

PATIENCE = 60.0
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The texts after `error: `."""
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]

    @property
    def hints(self) -> list[str]:
        """The texts after `hint: `."""
        return [line.removeprefix("hint: ") for line in self.err.splitlines() if line.startswith("hint: ")]

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON and nothing else."""
        return json.loads(self.out)

    def done(self, code: int = 0) -> Result:
        """Itself, when it ended as expected."""
        assert self.code == code, f"exit code {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err
        return self

    def failed(self, code: int, *words: str, hint: str | None = None) -> Result:
        """Itself, when it is an error as the conventions want it, with these words in it."""
        self.done(code)
        assert self.out == ""
        assert len(self.errors) == 1, self.err
        text = self.err[self.err.index("error: ") :]
        assert not self.errors[0][:1].isupper() or self.errors[0].split(":")[0].endswith("Error") is False, self.err
        for word in words:
            assert word in text, f"{word!r} is not in:\n{text}"
        if hint is not None:
            assert any(hint in line for line in self.hints), f"no hint says {hint!r}:\n{text}"
        return self


@dataclass(frozen=True)
class Program:
    """A command line of the product, less its arguments."""

    environment: Mapping[str, str]
    command: tuple[str, ...] = (str(PROGRAM),)
    folder: Path | None = field(default=None)

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run to the end, without a terminal."""
        if self.command == (str(PROGRAM),) and preloaded.is_for(self.environment):
            return Result(
                *preloaded.run(arguments, self.environment, folder=self.folder, stdin=stdin, timeout=PATIENCE)
            )
        done = subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            encoding="utf-8",
            env=dict(self.environment),
            timeout=PATIENCE,
            cwd=self.folder,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> Running:
        """Start, as the leader of a process group, as a shell does."""
        process = subprocess.Popen(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=dict(self.environment),
            start_new_session=True,
        )
        return Running(process)

    def having(self, **variables: str) -> Program:
        """The same with other environment variables."""
        return replace(self, environment={**self.environment, **variables})

    def without(self, *names: str) -> Program:
        """The same without these environment variables."""
        return replace(self, environment={k: v for k, v in self.environment.items() if k not in names})

    def under(self, *command: str) -> Program:
        """The same, run by another program."""
        return replace(self, command=(*command, *self.command))


@dataclass(frozen=True)
class Running:
    """A command that has not ended yet."""

    process: subprocess.Popen[str]

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends the signal to all processes in the foreground, git among them."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, patience: float = PATIENCE) -> Result:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
            raise AssertionError(f"still running after {patience} s:\n{out}\n{err}") from None
        return Result(self.process.returncode, out, err)


def wait_for(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Return when the condition holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.01)


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """An environment in which nothing of the machine's user has a say."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    path = os.pathsep.join([str(PROGRAM.parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **variables}
