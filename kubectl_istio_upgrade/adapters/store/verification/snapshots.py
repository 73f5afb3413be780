"""Snapshots, each as a whole, held against the invariants of `snapshots/README.md`.

Snapshots share nearly all they have, so each distinct file is read and looked at once, and what was found of a folder
holds wherever that folder comes up again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ....errors import StoreError
from ....models.objects import Key
from .. import layout
from ..gitio import GitError, ObjectReader
from ..layout import Group
from ..sealed import check_sealed, digest_of, read_document
from ..sealing import Opener
from ..trees import FILE, TREE, Commit, Entry, read_commit, read_tree
from .files import REQUIRED, Described, Known, inspect

MISSING = "it is missing"


class Found(NamedTuple):
    """Something wrong with a snapshot: in which of its files, and what."""

    path: str
    why: str


class Folder(NamedTuple):
    """What a snapshot has of one type in one namespace: ids of git, "" for what it has not."""

    objects: str = ""
    managers: str = ""
    sealed: str = ""
    sealed_index: str = ""


_FIELDS = {
    (layout.OBJECTS, TREE): "objects",
    (layout.MANAGERS, FILE): "managers",
    (layout.SEALED, TREE): "sealed",
    (layout.SEALED, FILE): "sealed_index",
}


class Checker:
    """Checks snapshots that it has taken in."""

    def __init__(self, reader: ObjectReader, opener: Opener | None = None) -> None:
        self._reader = reader
        self._opener = opener
        self.unopened: set[str] = set()
        """Sealed files that none of the identities opens."""
        self.damaged: set[str] = set()
        """Objects of git that are missing or cannot be read."""
        self._commits: dict[str, Commit | str] = {}
        self._trees: dict[str, tuple[Entry, ...] | str] = {}
        self._files: dict[tuple[str, str], Known] = {}
        self._walked: set[tuple[str, str]] = set()
        self._below: dict[tuple[str, str], tuple[Found, ...]] = {}
        self._groups: dict[tuple[Any, ...], tuple[Found, ...]] = {}

    def commit(self, commit: str) -> Commit | str:
        """A commit, or what is wrong with it."""
        if commit not in self._commits:
            self._take_commits([commit])
        return self._commits[commit]

    def header(self, commit: str) -> Mapping[str, Any]:
        """Its `snapshot.yaml`; empty where that cannot be read."""
        return self._value(commit, layout.SNAPSHOT) or {}

    def take_in(self, commits: Iterable[str]) -> None:
        """Read whatever these snapshots have, and look at each file."""
        new = [commit for commit in dict.fromkeys(commits) if commit not in self._commits]
        self._take_commits(new)
        roots = [found.tree for found in map(self._commits.__getitem__, commits) if isinstance(found, Commit)]
        self._take_trees(roots)
        places: dict[str, list[str]] = {}
        for root in roots:
            for path, blob in self._new_files("", root):
                places.setdefault(blob, []).append(path)
        for blob, content in self._each(places):
            for path in places[blob]:
                self._files[path, blob] = self._looked_at(path, content)

    def faults(self, commit: str) -> tuple[Found, ...]:
        """All that is wrong with a snapshot."""
        found = self._commits[commit]
        if isinstance(found, str):
            return (Found("its commit", found),)
        faults = list(self._tree_faults("", found.tree))
        if not isinstance(self._trees[found.tree], str):
            faults += (Found(path, MISSING) for path in REQUIRED if not self._entry(found.tree, path))
        if not faults:
            faults += self._whole_faults(commit, found.tree)
        return tuple(faults)

    def _take_commits(self, commits: Iterable[str]) -> None:
        for commit, content in self._each(commits):
            self._commits[commit] = _parsed(content, read_commit)

    def _take_trees(self, roots: Iterable[str]) -> None:
        wanted = [tree for tree in dict.fromkeys(roots) if tree not in self._trees]
        while wanted:
            for tree, content in self._each(wanted):
                self._trees[tree] = _parsed(content, read_tree)
            below = (entry.id for tree in wanted for entry in self._entries(tree) if entry.mode == TREE)
            wanted = [tree for tree in dict.fromkeys(below) if tree not in self._trees]

    def _each(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes | GitError | None]]:
        for id_, content in self._reader.each(ids):
            if not isinstance(content, bytes):
                self.damaged.add(id_)
            yield id_, content

    def _new_files(self, folder: str, tree: str) -> Iterator[tuple[str, str]]:
        if (folder, tree) in self._walked:
            return
        self._walked.add((folder, tree))
        for mode, name, id_ in self._entries(tree):
            path = folder + name
            if mode == TREE:
                yield from self._new_files(f"{path}/", id_)
            elif (path, id_) not in self._walked:
                self._walked.add((path, id_))
                yield path, id_

    def _looked_at(self, path: str, content: bytes | GitError | None) -> Known:
        if isinstance(content, GitError):
            return Known(str(content))
        return Known(MISSING) if content is None else inspect(path, content)

    def _entries(self, tree: str) -> tuple[Entry, ...]:
        found = self._trees[tree]
        return () if isinstance(found, str) else found

    def _entry(self, tree: str, path: str) -> Entry | None:
        first, _, rest = path.partition("/")
        entry = next((entry for entry in self._entries(tree) if entry.name == first), None)
        if entry is None or not rest:
            return entry
        return self._entry(entry.id, rest) if entry.mode == TREE else None

    def _value(self, commit: str, path: str) -> Any:
        found = self._commits[commit]
        entry = self._entry(found.tree, path) if isinstance(found, Commit) else None
        return self._files[path, entry.id].value if entry and (path, entry.id) in self._files else None

    def _tree_faults(self, folder: str, tree: str) -> tuple[Found, ...]:
        """What is wrong with the files below a folder, each looked at alone."""
        if (folder, tree) not in self._below:
            self._below[folder, tree] = tuple(self._find_tree_faults(folder, tree))
        return self._below[folder, tree]

    def _find_tree_faults(self, folder: str, tree: str) -> Iterator[Found]:
        found = self._trees[tree]
        if isinstance(found, str):
            yield Found(folder or "its tree", found)
            return
        for mode, name, id_ in found:
            path = folder + name
            if mode == TREE:
                yield from self._tree_faults(f"{path}/", id_)
            elif mode != FILE:
                yield Found(path, f"it has mode {mode}")
            elif fault := self._files[path, id_].fault:
                yield Found(path, fault)

    def _whole_faults(self, commit: str, tree: str) -> Iterator[Found]:
        """What is wrong between files that are right each for itself."""
        header, types = self.header(commit), self._value(commit, layout.TYPES)
        recipients = tuple(header.get("recipients", ()))
        if recipients != tuple(sorted(recipients)):
            yield Found(layout.SNAPSHOT, "its recipients are not sorted")
        folders = self._folders(tree)
        counts: Counter[str] = Counter()
        for group, folder in folders.items():
            counts[Key(*group, "").resource] += len(self._entries_of(folder.objects))
            yield from self._group_faults(group, folder, types, recipients)
        if +counts != Counter(header["counts"]):
            yield Found(layout.SNAPSHOT, "its counts are not those of its files")

    def _folders(self, tree: str) -> dict[Group, Folder]:
        folders: dict[Group, Folder] = {}
        for top in (layout.OBJECTS, layout.MANAGERS, layout.SEALED):
            for mode, path, id_ in self._three_below(tree, top):
                if field := _FIELDS.get((top, mode)):
                    group = layout.group_of_folder(path.removesuffix(".json") if mode == FILE else path)
                    folders[group] = folders.get(group, Folder())._replace(**{field: id_})
        return folders

    def _three_below(self, tree: str, top: str) -> Iterator[Entry]:
        """The entries at GROUP/PLURAL/NAMESPACE, named by that path."""
        level = [Entry(TREE, "", entry.id) for entry in [self._entry(tree, top.rstrip("/"))] if entry]
        for _ in range(3):
            level = [
                Entry(below.mode, f"{above.name}/{below.name}".lstrip("/"), below.id)
                for above in level
                for below in self._entries(above.id)
            ]
        yield from level

    def _group_faults(
        self, group: Group, folder: Folder, types: Mapping[str, str], recipients: tuple[str, ...]
    ) -> tuple[Found, ...]:
        known = (group, folder, types.get(Key(*group, "").resource), recipients)
        if known not in self._groups:
            self._groups[known] = tuple(self._find_group_faults(*known))
        return self._groups[known]

    def _find_group_faults(
        self, group: Group, folder: Folder, kind: str | None, recipients: tuple[str, ...]
    ) -> Iterator[Found]:
        bodies = self._bodies(group, folder)
        servers = self._files[layout.managers_path(group), folder.managers].value if folder.managers else {}
        for name in sorted(bodies.keys() ^ servers.keys()):
            path = layout.object_path(Key(*group, name)) if name in servers else layout.managers_path(group)
            yield Found(path, MISSING if name in servers else f"it does not have {name}")
        for name, body in bodies.items():
            if body.kind != kind:
                why = f"its kind {body.kind} is not that of its type" if kind else "its type is not in types.yaml"
                yield Found(layout.object_path(Key(*group, name)), why)
        yield from self._sealed_faults(group, folder, bodies, recipients)

    def _bodies(self, group: Group, folder: Folder) -> dict[str, Described]:
        entries = (entry for entry in self._entries_of(folder.objects) if entry.mode == FILE)
        paths = ((f"{layout.object_folder(group)}{entry.name}", entry.id) for entry in entries)
        return {layout.key_at(path).name: self._files[path, blob].value for path, blob in paths}

    def _sealed_faults(
        self, group: Group, folder: Folder, bodies: Mapping[str, Described], recipients: tuple[str, ...]
    ) -> Iterator[Found]:
        """As far as can be told without an identity, and further with one."""
        index = self._files[layout.sealed_index(group), folder.sealed_index].value if folder.sealed_index else {}
        paths = self._paths(group, folder)
        yield from (Found(*fault) for fault in check_sealed(paths, recipients, lambda path: self._content(paths[path])))
        for name, body in bodies.items():
            key = Key(*group, name)
            if name not in index:
                if body.digests and recipients:
                    yield Found(layout.sealed_path(key), MISSING)
            elif index[name]["digests"] != digest_of(body.digests):
                yield Found(layout.sealed_index(group), f"it has other digests for {name} than the object")
            elif self._opener and (why := self._opened(key, index[name], body, paths)):
                yield Found(layout.sealed_path(key), why)

    def _paths(self, group: Group, folder: Folder) -> dict[str, str]:
        paths = {f"{layout.object_folder(group)}{entry.name}": entry.id for entry in self._entries_of(folder.objects)}
        inside = layout.sealed_index(group).removesuffix(".json")
        paths |= {f"{inside}/{entry.name}": entry.id for entry in self._entries_of(folder.sealed)}
        single = {layout.managers_path(group): folder.managers, layout.sealed_index(group): folder.sealed_index}
        return paths | {path: blob for path, blob in single.items() if blob}

    def _entries_of(self, tree: str) -> tuple[Entry, ...]:
        return self._entries(tree) if tree else ()

    def _content(self, blob: str) -> bytes:
        """Of a file that has been read once already."""
        return next(self._reader.read([blob])) or b""

    def _opened(self, key: Key, entry: Mapping[str, str], body: Described, paths: Mapping[str, str]) -> str:
        path = layout.sealed_path(key)
        assert self._opener is not None  # noqa: S101 - the caller has looked
        try:
            plain = self._opener.open(self._content(paths[path])) if path in paths else b""
            if plain is None:
                self.unopened.add(path)
                return ""
            values = read_document(plain, key, entry["uid"], dict(entry))
        except (ValueError, KeyError, TypeError) as error:
            return str(error)
        return "" if values.digests == body.digests else "it holds other values than the object has"


def _parsed(content: bytes | GitError | None, parse: Any) -> Any:
    """What a git object says, or what is wrong with it."""
    if content is None:
        return MISSING
    if isinstance(content, GitError):
        return str(content)
    try:
        return parse(content)
    except (StoreError, ValueError) as error:
        return str(error)
