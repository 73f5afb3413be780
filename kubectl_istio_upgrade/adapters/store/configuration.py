"""The store's git configuration: what it must say and why, who else it names, and the checksum at its end."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ...errors import StoreError
from ...models.snapshots import FORMAT_VERSION
from .durable import flush_folder
from .gitio import Git, GitError

RECIPIENT = "istioupgrade.recipient"
REMOTE = "remote.origin.url"
FORMAT = "istioupgrade.format"

_SEAL = b"# kubectl-istio-upgrade sha256:"

_CHANGED = "the store's configuration was changed since this program wrote it, by hand or by damage"
_LOOK = "look at {file}, then run `kubectl istio-upgrade store init`, which records it as it is"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row."""

    name: str
    value: str
    why: str


SETTINGS = (
    Setting("core.repositoryFormatVersion", "0", "any git can read it"),
    Setting("core.bare", "true", "there is no work tree"),
    Setting("core.logAllRefUpdates", "false", "a log of refs would keep alive what retention removes"),
    Setting("core.fsync", "all", "what is written is on the disk before a ref says so"),
    Setting("core.fsyncMethod", "fsync", "on the disk, not on its way to it"),
    Setting("gc.auto", "0", "nothing is cleaned up behind the program's back"),
    Setting("gc.writeCommitGraph", "false", "one more file that could be damaged"),
    Setting("pack.writeReverseIndex", "false", "one more file that could be damaged, and that git does not check"),
    Setting("repack.writeBitmaps", "false", "one more file that could be damaged"),
    Setting("fastimport.unpackLimit", "0", "packs have a checksum over every byte, loose objects have not"),
    Setting("transfer.unpackLimit", "1", "packs have a checksum over every byte, loose objects have not"),
    Setting("receive.denyNonFastForwards", "true", "branches only grow"),
    Setting("receive.denyDeletes", "true", "branches only grow"),
    Setting("receive.fsckObjects", "true", "what is pushed here is looked at"),
    Setting("receive.shallowUpdate", "true", "a history that retention has shortened may be pushed here"),
    Setting(FORMAT, str(FORMAT_VERSION), "what a reader checks first"),
)

Edit = tuple[str, ...]
"""Arguments of `git config` that change something."""


def fresh() -> bytes:
    """The configuration of a new store."""
    lines = []
    for section, settings in groupby(SETTINGS, lambda setting: setting.name.partition(".")[0]):
        lines += [f"[{section}]", *(f"\t{setting.name.partition('.')[2]} = {setting.value}" for setting in settings)]
    return sealed("".join(f"{line}\n" for line in lines).encode())


def sealed(content: bytes) -> bytes:
    """The content with its checksum in its last line."""
    return b"%b%b%b\n" % (content, _SEAL, hashlib.sha256(content).hexdigest().encode())


def is_sealed(content: bytes) -> bool:
    """Whether the checksum is there and right."""
    return sealed(_unsealed(content)) == content


def _unsealed(content: bytes) -> bytes:
    return b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(_SEAL))


def entries(git: Git, file: Path) -> list[tuple[str, str]]:
    """Every setting, its name in lower case. Raises StoreError for a file that git cannot read."""
    try:
        listing = git.run("config", "--file", str(file), "--null", "--list")
    except GitError as error:
        raise StoreError(f"the configuration of the store cannot be read: {error}") from error
    pairs = (entry.partition("\n") for entry in listing.split("\0") if entry)
    return [(name, value) for name, _, value in pairs]


def values(git: Git, file: Path, name: str) -> tuple[str, ...]:
    """All values of one setting, in their order."""
    return tuple(value for found, value in entries(git, file) if found == name.lower())


def wrong_settings(found: Iterable[tuple[str, str]]) -> tuple[Setting, ...]:
    """The rows of the table that do not hold."""
    last = dict(found)
    return tuple(setting for setting in SETTINGS if last.get(setting.name.lower()) != setting.value)


def edit(git: Git, file: Path, edits: Sequence[Edit]) -> None:
    """Change settings. Raises StoreError when the file is not as this program left it: it would get its blessing."""
    if not is_sealed(_content(file)):
        raise StoreError(_CHANGED, hint=_LOOK.format(file=file))
    _rewrite(git, file, edits)


def renew(git: Git, file: Path, note: Callable[[str], None]) -> None:
    """Put the settings of the table right, and the checksum to the file as it is then."""
    content = _content(file)
    wrong = wrong_settings(entries(git, file))
    if not is_sealed(content):
        note(f"{_CHANGED}: recorded as it is")
    if wrong or not is_sealed(content):
        _rewrite(git, file, [("--replace-all", setting.name, setting.value) for setting in wrong])


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StoreError(f"the configuration of the store cannot be read: {error.strerror}") from error


def _rewrite(git: Git, file: Path, edits: Sequence[Edit]) -> None:
    """The new configuration is written aside, flushed, and put in the place of the old one."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".config.")  # mode 0600
        os.close(handle)
        aside = Path(name)
        try:
            aside.write_bytes(_unsealed(file.read_bytes()))
            for words in edits:
                git.run("config", "--file", str(aside), *words)
            _write(aside, sealed(aside.read_bytes()))
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
        flush_folder(file.parent)
    except GitError as error:
        raise StoreError(f"the configuration of the store cannot be written: {error}") from error
    except OSError as error:
        raise StoreError(f"the configuration of the store cannot be written: {error.strerror}") from error


def _write(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
