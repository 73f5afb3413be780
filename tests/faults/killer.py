"""Watches the product in its own process, and kills it where it is told to.

Where one can die is found by running: every request that changes the cluster, every flush, rename and append of a
file, every git process that writes, and the inside of the stream that it reads. All of it is watched from outside the
product: at the functions of the operating system, of urllib3, and of the one class that starts git.
"""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3

from kubectl_istio_upgrade.adapters.store.gitio import Git

from .points import Class, Counting, name_of

POINT, VICTIM, STRUCK, RECORD = "FAULTS_POINT", "FAULTS_VICTIM", "FAULTS_STRUCK", "FAULTS_RECORD"
"""Environment: where to die; who (`self`, `git`, or `both`); a file that is made when that happens; or a file to write
the names of all points to."""

_READING_GIT = ("version", "config", "cat-file", "for-each-ref", "rev-list", "log", "ls-tree", "fsck", "rev-parse")

_counting = Counting()
_importer: list[Any] = []
"""The newest fast-import."""
_last_entry = threading.local()
"""What this thread has last appended to a journal: names the flush that follows."""


def reach(name: str, last: Callable[[], object] | None = None) -> None:
    """Die if this is where, after one `last` act."""
    numbered = _counting.numbered(name)
    if record := os.environ.get(RECORD):
        handle = _real_open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        _real_write(handle, f"{numbered}\n".encode())
        os.close(handle)
    if numbered == os.environ.get(POINT):
        if last:
            last()
        _die(os.environ.get(VICTIM, "self"))


def _die(victim: str) -> None:
    if victim == "self" or _git_is_killed():
        os.close(_real_open(os.environ[STRUCK], os.O_WRONLY | os.O_CREAT, 0o600))
    if victim in ("self", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


def _git_is_killed() -> bool:
    """False where it had come to an end before."""
    if not _importer:
        return False
    os.kill(_importer[-1].pid, signal.SIGKILL)
    return bool(_importer[-1].proc.wait() == -signal.SIGKILL)


@contextmanager
def _around(name: str) -> Iterator[None]:
    reach(f"before-{name}")
    yield
    reach(f"after-{name}")


_real_open, _real_write, _real_fsync = os.open, os.write, os.fsync


def _request(real: Callable[..., Any]) -> Callable[..., Any]:
    def request(pool: Any, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        name = name_of(method, re.sub(r"^https?://[^/]+", "", url), options.get("body") or b"")
        if method == "GET" or name.kind is Class.TRIAL:
            return real(pool, method, url, *arguments, **options)
        with _around(name.text):
            return real(pool, method, url, *arguments, **options)

    return request


def _write(handle: int, data: bytes) -> int:
    """Appends to a journal; anything else is passed on. The torn one leaves half a line."""
    file = _file_of(handle)
    if file is None or "journals" not in file:
        return _real_write(handle, data)
    _last_entry.name = entry = _entry(bytes(data))
    reach(f"before-append-{entry}")
    reach(f"torn-append-{entry}", lambda: _real_write(handle, data[: len(data) // 2]))
    written = _real_write(handle, data)
    reach(f"after-append-{entry}")
    return written


def _fsync(handle: int) -> None:
    file = _file_of(handle)
    if file is None:
        return _real_fsync(handle)
    journal = file.startswith("journals") and file.endswith((".jsonl", ".new"))
    name = f"fsync-{getattr(_last_entry, 'name', 'nothing')}" if journal else f"fsync-{file}"
    with _around(name):
        _real_fsync(handle)
    return None


def _moving(verb: str, real: Callable[..., None]) -> Callable[..., None]:
    def move(source: Any, target: Any, **options: Any) -> None:
        file = _within(os.fspath(target))
        if file is None:
            return real(source, target, **options)
        with _around(f"{verb}-{file}"):
            real(source, target, **options)
        return None

    return move


def _start(real: Callable[..., Any]) -> Callable[..., Any]:
    def start(git: Any, *arguments: str, **options: Any) -> Any:
        command = _command(arguments)
        if command not in _READING_GIT:
            reach(f"before-git-{command}")
        process = real(git, *arguments, **options)
        if command == "fast-import":
            _importer.append(process)
        return process

    return start


def _run(real: Callable[..., str]) -> Callable[..., str]:
    def run(git: Any, *arguments: str, **options: Any) -> str:
        output = real(git, *arguments, **options)
        if arguments[0] not in _READING_GIT:
            reach(f"after-git-{arguments[0]}")
        return output

    return run


def _pour(real: Callable[..., str]) -> Callable[..., str]:
    def pour(git: Any, pieces: Iterable[bytes], *arguments: str) -> str:
        def watched() -> Iterator[bytes]:
            stream = _counting.numbered("stream")
            for number, piece in enumerate(pieces):
                yield piece[: len(piece) // 2]
                if _importer:
                    _importer[-1].stdin.flush()
                reach(f"inside-{stream.replace('@', '-')}-piece-{number}")
                yield piece[len(piece) // 2 :]

        output = real(git, watched(), *arguments)
        reach(f"after-git-{arguments[0]}")
        return output

    return pour


def _command(arguments: Sequence[str]) -> str:
    """What git is to do, after the settings that overrule the user's."""
    return arguments[0] if arguments[0] != "-c" else _command(arguments[2:])


def _file_of(handle: int) -> str | None:
    try:
        return _within(str(Path(f"/proc/self/fd/{handle}").readlink()))
    except OSError:
        return None


def _within(path: str) -> str | None:
    """A file of the store by a name that is the same in every run; None for any other file."""
    path = os.path.realpath(path)
    store = os.path.realpath(os.environ["ISTIO_UPGRADE_STORE"])
    if not path.startswith(store):
        return None
    file = path.removeprefix(store).strip("/").removeprefix("istio-upgrade").strip("/")
    words = Path(file).parts
    if words[:1] == ("journals",) and len(words) > 1:
        words = ("journals", *words[2:])
    return "-".join(re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]+", "ID", word) for word in words) or "store"


def _entry(data: bytes) -> str:
    """A journal's line in words; the first one's where a journal begins with two."""
    try:
        line = json.loads(data.partition(b"\n")[0])
    except ValueError:
        return "line"
    words = [str(line.get("entry")), *(str(word) for word in (line.get("object") or [])[1:] if word)]
    return "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", word) for word in words)


def watch() -> None:
    """Stand at every place where one can die."""
    os.write, os.fsync = _write, _fsync  # type: ignore[assignment]
    os.rename, os.replace = _moving("rename", os.rename), _moving("replace", os.replace)
    os.link = _moving("link", os.link)
    urllib3.PoolManager.request = _request(urllib3.PoolManager.request)  # type: ignore[method-assign]
    Git.start = _start(Git.start)  # type: ignore[method-assign]
    Git.run = _run(Git.run)  # type: ignore[method-assign]
    Git.pour = _pour(Git.pour)  # type: ignore[method-assign]
