"""Where a cluster stands, as far as it can be known: what is missing is a fact like the others, not an error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..errors import IstioUpgradeError
from ..models.operations import Operation
from ..models.snapshots import ClusterIdentity, SnapshotInfo
from ..ports import ClusterReader
from .session import Session
from .standing import Standing, standing


@dataclass(frozen=True)
class Overview:
    """What `status` shows, or the parts of it that are left when the store or the cluster is not there."""

    standing: Standing | None = None
    """Everything; then the rest is empty."""
    cluster: ClusterIdentity | None = None
    cluster_problem: IstioUpgradeError | None = None
    store_problem: IstioUpgradeError | None = None
    newest: SnapshotInfo | None = None
    unfinished: Operation | None = None


def overview(
    open_session: Callable[[], AbstractContextManager[Session]], reader: Callable[[], ClusterReader]
) -> Overview:
    """Look at both; nothing is made, not even the store. Raises nothing of the tree of errors."""
    try:
        with open_session() as session:
            return _of_session(session)
    except IstioUpgradeError as store_problem:
        try:
            return Overview(cluster=reader().identity(), store_problem=store_problem)
        except IstioUpgradeError as cluster_problem:
            return Overview(cluster_problem=cluster_problem, store_problem=store_problem)


def _of_session(session: Session) -> Overview:
    """Raises StoreError for a store that cannot be read."""
    try:
        return Overview(standing(session))
    except IstioUpgradeError as problem:
        try:
            branch = session.readable_branch
        except IstioUpgradeError:  # only the cluster could tell, and it does not answer
            return Overview(cluster_problem=problem)
        newest, unfinished = session.store.tip(branch), session.store.unfinished(branch)
        return Overview(cluster_problem=problem, newest=newest, unfinished=unfinished)
