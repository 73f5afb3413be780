"""One whole process, measured: its time, and the memory of it and of all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.demo.ending import ended_with_us

SAMPLE_SECONDS = 0.02


class BenchError(Exception):
    """Something that was to be measured did not work."""


@dataclass(frozen=True)
class Run:
    """What one run cost."""

    seconds: float
    peak: int
    """Bytes; see `measure`."""


def measure(command: Sequence[str | Path], environment: Mapping[str, str], *, memory: bool = False) -> Run:
    """Run a command to its end, its output thrown away. Raises BenchError unless it succeeds.

    The peak is the largest sum, over all processes alive at one moment, of the memory that each has held at most so
    far: never too little, and too much where two of them had their peaks at different times. Without `memory` nothing
    is sampled, and the peak is that of the largest process.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            start_new_session=True,
        )
        with ended_with_us(process), _sampled(process.pid, enabled=memory) as sampler:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            words = errors.read().decode(errors="replace")[-2000:]
            raise BenchError(f"`{' '.join(map(str, command))[:200]}` ended with {process.returncode}:\n{words}")
    return Run(seconds, max(sampler.peak, usage.ru_maxrss * 1024))


@contextlib.contextmanager
def _sampled(pid: int, *, enabled: bool) -> Iterator[_Sampler]:
    sampler = _Sampler(pid)
    if not enabled:
        yield sampler
        return
    thread = threading.Thread(target=sampler.run, daemon=True)
    thread.start()
    try:
        yield sampler
    finally:
        sampler.ended.set()
        thread.join()


class _Sampler:
    """Looks at a process and its descendants, again and again."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self.ended = threading.Event()
        self._pid = pid

    def run(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(high_water(pid) for pid in tree(self._pid)))


def tree(pid: int) -> Iterator[int]:
    """A process and its descendants, as of now."""
    yield pid
    for task in _listed(Path(f"/proc/{pid}/task")):
        for child in _text(task / "children").split():
            yield from tree(int(child))


def high_water(pid: int) -> int:
    """The most resident memory that a process has had so far, in bytes; 0 for one that has ended."""
    for line in _text(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def disk_usage(folder: Path) -> int:
    """What a folder occupies on the disk, as `du` counts it."""
    return sum(path.lstat().st_blocks * 512 for path in (folder, *folder.rglob("*")))
