"""Where foreign snapshots are before the store has them: a repository of its own, that borrows the store's objects.

`snapshots/README.md`, Copies, says in which order the store takes over what is here.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ....errors import StoreError
from .. import retention
from ..durable import flush_folder
from ..gitio import Git
from ..history import removed_parents
from ..locks import exclusive
from ..opening import PRIVATE, lay_out
from ..refs import Refs
from ..retention import Graph
from .remote import Remote

_PREFIX = ".incoming."
_THEIRS = "refs/theirs/"

_NEW = 60.0
"""Seconds in which a folder without a lock is one that somebody is just making."""


class Incoming:
    """What a remote has, next to a store."""

    def __init__(self, git: Git, store: Git) -> None:
        self.git = git
        self._store = store
        self.theirs = Refs({})
        """The remote's refs, under their own names."""

    def fetch(self, remote: Remote, refs: Collection[str]) -> None:
        """Get what these refs lead to. Raises RemoteError."""
        remote.fetch(self.git, sorted(refs), _THEIRS)
        listing = self.git.run("for-each-ref", "--format=%(refname) %(objectname)", _THEIRS)
        pairs = (line.split(" ") for line in listing.splitlines())
        self.theirs = Refs({f"refs/{ref.removeprefix(_THEIRS)}": commit for ref, commit in pairs})

    def graph(self, ours: Refs) -> Graph:
        """All that the store and the remote have, with the parents that are there.

        What came without its parents is cut, unless the store has those; what the store has cut itself stays so.
        """
        everything = self._reached(ours, self.theirs)
        known = self._reached(ours)
        cut = removed_parents(self._store)
        for commit in removed_parents(self.git) - cut - known.keys():
            if not everything.keys() >= self._named_parents(commit):
                cut |= {commit}
        retention.write_shallow(self.git.path, cut)
        return self._reached(ours, self.theirs)

    def _reached(self, *refs: Refs) -> Graph:
        starts = dict.fromkeys(commit for each in refs for commit in each.commits.values())
        return retention.read_graph(self.git, starts) if starts else {}

    def _named_parents(self, commit: str) -> set[str]:
        """Those that the commit's text names, whether they are there or not."""
        head = self.git.run("cat-file", "commit", commit).partition("\n\n")[0]
        return {line.removeprefix("parent ") for line in head.splitlines() if line.startswith("parent ")}

    def hand_over(self) -> None:
        """Give the store all packs, and list there what is cut. Only the holder of the lock may. Raises OSError."""
        packs = self._store.path / "objects" / "pack"
        files = sorted((self.git.path / "objects" / "pack").glob("pack-*"), key=lambda file: file.suffix == ".idx")
        for file in files:  # an index last: it is what makes git look at a pack
            file.replace(packs / file.name)
        flush_folder(packs)
        cut = removed_parents(self.git)
        if cut != removed_parents(self._store):
            retention.write_shallow(self._store.path, cut)


@contextmanager
def incoming(store: Git, ours: Refs) -> Iterator[Incoming]:
    """One for a store, gone afterwards; what others have left that died is removed. Raises StoreError."""
    private = store.path / PRIVATE
    try:
        private.mkdir(mode=0o700, exist_ok=True)
        _sweep(private)
        folder = Path(tempfile.mkdtemp(dir=private, prefix=_PREFIX))  # mode 0700
    except OSError as error:
        raise StoreError(f"the store could not be written: {error.strerror}") from error
    try:
        with exclusive(folder / "lock", "incoming"):
            _fill(folder, store, ours)
            yield Incoming(Git(folder), store)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, store: Git, ours: Refs) -> None:
    """With the store's refs, so that git knows what need not be sent."""
    refs = sorted((f"refs/ours/{ref.removeprefix('refs/')}", commit) for ref, commit in ours.commits.items())
    try:
        lay_out(folder)
        (folder / "objects" / "info" / "alternates").write_text("../../../objects\n")
        (folder / "packed-refs").write_text("".join(f"{commit} {ref}\n" for ref, commit in refs))
        retention.write_shallow(folder, removed_parents(store))
    except OSError as error:
        raise StoreError(f"the store could not be written: {error.strerror}") from error


def _sweep(private: Path) -> None:
    """Remove those whose process has ended: nobody holds their lock."""
    for folder in private.glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > _NEW:
                with exclusive(folder / "lock", "sweep"):
                    shutil.rmtree(folder, ignore_errors=True)
        except (StoreError, OSError):
            continue  # somebody is at it
