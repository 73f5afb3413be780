"""git processes: the only module that starts any. GitPython runs them; its index and object database are not used.

The user's environment and git configuration have no say: a `GIT_DIR` of the shell must not redirect a snapshot, and an
`~/.gitconfig` must not sign, filter or hook it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ...errors import StoreError

_PIPE = -1
"""`subprocess.PIPE`, which this module does not import."""

_PIPE_SIZE = 4_096
"""What any system lets one write to a pipe before the other end reads (Windows has the least)."""

_LONGEST_NAME = 2_048
"""A bound of `COMMIT:PATH`: Kubernetes names have up to 253 bytes, each of them up to three in a path."""

Answer: TypeAlias = tuple[str, bytes] | None

_OLDEST_GIT = "2.36"
"""The first with `core.fsync`, without which a power cut may empty what was written."""


class GitError(Exception):
    """git failed; the text is its own words. Whoever called says what that means, as a StoreError."""


class Git:
    """Runs git on one bare repository."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when git is not installed."""
        if shutil.which("git") is None:
            raise StoreError("git is not installed, or not on PATH", hint=f"install git {_OLDEST_GIT} or newer")
        import git  # not above: to import GitPython runs git

        self._git = git.Git(path)
        self._environment = _environment(path)

    def check_version(self) -> None:
        """Raises StoreError when git is too old to write durably."""
        words = self.run("version").split()  # git version 2.39.5 (Apple Git-154)
        if _numbers(words[2]) < _numbers(_OLDEST_GIT):
            hint = f"install git {_OLDEST_GIT} or newer, which can write durably"
            raise StoreError(f"git {words[2]} is too old", hint=hint)

    def start(self, *arguments: str) -> Any:
        """A process with three pipes, a `subprocess.Popen` in GitPython's wrapper; the caller ends it."""
        return self._git.execute(["git", *arguments], as_process=True, istream=_PIPE, env=self._environment)

    def run(self, *arguments: str, stdin: bytes = b"") -> str:
        """What git prints. Raises GitError."""
        process = self.start(*arguments)
        output, errors = process.communicate(stdin)
        if process.returncode:
            raise GitError(_words(errors, process.returncode))
        return str(output.decode("utf-8", "surrogateescape"))

    def pour(self, pieces: Iterable[bytes], *arguments: str) -> str:
        """Feed a process piece by piece and return what it prints. Raises GitError, also when it dies half-way."""
        process = self.start(*arguments)
        try:
            with contextlib.suppress(BrokenPipeError):  # it died; it says why below
                for piece in pieces:
                    process.stdin.write(piece)
                process.stdin.close()
            output, errors = process.stdout.read(), process.stderr.read()
            if process.proc.wait():
                raise GitError(_words(errors, process.returncode))
            return str(output.decode())
        finally:
            _end(process)


class ObjectReader:
    """One `git cat-file --batch`, asked again and again, started when first asked."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: Any = None
        self._asking = threading.Lock()

    def read(self, names: Iterable[str]) -> Iterator[Answer]:
        """Id and content of each object, such as `COMMIT:PATH`; None for one that is not there.

        Raises GitError on damage. Answers are awaited only as often as the smallest pipe demands.
        """
        batch: list[bytes] = []
        for name in names:
            batch.append(name.encode() + b"\n")
            if sum(map(len, batch)) > _PIPE_SIZE - _LONGEST_NAME:
                yield from self._ask(batch)
                batch = []
        yield from self._ask(batch)

    def _ask(self, batch: list[bytes]) -> list[Answer]:
        """All answers of a batch, so that none is left in the pipe for the next, of whichever thread."""
        with self._asking:
            if self._process is None:
                self._process = self._git.start("cat-file", "--batch")
            try:
                self._process.stdin.write(b"".join(batch))
                self._process.stdin.flush()
                return [self._answer() for _ in batch]
            except (BrokenPipeError, EOFError):
                words = self._process.stderr.read()
                self.close()
                raise GitError(_words(words, 1)) from None

    def _answer(self) -> Answer:
        """Raises EOFError when git died, as it does of a damaged object."""
        header = self._process.stdout.readline()
        if header.endswith(b" missing\n"):
            return None
        fields = header.split()
        if len(fields) != 3:
            raise EOFError
        size = int(fields[2])
        content = self._process.stdout.read(size + 1)
        if len(content) != size + 1:
            raise EOFError
        return fields[0].decode(), content[:size]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            _end(self._process)
            self._process = None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])


def _end(process: Any) -> None:
    """Close a process's pipes and wait for it, whatever state it is in."""
    popen = process.proc
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
    popen.terminate()
    popen.wait()


def _words(errors: bytes, status: int) -> str:
    """What git complains of, on one line; for a git that was killed, by what."""
    lines = dict.fromkeys(errors.decode("utf-8", "replace").splitlines())
    complaints = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    if said := complaints or list(lines):
        return "; ".join(said[:2])
    if status < 0:
        return f"git was killed by {signal.Signals(-status).name}"
    return f"git ended with status {status}"


def _environment(path: Path) -> Mapping[str, str]:
    """Values that overrule whatever the user's environment says; GitPython can set variables, not remove them."""
    repository = str(path)
    return {
        "GIT_DIR": repository,
        "GIT_COMMON_DIR": repository,
        "GIT_WORK_TREE": repository,
        "GIT_INDEX_FILE": os.devnull,
        "GIT_OBJECT_DIRECTORY": str(path / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_SHALLOW_FILE": "",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NAMESPACE": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "0",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_TRACE": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "LANGUAGE": "C",
    }
