"""git processes: the only module that starts any. GitPython runs them; its index and object database are not used.

What of the user's environment and git configuration has a say is in `environment`: nothing, but for a few commands.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import StoreError
from .environment import USERS_BUT, sealed, users

_PIPE = -1
"""`subprocess.PIPE`, which this module does not import."""

_PIPE_SIZE = 4_096
"""What any system lets one write to a pipe before the other end reads (Windows has the least)."""

_LINE = 41
"""An object's id and the end of its line."""

_OLDEST_GIT = "2.36"
"""The first with `core.fsync`, without which a power cut may empty what was written."""


class GitError(Exception):
    """git failed; the text is its own words. Whoever called says what that means, as a StoreError."""


class Done(NamedTuple):
    """How a git process ended, and what it said."""

    status: int
    output: str
    errors: str


class Git:
    """Runs git on one bare repository."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when git is not installed."""
        if shutil.which("git") is None:
            raise StoreError("git is not installed, or not on PATH", hint=f"install git {_OLDEST_GIT} or newer")
        import git  # not above: to import GitPython runs git

        self._git = git.Git(path)
        self.path = path
        self._sealed = sealed(path)
        self._users = users(path)

    def check_version(self) -> None:
        """Raises StoreError when git is too old to write durably."""
        words = self.run("version").split()  # git version 2.39.5 (Apple Git-154)
        if _numbers(words[2]) < _numbers(_OLDEST_GIT):
            hint = f"install git {_OLDEST_GIT} or newer, which can write durably"
            raise StoreError(f"git {words[2]} is too old", hint=hint)

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Any:
        """A process with three pipes, a `subprocess.Popen` in GitPython's wrapper; the caller ends it."""
        return self._git.execute(
            ["git", *arguments], as_process=True, istream=_PIPE, env=dict(environment or self._sealed)
        )

    def run(self, *arguments: str, stdin: bytes = b"", **variables: str) -> str:
        """What git prints, `variables` being set in its environment. Raises GitError."""
        done = self.attempt(*arguments, stdin=stdin, **variables)
        if done.status:
            raise GitError(_words(done.errors, done.status))
        return done.output

    def attempt(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Done:
        """Run git, however it may end."""
        return self._finish(self.start(*arguments, environment={**self._sealed, **variables}), stdin)

    def as_user(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Done:
        """Run git with the user's own configuration, for what cannot do without: see `environment.users`."""
        overruled = [word for name, value in USERS_BUT for word in ("-c", f"{name}={value}")]
        environment = {**self._users, **variables}
        return self._finish(self.start(*overruled, *arguments, environment=environment), stdin)

    def _finish(self, process: Any, stdin: bytes) -> Done:
        try:
            output, errors = process.communicate(stdin)
        finally:
            _end(process)
        return Done(process.returncode, output.decode("utf-8", "surrogateescape"), errors.decode("utf-8", "replace"))

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
                raise GitError(_words(errors.decode("utf-8", "replace"), process.returncode))
            return str(output.decode())
        finally:
            _end(process)


class ObjectReader:
    """One `git cat-file --batch`, asked again and again, started when first asked.

    git checks what it unpacks, but not always that it is what was asked for; here every object is hashed again.
    """

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: Any = None
        self._asking = threading.Lock()

    def read(self, ids: Iterable[str]) -> Iterator[bytes | None]:
        """The content of each object; None for one that is not there.

        Raises GitError on damage. Answers are awaited only as often as the smallest pipe demands.
        """
        batch: list[str] = []
        for name in ids:
            batch.append(name)
            if len(batch) * _LINE > _PIPE_SIZE - _LINE:
                yield from self._ask(batch)
                batch = []
        yield from self._ask(batch)

    def each(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes | GitError | None]]:
        """As `read`, every object by its id, and of a damaged one what is wrong with it."""
        ids = list(ids)
        for start in range(0, len(ids), _PIPE_SIZE // _LINE - 1):
            batch = ids[start : start + _PIPE_SIZE // _LINE - 1]
            try:
                yield from zip(batch, self._ask(batch), strict=True)
            except GitError:
                yield from ((name, self._one(name)) for name in batch)

    def _one(self, name: str) -> bytes | GitError | None:
        try:
            return self._ask([name])[0]
        except GitError as error:
            return error

    def _ask(self, batch: list[str]) -> list[bytes | None]:
        """All answers of a batch, so that none is left in the pipe for the next, of whichever thread."""
        with self._asking:
            process = self._process = self._process or self._git.start("cat-file", "--batch")
            try:
                process.stdin.write("".join(f"{name}\n" for name in batch).encode())
                process.stdin.flush()
                answers = _answers(process.stdout, len(batch))
            except (BrokenPipeError, EOFError, ValueError):
                raise self._died(process) from None
        for name, answer in zip(batch, answers, strict=True):
            if answer is not None and object_id(*answer) != name:
                raise GitError(f"object {name} has another content than its name says")
        return [answer and answer[1] for answer in answers]

    def _died(self, process: Any) -> GitError:
        """What git says of it."""
        try:
            words = process.stderr.read().decode("utf-8", "replace")
        except ValueError:  # another thread has closed its pipes: Ctrl-C, say, ends what is read ahead
            return GitError("git was stopped while it was asked")
        self.close()
        return GitError(_words(words, 1))

    def close(self) -> None:
        """End the process, also while another thread asks it: that gets a GitError."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)


def _answers(stdout: Any, count: int) -> list[tuple[str, bytes] | None]:
    """Types and contents. Raises EOFError when git died, as it does of a damaged object."""
    readline, read = stdout.readline, stdout.read
    return [_answer(readline(), read) for _ in range(count)]


def _answer(header: bytes, read: Callable[[int], bytes]) -> tuple[str, bytes] | None:
    fields = header.split()
    if len(fields) != 3:
        if header.endswith(b" missing\n"):
            return None
        raise EOFError
    size = int(fields[2])
    content = read(size + 1)
    if len(content) != size + 1:
        raise EOFError
    return fields[1].decode(), content[:size]


def object_id(kind: str, content: bytes) -> str:
    """What git calls an object of this kind with this content."""
    hashed = hashlib.sha1(b"%b %d\0" % (kind.encode(), len(content)), usedforsecurity=False)
    hashed.update(content)
    return hashed.hexdigest()


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


def words_of(done: Done) -> str:
    """What git complained of, on one line."""
    return _words(done.errors, done.status)


def _words(errors: str, status: int) -> str:
    """What git complains of, on one line; for a git that was killed, by what."""
    lines = dict.fromkeys(errors.splitlines())
    complaints = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    if said := [text for text in complaints or lines if text.strip()]:
        return "; ".join(said[:2])
    if status < 0:
        return f"git was killed by {signal.Signals(-status).name}"
    return f"git ended with status {status}"
