"""The files of stored snapshots, read so that every fault names the snapshot and the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ...errors import StoreError
from ...models.objects import Body, ResourceType
from ...models.snapshots import SnapshotMeta
from ..yamlio import load
from . import layout, packs
from .codec import read_header, read_meta, read_types
from .gitio import Git, GitError, ObjectReader
from .trees import TREE, Commit, Entry, read_commit, read_tree

_HINT = "`kubectl istio-upgrade store verify` tells what else is damaged, and which snapshots are intact"

_BATCH = 500
"""How many files are in memory at a time when all of them are read."""

T = TypeVar("T")


class SnapshotFiles:
    """Reads files of any snapshot through one git process. A file that is missing is a fault unless it is optional.

    From the commit's id down to the file, every object is hashed on the way: what is read is what was written.
    """

    def __init__(self, git: Git) -> None:
        self._repository = git.path
        self._reader = ObjectReader(git)
        self._types: dict[str, tuple[ResourceType, ...]] = {}
        self._commits: dict[str, Commit] = {}
        self._sound: set[str] = set()
        """Contents that are as their names say: snapshots share most of them."""
        self._trees: dict[str, tuple[Entry, ...]] = {}

    def read(self, commit: str, path: str, parse: Callable[[bytes], T]) -> T:
        """The content of a file, parsed. Raises StoreError for anything missing, damaged or not understood."""
        return next(self.read_all(commit, [path], parse))

    def read_all(self, commit: str, paths: Sequence[str], parse: Callable[[bytes], T]) -> Iterator[T]:
        """As `read`, of many files, in their order, with fewer waits."""
        found = self._find(commit, paths)
        for path in paths:
            if path not in found:
                raise _missing(commit, path)
        contents = self._objects(commit, {path: found[path] for path in paths})
        for path in paths:
            yield self._parsed(commit, path, contents[path], parse)

    def header(self, commit: str) -> Body:
        """`snapshot.yaml` as it is. Raises StoreError, also for a format that this program does not know."""
        return self.read(commit, layout.SNAPSHOT, lambda text: read_header(text, f"snapshot {commit[:7]}"))

    def types(self, commit: str) -> tuple[ResourceType, ...]:
        """The types of a snapshot; parsed once for the many snapshots that share the file."""
        blob = self._find(commit, [layout.TYPES]).get(layout.TYPES, "")
        if blob not in self._types:
            self._types[blob] = self.read(commit, layout.TYPES, read_types)
        return self._types[blob]

    def meta(self, commit: str) -> SnapshotMeta:
        """Everything about a snapshot but its objects."""
        header = self.header(commit)
        types = self.types(commit)
        operation = self._operation(commit)
        return self._parsed(commit, layout.SNAPSHOT, b"", lambda _: read_meta(header, types, operation))

    def paths(self, commit: str, folder: str = "") -> dict[str, str]:
        """Every file of a snapshot, or of one of its folders, with the id of its content."""
        files = self._walk(commit, lambda path: path.startswith(folder) or folder.startswith(path))
        return {path: blob for path, blob in files.items() if path.startswith(folder)}

    def check(self, commit: str) -> dict[str, str]:
        """Read every file, or the packs that have it, against their checksums; return the files as `paths` does.

        Raises StoreError, naming one that is missing or damaged.
        """
        files = self.paths(commit)
        self._sound |= packs.sound(self._repository, set(files.values()) - self._sound)
        left = [(path, blob) for path, blob in files.items() if blob not in self._sound]
        for start in range(0, len(left), _BATCH):
            batch = dict(left[start : start + _BATCH])
            self._objects(commit, batch)
            self._sound.update(batch.values())
        return files

    def close(self) -> None:
        """End the git process; the next read starts another."""
        self._reader.close()

    def _operation(self, commit: str) -> Body | None:
        there = self._find(commit, [layout.OPERATION])
        return self.read(commit, layout.OPERATION, load) if there else None

    def _find(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """The ids of those files that the snapshot has."""
        folders = {path[: index + 1] for path in paths for index, letter in enumerate(path) if letter == "/"}
        files = self._walk(commit, folders.__contains__)
        return {path: files[path] for path in paths if path in files}

    def _walk(self, commit: str, wanted: Callable[[str], bool]) -> dict[str, str]:
        """The files of the folders that are wanted, level by level. Raises StoreError where one cannot be read."""
        level, files = {"": self.commit(commit).tree}, {}
        while level:
            self._read_trees(commit, level)
            below = {}
            for folder, tree in level.items():
                for mode, name, content in self._trees[tree]:
                    path = folder + name
                    if mode != TREE:
                        files[path] = content
                    elif wanted(f"{path}/"):
                        below[f"{path}/"] = content
            level = below
        return files

    def commit(self, commit: str) -> Commit:
        """A commit itself. Raises StoreError when it is missing or damaged."""
        if commit not in self._commits:
            (content,) = self._objects(commit, {"its commit": commit}).values()
            self._commits[commit] = self._parsed(commit, "its commit", content, read_commit)
        return self._commits[commit]

    def _read_trees(self, commit: str, folders: Mapping[str, str]) -> None:
        new = {folder or "its tree": tree for folder, tree in folders.items() if tree not in self._trees}
        for folder, content in self._objects(commit, new).items():
            self._trees[new[folder]] = self._parsed(commit, folder, content, read_tree)

    def _objects(self, commit: str, ids: Mapping[str, str]) -> dict[str, bytes]:
        """Contents by what they are called. Raises StoreError, naming the first that is missing or damaged."""
        try:
            contents = dict(zip(ids, self._reader.read(ids.values()), strict=True))
        except GitError:
            contents = {}
            for what, name in ids.items():  # one by one, to learn which
                contents[what] = self._object(commit, what, name)
        for what, content in contents.items():
            if content is None:
                raise _missing(commit, what)
        return {what: content for what, content in contents.items() if content is not None}

    def _object(self, commit: str, what: str, name: str) -> bytes | None:
        try:
            return next(self._reader.read([name]))
        except GitError as error:
            raise _damaged(commit, what, str(error)) from error

    def _parsed(self, commit: str, path: str, content: bytes, parse: Callable[[bytes], T]) -> T:
        try:
            return parse(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(commit, path, str(error)) from error


def _missing(commit: str, path: str) -> StoreError:
    return StoreError(f"snapshot {commit[:7]}: {path} is missing", hint=_HINT)


def _damaged(commit: str, path: str, why: str) -> StoreError:
    return StoreError(f"snapshot {commit[:7]}: {path} is damaged: {why}", hint=_HINT)
