"""The journal of an operation: one JSON line an entry, on the disk before what it announces is done.

`BRANCH/open.jsonl` is the unfinished operation of a cluster; ended ones keep their id as their name. The format is
specified in `snapshots/README.md`.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path

from ...errors import StoreError
from ...models.objects import Body, Key
from ...models.operations import Attempt, End, Opening, Operation, Restarted
from ...models.plans import Action, StepResult
from ...models.upgrades import PhaseResult
from . import journal_entries as entries
from .durable import flush_folder

OPEN = "open.jsonl"

BEGUN = ".new"
"""A journal that has no whole first line yet; what is found under this name is of nothing that began."""

_is_id = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]+").fullmatch
"""Ids come from snapshots, too, which others may have made: nothing else is ever taken for the name of a file."""


class JournalFile:
    """Implements `ports.Journal`. Threads that write at the same time share one flush of the disk."""

    def __init__(self, file: Path) -> None:
        """Open an existing journal and cut off a line that a crash left half-written."""
        self._file = file
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_APPEND)
            os.ftruncate(self._handle, entries.whole(file.read_bytes()))
        except OSError as error:
            raise StoreError(f"the journal cannot be opened: {error.strerror}") from error
        self._writing = threading.Lock()
        self._flushing = threading.Lock()
        self._appended = 0
        self._flushed = 0

    def attempt(self, attempt: Attempt) -> None:
        """See `ports.Journal`."""
        self._append(entries.of_attempt(attempt))

    def intend(self, key: Key, action: Action, restart: Restarted | None = None) -> None:
        """See `ports.Journal`."""
        self._append(entries.of_intent(key, action, restart))

    def conclude(self, result: StepResult) -> None:
        """See `ports.Journal`."""
        self._append(entries.of_result(result), flush=False)

    def phase(self, result: PhaseResult) -> None:
        """See `ports.Journal`."""
        self._append(entries.of_phase(result))

    def end(self, end: End, after: str) -> None:
        """See `ports.Journal`."""
        self._append(entries.of_end(end, after))
        self.close()
        with contextlib.suppress(StoreError):  # it has ended; the next command puts it away, see `unfinished`
            finish(self._file)

    def close(self) -> None:
        """See `ports.Journal`."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _append(self, line: Body, *, flush: bool = True) -> None:
        data = entries.summed(line)
        try:
            with self._writing:
                self._write_line(data)
                self._appended += 1
                mine = self._appended
            if flush:
                self._flush(mine)
        except OSError as error:
            hint = "is there space left on its disk?"
            raise StoreError(f"the journal could not be written: {error.strerror}", hint=hint) from error

    def _flush(self, mine: int) -> None:
        """Have the disk take everything up to this line, unless another thread has seen to that meanwhile."""
        with self._flushing:
            if self._flushed < mine:
                upto = self._appended
                os.fsync(self._handle)
                self._flushed = upto

    def _write_line(self, data: bytes) -> None:
        """The line or nothing of it."""
        size = os.fstat(self._handle).st_size
        try:
            _write_whole(self._handle, data)
        except OSError:
            os.ftruncate(self._handle, size)
            raise


def begin(folder: Path, opening: Opening, attempt: Attempt | None = None) -> JournalFile:
    """A new journal, there with its opening and its first run or not at all, whatever stops it.

    Raises StoreError when there is an unfinished one, and when the disk does not take it.
    """
    file = folder / OPEN
    lines = [entries.of_opening(opening), *([entries.of_attempt(attempt)] if attempt else [])]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists():
            raise StoreError(f"the journal {file} is there already: an operation is unfinished")
        return _begun(file, b"".join(map(entries.summed, lines)))
    except OSError as error:
        hint = "is there space left on its disk?"
        raise StoreError(f"the journal cannot be written: {error.strerror}", hint=hint) from error


def _begun(file: Path, data: bytes) -> JournalFile:
    aside = file.with_name(BEGUN)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_whole(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.rename(file)
        flush_folder(file.parent)
        return JournalFile(file)
    except BaseException:
        for left in (file, aside):
            left.unlink(missing_ok=True)
        raise


def _write_whole(handle: int, data: bytes) -> None:
    """All of it. A full disk takes part of what it is given, and refuses the rest; then OSError is raised."""
    while data:
        data = data[os.write(handle, data) :]


def unfinished(folder: Path) -> Operation | None:
    """The operation that has not ended. An ended one that a crash left under that name is put in its place."""
    file = folder / OPEN
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the journal cannot be read: {error.strerror}") from error
    operation = entries.read(data, file)
    if operation.end is None:
        return operation
    finish(file)
    return None


def ended(folder: Path, id_: str) -> Operation | None:
    """The journal of this operation, put away under its name; None where there is none."""
    if not _is_id(id_):
        return None
    file = folder / f"{id_}.jsonl"
    try:
        return entries.read(file.read_bytes(), file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the journal cannot be read: {error.strerror}") from error


def finish(file: Path) -> None:
    """Give an ended journal its own name."""
    try:
        operation = entries.read(file.read_bytes(), file)
        file.rename(file.with_name(f"{operation.opening.id}.jsonl"))
        flush_folder(file.parent)
    except OSError as error:
        raise StoreError(f"the journal cannot be put away: {error.strerror}") from error
