"""Where a cluster stands, as far as it can be known: what is missing is a fact like the others, not an error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from ..capture import CaptureOptions, capture
from ..errors import IstioUpgradeError
from ..models.operations import Operation
from ..models.snapshots import ClusterIdentity, SnapshotInfo
from ..ports import ClusterReader, Digester, Progress
from ..rules.scope import DEFAULT_ROOT_NAMESPACE
from .roots import check_root_namespace
from .session import Session
from .standing import Running, Standing, running, standing


@dataclass(frozen=True)
class Overview:
    """What `status` shows, or the parts of it that are left when the store or the cluster is not there."""

    standing: Standing | None = None
    """Everything; then the rest is empty."""
    cluster: ClusterIdentity | None = None
    running: Running | None = None
    mesh_problem: IstioUpgradeError | None = None
    """Why what runs is not known, although the cluster answers."""
    cluster_problem: IstioUpgradeError | None = None
    store_problem: IstioUpgradeError | None = None
    newest: SnapshotInfo | None = None
    unfinished: Operation | None = None


@dataclass(frozen=True)
class Glimpse:
    """What it takes to look at a mesh without a store."""

    reader: Callable[[], ClusterReader]
    digester: Digester
    """Of a key that nobody keeps: there is no store to have one."""
    progress: Progress
    options: CaptureOptions


def overview(open_session: Callable[[], AbstractContextManager[Session]], glimpse: Glimpse) -> Overview:
    """Look at both; nothing is made, not even the store. Raises nothing of the tree of errors."""
    try:
        with open_session() as session:
            return _of_session(session)
    except IstioUpgradeError as store_problem:
        try:
            return replace(_of_cluster(glimpse), store_problem=store_problem)
        except IstioUpgradeError as cluster_problem:
            return Overview(cluster_problem=cluster_problem, store_problem=store_problem)


def _of_cluster(glimpse: Glimpse) -> Overview:
    reader = glimpse.reader()
    cluster = reader.identity()
    try:
        root = glimpse.options.root_namespace
        options = replace(glimpse.options, root_namespace=root or DEFAULT_ROOT_NAMESPACE)
        captured = capture(reader, glimpse.digester, glimpse.progress, options)
        check_root_namespace(captured.state, options.root_namespace, named=bool(root))
    except IstioUpgradeError as problem:
        return Overview(cluster=cluster, mesh_problem=problem)
    return Overview(cluster=cluster, running=running(captured))


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
