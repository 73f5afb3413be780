"""Names of files that people gave: what they stand for, or why they can be none."""

from __future__ import annotations

import errno
from pathlib import Path

from ..errors import UsageError

_LONGEST_SHOWN = 120


def expanded(name: str) -> Path:
    """The path, with the home folder in the place of a leading `~`.

    Raises UsageError for a user who does not exist, and for what no file can be called: nothing (to Python that is the
    current folder; most likely a variable is not set), or the content of a file in the place of its name.
    """
    if not name:
        raise UsageError("the name of a file or folder is empty", hint="is a variable not set?")
    try:
        path = Path(name).expanduser()
        path.lstat()
    except ValueError:  # a NUL, which a configuration file can have
        raise UsageError(f"{shown(name)!r} cannot be the name of a file") from None
    except RuntimeError:
        user = Path(name).parts[0]
        raise UsageError(f"{shown(name)}: there is no home folder {user}") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(f"{shown(name)} is too long to be the name of a file") from None
    return path


def is_there(path: Path) -> bool:
    """Whether there is something. Raises UsageError where nobody may look: that does not mean that there is nothing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UsageError(f"{shown(str(path))} cannot be looked at: {reason(error)}") from error
    return True


def is_folder(path: Path) -> bool:
    """Whether there is a folder in which this user may look for something."""
    try:
        return path.is_dir()
    except OSError:
        return False


def reason(error: OSError) -> str:
    """What the system says of it, as the end of a sentence."""
    return (error.strerror or "error").lower()


def shown(name: str) -> str:
    """The name as a text on one line, and not all of it where it goes on and on."""
    line = " ".join(name.encode("utf-8", "replace").decode().splitlines())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"
