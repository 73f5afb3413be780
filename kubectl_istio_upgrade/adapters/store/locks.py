"""The lock of writers: the operating system's own, so it ends with its process, however that ends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ...errors import StoreError
from ..machine import this_process

_HINT = "wait until it is done; the lock ends with that process"
_NO_LOCKS = "some network file systems know no locks; --store, or `store` of the configuration, names another place"


@contextmanager
def exclusive(file: Path, operation: str) -> Iterator[None]:
    """Hold the lock, or raise StoreError naming who does, or why there is none to be had.

    The file stays; its text matters only while it is locked, and only to people.
    """
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"the store cannot be locked: {error.strerror}") from error
    try:
        if not _is_ours(handle):
            raise StoreError(f"the store is in use by {_holder(handle)}", hint=_HINT)
        with suppress(OSError):  # a full disk: the lock holds all the same
            _write_holder(handle, operation)
        yield
    finally:
        os.close(handle)  # and with it the lock


def _is_ours(handle: int) -> bool:
    """Take the lock; False when somebody else holds it. Raises StoreError where the file system has no locks."""
    try:
        return _try_lock(handle)
    except OSError as error:
        raise StoreError(f"the store cannot be locked: {error.strerror}", hint=_NO_LOCKS) from error


def _write_holder(handle: int, operation: str) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    holder = {"operation": operation, **asdict(this_process()), "since": since}
    os.lseek(handle, 0, os.SEEK_SET)
    os.truncate(handle, 0)
    os.write(handle, json.dumps(holder).encode())


def _holder(handle: int) -> str:
    """Who holds the lock, as far as it can be read: the holder may just be writing it."""
    try:
        holder = json.loads(os.read(handle, 4096))
        return "{operation} of {user}@{host} (process {pid}, since {since})".format(**holder)
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond the text: Windows lets nobody read what is locked
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:  # EACCES, the answer for what is locked already
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
