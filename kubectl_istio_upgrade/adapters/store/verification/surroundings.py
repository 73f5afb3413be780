"""What is around git's objects: configuration, refs, the key, the journals. Every file by its exact form."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ....errors import StoreError
from .. import configuration, journal, journal_entries
from ..digests import KeyedDigester, open_digester
from ..gitio import Git
from ..opening import HEAD, PRIVATE
from ..refs import ALL


class Found(NamedTuple):
    """What is wrong with one file: which, and what."""

    place: str
    why: str


_REF = re.compile(rb"[0-9a-f]{40}\n").fullmatch
_SHALLOW = re.compile(rb"(?:[0-9a-f]{40}\n)*").fullmatch
_PACKED = re.compile(rb"[0-9a-f]{40} (refs/[!-~]+)").fullmatch
_PACKED_HEAD = b"# pack-refs with: peeled fully-peeled sorted "
_NOT_A_COMMIT = "it is not the 40 hex digits of a commit"


def file_faults(git: Git, path: Path) -> Iterator[Found]:
    """HEAD, the configuration and the refs."""
    if (path / "HEAD").read_bytes() != HEAD.encode():
        yield Found("HEAD", f"it does not say `{HEAD.strip()}`")
    yield from _configuration_faults(git, path / "config")
    yield from _ref_faults(path)
    yield from _packed_faults(path / "packed-refs")
    shallow = path / "shallow"
    if shallow.exists() and not _SHALLOW(shallow.read_bytes()):
        yield Found("shallow", "it does not list commits")
    if (path / "objects" / "info" / "alternates").exists():
        yield Found("objects/info/alternates", "objects of this store would be elsewhere")


def _configuration_faults(git: Git, config: Path) -> Iterator[Found]:
    if not configuration.is_sealed(config.read_bytes()):
        hint = "if it was changed by hand, `kubectl istio-upgrade store init` records it as it is"
        yield Found("config", f"it is not as this program wrote it; {hint}")
    for setting in configuration.wrong_settings(configuration.entries(git, config)):
        yield Found("config", f"{setting.name} is not {setting.value}: {setting.why}")


def _ref_faults(path: Path) -> Iterator[Found]:
    for file in sorted((path / "refs").rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and name.startswith(ALL) and file.suffix != ".lock" and not _REF(file.read_bytes()):
            yield Found(name, _NOT_A_COMMIT)


def _packed_faults(file: Path) -> Iterator[Found]:
    if not file.exists():
        return
    head, *lines = file.read_bytes().split(b"\n")
    if head != _PACKED_HEAD:
        yield Found("packed-refs", "line 1 is not as git writes it")
    if not lines or lines.pop():
        yield Found("packed-refs", "it ends in the middle of a line")
    names = []
    for number, line in enumerate(lines, 2):
        if match := _PACKED(line):
            names.append(match[1])
        else:
            yield Found("packed-refs", f"line {number} is no ref")
    if names != sorted(set(names)):
        yield Found("packed-refs", "its refs are not sorted")


def private_faults(path: Path, commits: Mapping[str, Collection[str]]) -> Iterator[Found]:
    """The digest key and the journals; `commits` are all those of each branch."""
    folder = path / PRIVATE
    key = folder / "digest.key"
    if key.exists():
        try:
            open_digester(key)
        except StoreError as error:
            yield Found(f"{PRIVATE}/{key.name}", error.message)
    for file in sorted((folder / "journals").glob("*/*.jsonl")):
        if why := _journal_fault(file, commits.get(file.parent.name)):
            yield Found(file.relative_to(path).as_posix(), why)


def digester_of(path: Path) -> KeyedDigester | None:
    """The digester of a store, if it has a key that is in order; none is made."""
    key = path / PRIVATE / "digest.key"
    try:
        return open_digester(key) if key.exists() else None
    except StoreError:
        return None


def _journal_fault(file: Path, commits: Collection[str] | None) -> str:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        return "others can read it"
    content = file.read_bytes()
    try:
        operation = journal_entries.read(content, file)
    except StoreError as error:
        return error.message
    if commits is None:
        return "there is no branch of that name"
    if journal_entries.has_broken_end(content):
        return "its last line is not as it was written"
    if file.name != journal.OPEN:
        if operation.end is None or not content.endswith(b"\n"):
            return "it has no ending"
        return "" if file.stem == operation.opening.id else "it is another operation's"
    if operation.end is None and operation.opening.before not in commits:
        return f"the snapshot before its operation, {operation.opening.before[:7]}, is not on the branch"
    return ""
