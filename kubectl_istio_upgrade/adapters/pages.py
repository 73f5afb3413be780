"""A file that somebody asked for, written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import RefusedError


def write_whole(path: Path, text: str) -> None:
    """Write a file, in place of one that is there, with the permissions that a shell's `>` would give it.

    Raises RefusedError where that cannot be done; then what was there is still there.
    """
    try:
        if path.exists() and not path.is_file():
            raise RefusedError(f"{path} is not a file", hint="`-o html` prints the page, to be sent anywhere")
        target = path.resolve()
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        _replace(target, text, mode)
    except OSError as error:
        raise RefusedError(f"{path} could not be written: {error.strerror}") from error


def _replace(target: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
