"""Other processes that use a store, and die of it: run as `python -m tests.store.children WHAT PATH [ARGUMENT]`."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubectl_istio_upgrade.adapters.store import GitStore, copies, writing
from kubectl_istio_upgrade.adapters.store.gitio import Git
from kubectl_istio_upgrade.errors import StoreError

from ..unit.silence import Silence
from .meshes import draft, large_mesh

BRANCH = "prod-5d0c1f7e"
ROOT = Path(__file__).parents[2]


def command(what: str, path: Path, argument: str = "") -> list[str]:
    return [sys.executable, "-m", "tests.store.children", what, str(path), argument]


def run(what: str, path: Path, argument: str = "", prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*prefix, *command(what, path, argument)], cwd=ROOT, capture_output=True, check=False)


def commit(path: Path) -> None:
    """Commit a large mesh; say in JSON how that ended."""
    try:
        with GitStore.open(path) as store:
            store.commit(BRANCH, draft(large_mesh(), minutes=5))
    except StoreError as error:
        print(json.dumps({"message": error.message, "hint": error.hint, "code": int(error.exit_code)}))


def commit_with_little_space(path: Path, limit: str) -> None:
    """As if the disk were full: no file may grow beyond the limit."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    commit(path)


def commit_and_die(path: Path, when: str) -> None:
    """Die in the middle of the objects, or when they are all there and the branch is about to move."""
    if when == "objects":
        die_in(writing, "to_yaml", lambda count, *_: count == 5_000)
    else:
        die_in(Git, "run", lambda count, _, command, *__: command == "update-ref")
    commit(path)


def retain_and_die(path: Path, when: str) -> None:
    """Keep only these commits, and die before the step of that number: git that writes, or a file put in its place."""
    number, _, commits = when.partition(":")
    with GitStore.open(path) as store:
        die_at_step(int(number), path)
        store.retain({BRANCH: commits.split(",")})


def pull_and_die(path: Path, when: str) -> None:
    """Pull from this path, and die before the step of that number."""
    number, _, address = when.partition(":")
    with GitStore.open(path) as store:
        die_at_step(int(number), path)
        copies.pull(store, copies.Remote.at(address), Silence())


def die_at_step(number: int, store: Path) -> None:
    """Steps are git that writes, and files that are put into their place in the store or taken away from it."""
    steps, outside = itertools.count(), store / "istio-upgrade" / ".incoming."

    def is_it(_count: int, first: object, *arguments: object) -> bool:
        concerned = arguments[0] if arguments else first
        writes = concerned in ("update-ref", "pack-refs", "repack", "prune")
        return (writes or (isinstance(concerned, Path) and is_ours(concerned))) and next(steps) == number

    def is_ours(file: Path) -> bool:
        return file.is_relative_to(store) and not str(file).startswith(str(outside))

    for owner, name in ((Git, "run"), (Path, "replace"), (Path, "unlink")):
        die_in(owner, name, is_it)
    die_in(Git, "pour", lambda *_: next(steps) == number)


def die_in(owner: Any, name: str, when: Callable[..., bool]) -> None:
    """Make a function kill this process as soon as `when` says so; it is asked with the number of the call."""
    function, count = getattr(owner, name), itertools.count()

    def deadly(*arguments: Any, **options: Any) -> Any:
        if when(next(count), *arguments):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    setattr(owner, name, deadly)


def hold(path: Path, operation: str) -> None:
    """Hold the lock, say so, and never let go."""
    with GitStore.open(path) as store, store.lock(operation):
        print("held", flush=True)
        time.sleep(600)


def hold_without_room(path: Path, operation: str) -> None:
    """The same, as if the disk were full: no file may grow at all."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    hold(path, operation)


if __name__ == "__main__":
    what, folder, argument = sys.argv[1:4]
    actions: dict[str, Any] = {
        "commit": lambda: commit(Path(folder)),
        "commit-with-little-space": lambda: commit_with_little_space(Path(folder), argument),
        "commit-and-die": lambda: commit_and_die(Path(folder), argument),
        "pull-and-die": lambda: pull_and_die(Path(folder), argument),
        "retain-and-die": lambda: retain_and_die(Path(folder), argument),
        "hold": lambda: hold(Path(folder), argument),
        "hold-without-room": lambda: hold_without_room(Path(folder), argument),
    }
    actions[what]()
