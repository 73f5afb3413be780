"""Finds a Chromium, or takes Debian's apart into the cache: nothing is installed, and nobody has to be root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane.build import cache_root

NAMED = "ISTIO_UPGRADE_BROWSER"
UNWANTED = "ISTIO_UPGRADE_NO_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell")
"""As the systems call it, in the order in which they are tried."""

PACKAGE = "chromium-headless-shell"
"""The smallest of Debian's: it needs no libraries for windows. About 100 MB with what it needs."""

ADVICE = (
    f"install Chromium or Chrome, or name one in {NAMED}; {UNWANTED}=1 leaves the tests out that look at the page "
    "of `report`"
)


class NoBrowserError(Exception):
    """There is none and none can be had; the message says what to do."""


@dataclass(frozen=True)
class Program:
    """A browser, and what it needs to be started."""

    path: Path
    libraries: tuple[Path, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """This process's, with the libraries in it."""
        known = os.environ.get("LD_LIBRARY_PATH")
        paths = [*map(str, self.libraries), *([known] if known else [])]
        return {**os.environ, **({"LD_LIBRARY_PATH": os.pathsep.join(paths)} if paths else {})}


def browser() -> Program:
    """The one that is named, else the first on the PATH, else Debian's. Raises NoBrowserError."""
    if named := os.environ.get(NAMED):
        if not os.access(named, os.X_OK):
            raise NoBrowserError(f"{NAMED} names {named}, which cannot be run")
        return Program(Path(named))
    for name in NAMES:
        if path := shutil.which(name):
            return Program(Path(path))
    return _taken_apart()


def _taken_apart() -> Program:
    """Debian's packages in the cache, fetched the first time."""
    root = cache_root() / PACKAGE
    program = root / "usr/lib/chromium" / PACKAGE
    with _lock(root):
        if not program.exists():
            _fetch(root)
    libraries = sorted({file.parent for file in root.rglob("*.so*")})
    return Program(program, tuple(libraries))


def _fetch(root: Path) -> None:
    if not shutil.which("apt-get"):
        raise NoBrowserError(f"there is no browser, and no apt-get to fetch one; {ADVICE}")
    print(f"browser: fetching {PACKAGE}: about 100 MB, once, into {root}", file=sys.stderr, flush=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".browser-", dir=root.parent) as name:
        folder = Path(name)
        apt = _Apt(folder)
        for package in apt.missing(PACKAGE):
            apt.download(package)
        unpacked = folder / "root"
        for archive in sorted(folder.glob("*.deb")):
            _run("dpkg-deb", "--extract", str(archive), str(unpacked))
        shutil.rmtree(root, ignore_errors=True)
        unpacked.replace(root)


class _Apt:
    """apt-get with lists of its own, where those of the system are missing or old."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._options: list[str] = []

    def missing(self, package: str) -> list[str]:
        """The package and all that it needs and this system has not; packages that are there are left as they are."""
        try:
            listed = self._apt("--simulate", "--no-install-recommends", "install", package)
        except NoBrowserError:
            self._update()
            listed = self._apt("--simulate", "--no-install-recommends", "install", package)
        words = [line.split() for line in listed.splitlines() if line.startswith("Inst ")]
        return [name for _, name, version, *_ in words if not version.startswith("[")]

    def download(self, package: str) -> None:
        """Into the folder. A list may be too old for what the archive has by now."""
        try:
            self._apt("download", package)
        except NoBrowserError:
            if self._options:
                raise
            self._update()
            self._apt("download", package)

    def _update(self) -> None:
        for part in ("lists/partial", "archives/partial"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        self._options = [f"-oDir::State::lists={self._folder}/lists", f"-oDir::Cache={self._folder}"]
        self._apt("update")

    def _apt(self, *arguments: str) -> str:
        options = ("-q", "-oDebug::NoLocking=1", "-oAPT::Sandbox::User=", *self._options)
        return _run("apt-get", *options, *arguments, folder=self._folder)


def _run(*command: str, folder: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    if done.returncode:
        words = " ".join(done.stderr.split())[-600:]
        raise NoBrowserError(f"there is no browser, and `{' '.join(command[-2:])}` failed: {words}; {ADVICE}")
    return done.stdout


@contextlib.contextmanager
def _lock(root: Path) -> Iterator[None]:
    """One fetches, the others wait."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with (root.parent / f"{root.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
