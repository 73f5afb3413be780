"""What people type for a snapshot, and which one it is. `snapshots/README.md` has the forms."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ...errors import UnknownReferenceError


class Entry(NamedTuple):
    """A commit of a branch and its time in seconds since 1970."""

    commit: str
    time: int

    def __str__(self) -> str:
        return f"{self.commit[:7]} ({datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M}Z)"


_steps_back = re.compile(r"(.+?)(?:~([0-9]{1,6}))?").fullmatch
_prefix = re.compile(r"[0-9a-f]{4,40}").fullmatch
_time = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
).fullmatch


def find(reference: str, log: Sequence[Entry], names: Mapping[str, str]) -> str:
    """The commit that `reference` means on a branch: its entries, newest first, and its names.

    Raises UnknownReferenceError for what means nothing there, or more than one thing.
    """
    parts = _steps_back(reference)
    if not log or not parts:
        raise _unknown(reference, log, names)
    base, steps = parts[1], int(parts[2] or 0)
    start = _start(base, reference, log, names)
    if start + steps >= len(log):
        oldest = f"the oldest snapshot is {log[-1]}, {_steps(len(log) - 1 - start)} before {base}"
        raise UnknownReferenceError(f"there is no snapshot {reference}", hint=oldest)
    return log[start + steps].commit


def has_commit(base: str, log: Sequence[Entry]) -> bool:
    """Whether `base` is a commit of this branch, or the beginning of one."""
    return bool(_abbreviated(base, log))


def _start(base: str, reference: str, log: Sequence[Entry], names: Mapping[str, str]) -> int:
    """Where in the log `base` is."""
    if base in names:
        return [entry.commit for entry in log].index(names[base])
    if base == "latest":
        return 0
    if moment := _end_of(base):
        for index, entry in enumerate(log):
            if entry.time < moment:
                return index
        raise UnknownReferenceError(f"there is no snapshot as old as {base}", hint=f"the oldest is {log[-1]}")
    found = _abbreviated(base, log)
    if len(found) > 1:
        which = ", ".join(str(log[index]) for index in found)
        raise UnknownReferenceError(f"{base} could be any of {len(found)} snapshots", hint=f"add digits: {which}")
    if not found:
        raise _unknown(reference, log, names)
    return found[0]


def _abbreviated(base: str, log: Sequence[Entry]) -> list[int]:
    prefix = base.lower()
    return [index for index, entry in enumerate(log) if entry.commit.startswith(prefix)] if _prefix(prefix) else []


def _end_of(text: str) -> float | None:
    """The end of the day, minute or second that a text names; None for what names none."""
    parts = _time(text)
    if not parts:
        return None
    unit = timedelta(seconds=1) if parts["second"] else timedelta(minutes=1) if parts["minute"] else timedelta(days=1)
    try:
        start = datetime.fromisoformat(text)
        return ((start if start.tzinfo else start.replace(tzinfo=UTC)) + unit).timestamp()
    except (ValueError, OverflowError) as error:
        raise UnknownReferenceError(f"{text} is not a time", hint=str(error)) from None


def _unknown(reference: str, log: Sequence[Entry], names: Mapping[str, str]) -> UnknownReferenceError:
    if not log:
        return UnknownReferenceError(
            f"there is no snapshot {reference}: this cluster has none yet", hint="kubectl istio-upgrade snapshot"
        )
    near = difflib.get_close_matches(reference, names, n=3)
    newest = ", ".join(map(str, log[:3]))
    hint = f"did you mean {' or '.join(near)}?" if near else f"the newest are {newest}"
    return UnknownReferenceError(f"there is no snapshot {reference}", hint=hint)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"
