"""One history of two: which of two tips leads to the other, and a merge where neither does."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..files import SnapshotFiles
from ..gitio import Git
from ..retention import Graph
from ..signing import signed
from ..writing import merge_stream


def reach(graph: Graph, starts: Iterable[str]) -> frozenset[str]:
    """All commits that these lead to, themselves included."""
    reached: set[str] = set()
    ahead = [*starts]
    while ahead:
        commit = ahead.pop()
        if commit not in reached:
            reached.add(commit)
            ahead += graph[commit]
    return frozenset(reached)


class Joiner:
    """Joins the tips of one cluster's histories; merges are written to the repository that it is given."""

    def __init__(self, git: Git, files: SnapshotFiles, graph: Graph) -> None:
        self._git = git
        self._files = files
        self._graph = dict(graph)

    def join(self, tips: Collection[str]) -> str:
        """The tip of what is one history then: one of these that leads to all others, or a merge.

        Raises GitError, and StoreError when the merge cannot be signed.
        """
        first, *others = tips
        for other in others:
            first = self._of_two(first, other)
        return first

    def leads_to(self, tip: str, other: str) -> bool:
        """Whether all of one history is in another."""
        return other in self.reach(tip)

    def reach(self, tip: str) -> frozenset[str]:
        """All commits of a history."""
        return reach(self._graph, [tip])

    def _of_two(self, one: str, other: str) -> str:
        if self.leads_to(one, other):
            return one
        if self.leads_to(other, one):
            return other
        newer, older = sorted((one, other), key=self._age, reverse=True)
        when = int(self._git.run("log", "--no-walk", "--format=%ct", newer))
        merge = signed(self._git, self._git.pour(merge_stream(newer, older, when), "fast-import", "--quiet").strip())
        self._graph[merge] = (newer, older)
        return merge

    def _age(self, tip: str) -> tuple[str, str]:
        """By the time of its newest snapshot; of two of the same second, by their names: it must not depend on us."""
        return str(self._files.header(tip)["created"]), tip
