"""To whom a store encrypts: recorded in its git configuration, for all its clusters."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ...errors import StoreError
from .digests import flush_folder
from .gitio import Git, GitError

_KEY = "istioupgrade.recipient"


def read_recipients(git: Git, config: Path) -> tuple[str, ...]:
    """All recipients, sorted. Raises StoreError for a configuration that git cannot read."""
    try:
        listing = git.run("config", "--file", str(config), "--null", "--list")
    except GitError as error:
        raise StoreError(f"the configuration of the store cannot be read: {error}") from error
    entries = (entry.partition("\n") for entry in listing.split("\0"))
    return tuple(sorted({value for name, _, value in entries if name == _KEY}))


def write_recipients(config: Path, recipients: Iterable[str]) -> None:
    """Add recipients: the new configuration is written aside, flushed, and put in the place of the old one."""
    lines = "".join(f"\trecipient = {recipient}\n" for recipient in recipients)
    try:
        handle, aside = tempfile.mkstemp(dir=config.parent, prefix=".config.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(f"{config.read_text('utf-8').rstrip()}\n[istioupgrade]\n{lines}")
                stream.flush()
                os.fsync(stream.fileno())
            Path(aside).replace(config)
        finally:
            Path(aside).unlink(missing_ok=True)
        flush_folder(config.parent)
    except OSError as error:
        raise StoreError(f"the configuration of the store cannot be written: {error.strerror}") from error
