"""What every operation works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ..capture import Capture, CaptureOptions, capture
from ..models.snapshots import ClusterIdentity
from ..ports import ClusterReader, ClusterWriter, Progress, Store


@dataclass
class Session:
    """One command's access to one store and one cluster. The cluster is not contacted before it is needed."""

    store: Store
    connect: Callable[[], ClusterReader]
    progress: Progress
    options: CaptureOptions
    context_name: Callable[[], str]
    """The kubeconfig context in use, without contacting the cluster."""
    explicit: bool = False
    """The user named a context: then the store's only branch may be another cluster's."""

    @cached_property
    def context(self) -> str:
        """The context's name."""
        return self.context_name()

    @cached_property
    def reader(self) -> ClusterReader:
        """The cluster, read-only."""
        return self.connect()

    @cached_property
    def cluster(self) -> ClusterIdentity:
        """Which cluster this is."""
        return self.reader.identity()

    @cached_property
    def branch(self) -> str:
        """The cluster's branch, by the cluster's own word."""
        return self.store.branch_of(self.cluster)

    @cached_property
    def readable_branch(self) -> str:
        """The branch for commands that only read the store: they must work while the cluster is down.

        The store's only branch, else the one made under the context's name where that is unambiguous; else the cluster
        is asked.
        """
        branches = self.store.branches()
        if len(branches) == 1 and not self.explicit:
            return branches[0]
        return self.store.branch_by_context(self.context) or self.branch

    def capture(self) -> Capture:
        """Read the mesh."""
        return capture(self.reader, self.store.digester(), self.progress, self.options)


@dataclass
class WritingSession(Session):
    """A session of a command that may write to the cluster."""

    connect_writer: Callable[[], ClusterWriter] = lambda: _no_writer()
    timeout: float = 300.0


def _no_writer() -> ClusterWriter:
    raise TypeError("this session was made without a writer")
