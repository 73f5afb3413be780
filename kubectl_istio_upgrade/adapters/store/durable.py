"""Files beside git's: replaced whole, and on the disk when that is said."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(file: Path, content: bytes) -> None:
    """Put the content in the place of a file, or of none. A crash leaves the old one or the new one.

    What it leaves aside has the name `.new` after the file's. Raises OSError.
    """
    aside = aside_of(file)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(file)
    flush_folder(file.parent)


def aside_of(file: Path) -> Path:
    """Where a file is written before it gets its name."""
    return file.with_name(f".{file.name}.new")


def remove_file(file: Path) -> None:
    """Delete a file, if there is one. Raises OSError."""
    file.unlink(missing_ok=True)
    flush_folder(file.parent)


def flush_folder(folder: Path) -> None:
    """Flush the names, too: a key that a power cut takes away makes every digest in the store worthless."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
