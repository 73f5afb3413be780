"""The files of stored snapshots, read so that every fault names the snapshot and the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ...errors import StoreError
from ...models.objects import Body, ResourceType
from ...models.snapshots import SnapshotMeta
from ..yamlio import load
from . import layout
from .codec import read_header, read_meta, read_types
from .gitio import Git, GitError, ObjectReader

_HINT = "`git fsck --full` in the store tells what else is damaged"

T = TypeVar("T")


class SnapshotFiles:
    """Reads files of any snapshot through one git process. A file that is missing is a fault unless it is optional."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._reader = ObjectReader(git)
        self._types: dict[str, tuple[ResourceType, ...]] = {}

    def read(self, commit: str, path: str, parse: Callable[[bytes], T]) -> T:
        """The content of a file, parsed. Raises StoreError for anything missing, damaged or not understood."""
        return self._parsed(commit, path, self._content(commit, path)[1], parse)

    def read_all(self, commit: str, paths: Sequence[str], parse: Callable[[bytes], T]) -> Iterator[T]:
        """As `read`, of many files, in their order, with fewer waits."""
        try:
            for path, answer in zip(paths, self._reader.read(f"{commit}:{path}" for path in paths), strict=True):
                if answer is None:
                    raise _missing(commit, path)
                yield self._parsed(commit, path, answer[1], parse)
        except GitError as error:
            for path in paths:  # one by one, to learn which
                self._find(commit, path)
            raise _damaged(commit, "a file", str(error)) from error

    def header(self, commit: str) -> Body:
        """`snapshot.yaml` as it is. Raises StoreError, also for a format that this program does not know."""
        return self.read(commit, layout.SNAPSHOT, lambda text: read_header(text, f"snapshot {commit[:7]}"))

    def types(self, commit: str) -> tuple[ResourceType, ...]:
        """The types of a snapshot; parsed once for the many snapshots that share the file."""
        blob, content = self._content(commit, layout.TYPES)
        if blob not in self._types:
            self._types[blob] = self._parsed(commit, layout.TYPES, content, read_types)
        return self._types[blob]

    def meta(self, commit: str) -> SnapshotMeta:
        """Everything about a snapshot but its objects."""
        header = self.header(commit)
        types = self.types(commit)
        operation = self._operation(commit)
        return self._parsed(commit, layout.SNAPSHOT, b"", lambda _: read_meta(header, types, operation))

    def paths(self, commit: str, folder: str = "") -> dict[str, str]:
        """Every file of a snapshot, or of one of its folders, with the id of its content."""
        try:
            listing = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit, *([folder] if folder else []))
        except GitError as error:
            raise _damaged(commit, folder or "its tree", str(error)) from error
        entries = (entry.partition("\t") for entry in listing.split("\0")[:-1])
        return {path: about.rpartition(" ")[2] for about, _, path in entries}

    def close(self) -> None:
        """End the git process; the next read starts another."""
        self._reader.close()

    def _operation(self, commit: str) -> Body | None:
        found = self._find(commit, layout.OPERATION)
        return None if found is None else self._parsed(commit, layout.OPERATION, found[1], load)

    def _content(self, commit: str, path: str) -> tuple[str, bytes]:
        found = self._find(commit, path)
        if found is None:
            raise _missing(commit, path)
        return found

    def _find(self, commit: str, path: str) -> tuple[str, bytes] | None:
        try:
            return next(self._reader.read([f"{commit}:{path}"]))
        except GitError as error:
            raise _damaged(commit, path, str(error)) from error

    def _parsed(self, commit: str, path: str, content: bytes, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(commit, path, str(error)) from error


def _missing(commit: str, path: str) -> StoreError:
    return StoreError(f"snapshot {commit[:7]}: {path} is missing", hint=_HINT)


def _damaged(commit: str, path: str, why: str) -> StoreError:
    return StoreError(f"snapshot {commit[:7]}: {path} is damaged: {why}", hint=_HINT)
