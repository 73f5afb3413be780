"""What completion needs of a store: names, not contents, in a few milliseconds.

git is run here without GitPython, whose import alone takes longer than a TAB may: two processes for references, two for
everything else. Nothing is checked that is only shown; whoever uses a name is told if it is not what it seemed.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import layout
from .branches import slug
from .environment import sealed
from .refs import HEADS, KEPT, TAGS

if TYPE_CHECKING:
    from ...models.objects import ResourceType

NEWEST = 200
"""Snapshots that are looked at; of those before, people know the name or the time."""

PATIENCE = 2.0
"""Seconds that git gets."""

_REFS = "%(refname)%09%(objectname)%09%(contents:trailers:key=Cluster,valueonly,separator=)"
_LOG = "%H%x09%ct%x09%s"
_escaped = re.compile(rb"%([0-9A-F]{2})").sub


class Seen(NamedTuple):
    """A snapshot in a line."""

    commit: str
    time: int
    """Seconds since 1970."""
    subject: str
    names: tuple[str, ...]


class Glance:
    """Looks at one cluster's branch, the way that commands do which only read the store."""

    def __init__(self, path: Path, context: Callable[[], str], *, explicit: bool) -> None:
        """`explicit`: the user named a context, so the store's only branch may be another cluster's."""
        self._path = path.absolute()
        self._context = context
        self._explicit = explicit

    @cached_property
    def snapshots(self) -> tuple[Seen, ...]:
        """Newest first."""
        if not self._branch:
            return ()
        mine = f"{TAGS}{self._branch}/"
        named: dict[str, list[str]] = {}
        for ref, (commit, _) in self._refs.items():
            if ref.startswith(mine):
                named.setdefault(commit, []).append(ref.removeprefix(mine))
        others = (f"--glob={space}{self._branch}/*" for space in (TAGS, KEPT))
        which = ("--date-order", "--max-parents=1", f"--max-count={NEWEST}")
        listing = self._git("log", *which, f"--format={_LOG}", HEADS + self._branch, *others)
        return tuple(
            Seen(commit, int(time), subject, tuple(sorted(named.get(commit, ()))))
            for commit, time, subject in (line.split("\t", 2) for line in _lines(listing))
        )

    @cached_property
    def types(self) -> tuple[ResourceType, ...]:
        """Those that the newest snapshot has read."""
        if not self._branch:
            return ()
        return tuple(_types(self._git("cat-file", "blob", f"{HEADS}{self._branch}:{layout.TYPES}")))

    def objects(self, type_: ResourceType) -> Iterator[tuple[str, str]]:
        """Namespace ("" for none) and name of every object of a type in the newest snapshot."""
        cluster_wide = layout.object_folder(layout.Group(type_.group, type_.plural, ""))
        folder = cluster_wide.removesuffix(f"{layout.CLUSTER}/")
        for path in self._paths("-r", folder):
            namespace, _, name = path.removeprefix(folder).partition("/")
            yield "" if namespace == layout.CLUSTER else namespace, _decoded(name.removesuffix(".yaml"))

    @property
    def namespaces(self) -> set[str]:
        """Those with objects in the newest snapshot, or with labels that steer Istio."""
        with_objects = {path.split("/")[3] for path in self._paths("-d", "-r", layout.OBJECTS) if path.count("/") == 3}
        labelled = self._paths(layout.object_folder(layout.Group("", "namespaces", "")))
        return with_objects - {layout.CLUSTER} | {_decoded(Path(path).stem) for path in labelled}

    def _paths(self, *which: str) -> list[str]:
        if not self._branch:
            return []
        *options, folder = which
        listing = self._git("ls-tree", "-z", "--name-only", *options, HEADS + self._branch, folder)
        return listing.split("\0")[:-1]

    @cached_property
    def _refs(self) -> dict[str, tuple[str, str]]:
        """Each branch and name with its commit, and the context that the commit was made under."""
        rows = (line.split("\t") for line in _lines(self._git("for-each-ref", f"--format={_REFS}", HEADS, TAGS)))
        return {ref: (commit, cluster.rpartition(" ")[0]) for ref, commit, cluster in rows}

    @cached_property
    def _branch(self) -> str:
        """As `Session.readable_branch`, but for the cluster's own word; "" where only that could tell."""
        branches = [ref.removeprefix(HEADS) for ref in self._refs if ref.startswith(HEADS)]
        if len(branches) == 1 and not self._explicit:
            return branches[0]
        context = self._context()
        alike = [branch for branch in branches if branch.rpartition("-")[0] == slug(context)]
        if len(alike) > 1:
            alike = [branch for branch in alike if self._refs[HEADS + branch][1] == context]
        return alike[0] if len(alike) == 1 else ""

    def _git(self, *arguments: str) -> str:
        """Raises OSError or SubprocessError when git cannot, or takes too long."""
        environment = {**os.environ, **sealed(self._path)}
        command = ("git", *arguments)
        done = subprocess.run(  # noqa: S603 - git, as everywhere in this package
            command, env=environment, capture_output=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
        return done.stdout.decode("utf-8", "replace")


def _lines(listing: str) -> list[str]:
    """Not `str.splitlines`, which takes more characters for the end of a line than git, and a message may have them."""
    return listing.split("\n")[:-1]


def _types(text: str) -> Iterator[ResourceType]:
    """`codec.read_types` for canonical text, all of whose values are on lines of their own; without reading YAML."""
    from ...models.objects import ResourceType

    for entry in text.split("\n- ")[1:]:
        fields: dict[str, list[str]] = {}
        key = ""
        for line in entry.splitlines():
            if line.startswith("  - "):
                fields[key].append(line.removeprefix("  - ").strip('"'))
            else:
                key, _, value = line.strip().partition(":")
                fields[key] = [value.strip().strip('"')] if value and value != " []" else []
        yield ResourceType(
            group=fields["group"][0],
            version=fields["version"][0],
            kind=fields["kind"][0],
            plural=fields["plural"][0],
            namespaced=fields["namespaced"] == ["true"],
            verbs=frozenset(fields["verbs"]),
            singular=fields["singular"][0],
            short_names=tuple(fields["shortNames"]),
        )


def _decoded(name: str) -> str:
    return _escaped(lambda match: bytes.fromhex(match[1].decode()), name.encode()).decode("utf-8", "replace")
