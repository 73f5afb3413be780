"""The journal of an operation: one JSON line an entry, on the disk before what it announces is done.

`BRANCH/open.jsonl` is the unfinished operation of a cluster; ended ones keep their id as their name. The format is
specified in `snapshots/README.md`.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import zlib
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ...errors import StoreError
from ...models.objects import Body, Key
from ...models.operations import Aim, Attempt, End, Holder, Opening, Operation, Restarted, Step, Written
from ...models.plans import Action, Outcome, StepResult
from ...models.upgrades import Phase, PhaseOutcome, PhaseResult
from .durable import flush_folder

FORMAT = 1
"""Of the journal's lines; a program that meets another refuses."""

OPEN = "open.jsonl"

BEGUN = ".new"
"""A journal that has no whole first line yet; what is found under this name is of nothing that began."""

_is_id = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]+").fullmatch
"""Ids come from snapshots, too, which others may have made: nothing else is ever taken for the name of a file."""

_SUM = len(',"crc":"00000000"}')

_DAMAGED = "move the file away to go on; the snapshot before its operation is in `history`"


class JournalFile:
    """Implements `ports.Journal`. Threads that write at the same time share one flush of the disk."""

    def __init__(self, file: Path) -> None:
        """Open an existing journal and cut off a line that a crash left half-written."""
        self._file = file
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_APPEND)
            os.ftruncate(self._handle, _whole(file.read_bytes()))
        except OSError as error:
            raise StoreError(f"the journal cannot be opened: {error.strerror}") from error
        self._writing = threading.Lock()
        self._flushing = threading.Lock()
        self._appended = 0
        self._flushed = 0

    def attempt(self, attempt: Attempt) -> None:
        """See `ports.Journal`."""
        self._append(_attempt_line(attempt))

    def intend(self, key: Key, action: Action, restart: Restarted | None = None) -> None:
        """See `ports.Journal`."""
        line: Body = {"entry": "intent", "object": [*key], "action": str(action), "at": _now()}
        self._append(line | ({"restart": restart.to_data()} if restart else {}))

    def conclude(self, result: StepResult) -> None:
        """See `ports.Journal`."""
        line: Body = {"entry": "outcome", "object": [*result.key], "action": str(result.action)}
        line |= {"outcome": str(result.outcome), "seconds": round(result.seconds, 3), "at": _now()}
        if result.reason:
            line["reason"] = result.reason
        if result.version:
            line["version"] = [*result.version]
        self._append(line)

    def phase(self, result: PhaseResult) -> None:
        """See `ports.Journal`."""
        line: Body = {"entry": "phase", "phase": str(result.phase), "outcome": str(result.outcome)}
        line |= {"started": _text(result.started), "seconds": round(result.seconds, 3), "at": _now()}
        line |= {name: text for name, text in (("detail", result.detail), ("reason", result.reason)) if text}
        self._append(line)

    def end(self, end: End, after: str) -> None:
        """See `ports.Journal`."""
        self._append({"entry": "ending", "end": str(end), "after": after, "at": _now()})
        self.close()
        with contextlib.suppress(StoreError):  # it has ended; the next command puts it away, see `unfinished`
            finish(self._file)

    def close(self) -> None:
        """See `ports.Journal`."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _append(self, line: Body) -> None:
        data = _summed(line)
        try:
            with self._writing:
                self._write_line(data)
                self._appended += 1
                mine = self._appended
            with self._flushing:
                if self._flushed < mine:
                    upto = self._appended
                    os.fsync(self._handle)
                    self._flushed = upto
        except OSError as error:
            hint = "is there space left on its disk?"
            raise StoreError(f"the journal could not be written: {error.strerror}", hint=hint) from error

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
    lines = [_opening_line(opening), *([_attempt_line(attempt)] if attempt else [])]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists():
            raise StoreError(f"the journal {file} is there already: an operation is unfinished")
        return _begun(file, b"".join(map(_summed, lines)))
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
    operation = read(data, file)
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
        return read(file.read_bytes(), file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the journal cannot be read: {error.strerror}") from error


def finish(file: Path) -> None:
    """Give an ended journal its own name."""
    try:
        operation = read(file.read_bytes(), file)
        file.rename(file.with_name(f"{operation.opening.id}.jsonl"))
        flush_folder(file.parent)
    except OSError as error:
        raise StoreError(f"the journal cannot be put away: {error.strerror}") from error


def read(data: bytes, file: Path) -> Operation:
    """A journal as a value. A last line without its end is what a crash leaves; it counts as not there.

    Raises StoreError for anything else that cannot be understood.
    """
    try:
        first, *lines = data[: _whole(data)].splitlines()
        opening = _read_opening(orjson.loads(first))  # its format first: another may have other sums
        _check(first)
        return _operation(opening, [_checked(line) for line in lines])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the journal {file} is damaged: {error}", hint=_DAMAGED) from error


def _summed(line: Body) -> bytes:
    """A line as it is written, its CRC-32 at its end."""
    text = orjson.dumps(line)[:-1]
    return b'%b,"crc":"%08x"}\n' % (text, zlib.crc32(text))


def _checked(line: bytes) -> Body:
    _check(line)
    entry: Body = orjson.loads(line)
    return entry


def _check(line: bytes) -> None:
    text, sum_ = line[:-_SUM], line[-_SUM:]
    if sum_ != b',"crc":"%08x"}' % zlib.crc32(text):
        raise ValueError("a line is not as it was written")


def has_broken_end(data: bytes) -> bool:
    """Whether what follows the last line end is a whole line with another byte in the place of its own line end.

    A crash leaves the beginning of a line. This is damage, and the line counts.
    """
    end = data[_whole(data) :]
    try:
        _check(end[:-1])
    except ValueError:
        return False
    return bool(end)


def _operation(opening: Opening, lines: Iterable[Body]) -> Operation:
    attempts: list[Attempt] = []
    written: dict[Step, Written] = {}
    phases: list[PhaseResult] = []
    restarts: list[Restarted] = []
    end: End | None = None
    after = ""
    for line in lines:
        match line["entry"]:
            case "attempt":
                attempts.append(_read_attempt(line))
            case "intent":
                written[_step(line)] = Written(None, run=len(attempts))
                restarts += _read_restart(line)
            case "outcome":
                outcome = Outcome(line["outcome"])
                said = line.get("reason", ""), line.get("seconds", 0.0)
                written[_step(line)] = Written(outcome, *said, run=len(attempts))
                _conclude(restarts, line)
            case "phase":
                phases.append(_read_phase(line))
            case "ending":
                end, after = End(line["end"]), line["after"]
            case other:
                raise ValueError(f"an entry {other!r}")
    return Operation(opening, tuple(attempts), written, tuple(phases), end, after, tuple(restarts))


def _step(line: Body) -> Step:
    return Key(*line["object"]), Action(line["action"])


def _read_restart(line: Body) -> Iterable[Restarted]:
    if restart := line.get("restart"):
        yield replace(Restarted.of_data(restart), outcome=None)


def _conclude(restarts: list[Restarted], line: Body) -> None:
    """Note the outcome of the newest restart of an object whose intent has none yet."""
    key = Key(*line["object"])
    for number in reversed(range(len(restarts))):
        if restarts[number].key == key and restarts[number].outcome is None:
            restarts[number] = replace(restarts[number], outcome=Outcome(line["outcome"]))
            return


def _whole(data: bytes) -> int:
    """How many bytes of a journal are whole lines."""
    return data.rfind(b"\n") + 1


def _opening_line(opening: Opening) -> Body:
    return {
        "entry": "opening",
        "format": FORMAT,
        "id": opening.id,
        "kind": opening.kind,
        "target": opening.target,
        "label": opening.label,
        "before": opening.before,
        "started": _text(opening.started),
        "request": opening.request,
    }


def _read_opening(line: Body) -> Opening:
    if line["entry"] != "opening" or line["format"] != FORMAT:
        raise ValueError(f"format {line.get('format')}, this program reads {FORMAT}")
    return Opening(
        id=line["id"],
        kind=line["kind"],
        target=line["target"],
        label=line["label"],
        before=line["before"],
        started=datetime.fromisoformat(line["started"]),
        request=line["request"],
    )


def _attempt_line(attempt: Attempt) -> Body:
    return {
        "entry": "attempt",
        "aim": str(attempt.aim),
        "planHash": attempt.plan_hash,
        "holder": asdict(attempt.holder),
        "started": _text(attempt.started),
        "steps": [[*key, str(action)] for key, action in attempt.steps],
    }


def _read_attempt(line: Body) -> Attempt:
    return Attempt(
        aim=Aim(line["aim"]),
        plan_hash=line["planHash"],
        holder=Holder(**line["holder"]),
        started=datetime.fromisoformat(line["started"]),
        steps=tuple((Key(*step[:-1]), Action(step[-1])) for step in line["steps"]),
    )


def _read_phase(line: Body) -> PhaseResult:
    return PhaseResult(
        Phase(line["phase"]),
        PhaseOutcome(line["outcome"]),
        datetime.fromisoformat(line["started"]),
        float(line["seconds"]),
        line.get("detail", ""),
        line.get("reason", ""),
    )


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _now() -> str:
    return _text(datetime.now(UTC))
