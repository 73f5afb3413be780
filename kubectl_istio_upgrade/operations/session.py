"""What every operation works with."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..capture import Capture, CaptureOptions, capture
from ..errors import IstioUpgradeError, UnfinishedError, UsageError
from ..models.objects import Key
from ..models.operations import Aim, Holder, Operation
from ..models.secrets import NO_VALUES, Values
from ..models.snapshots import ClusterIdentity, SnapshotInfo
from ..normalise.objects import held_by
from ..normalise.secrets import Redaction
from ..ports import ClusterReader, ClusterWriter, Prober, Progress, Store
from ..rules.scope import DEFAULT_ROOT_NAMESPACE
from .roots import check_root_namespace

if TYPE_CHECKING:
    from ..apply.sender import Sender

GOING = "{key} is being deleted{held}: it counts as gone, and is in no snapshot"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection leads, in the kubeconfig's own words."""

    server: str = ""
    namespace: str = "default"


@dataclass
class Session:
    """One command's access to one store and one cluster. The cluster is not contacted before it is needed."""

    store: Store
    connect: Callable[[], ClusterReader]
    progress: Progress
    options: CaptureOptions
    context_name: Callable[[], str]
    """The kubeconfig context in use, without contacting the cluster."""
    place: Callable[[], Place] = lambda: Place()
    """Where the kubeconfig leads."""
    explicit: bool = False
    """The user named a context: then the store's only branch may be another cluster's."""
    identities: tuple[Path, ...] = ()
    """Files with the identities that open encrypted values."""
    _earlier: Capture | None = field(default=None, init=False, repr=False)
    _told: set[Key] = field(default_factory=set, init=False, repr=False)
    """Objects that are being deleted: each is told once."""

    @cached_property
    def context(self) -> str:
        """The context's name."""
        return self.context_name()

    @property
    def namespace(self) -> str:
        """The context's namespace: that of manifests that name none, as in kubectl."""
        return self.place().namespace

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

    @cached_property
    def root_namespace(self) -> str:
        """Where istiod runs: as given, else as in the cluster's newest snapshot, else Istio's default."""
        tip = None if self.options.root_namespace else self.store.tip(self.branch)
        return self.options.root_namespace or (tip.meta.root_namespace if tip else DEFAULT_ROOT_NAMESPACE)

    def capture(self, meanwhile: Callable[[], object] = lambda: None) -> Capture:
        """Read the mesh. Raises UsageError when istiod is somewhere else than in the root namespace.

        `meanwhile` runs while the server prepares its answers: something to read from the store that will be needed
        next. It must keep what it read; whatever it raises is left to whoever needs it then.
        """
        options = replace(self.options, root_namespace=self.root_namespace)
        ahead = threading.Thread(target=_quietly, args=(meanwhile,), daemon=True)
        ahead.start()
        try:
            captured = capture(self.reader, self.store.digester(), self.progress, options, self._earlier)
        except Exception:
            ahead.join()  # whoever is told of this closes the store, from which the other still reads
            raise
        self._earlier = captured
        ahead.join()
        self._tell_going(captured)
        check_root_namespace(captured.state, self.root_namespace, named=bool(self.options.root_namespace))
        return captured

    def _tell_going(self, captured: Capture) -> None:
        for obj in captured.going:
            if obj.key not in self._told:
                self._told.add(obj.key)
                self.progress.note(GOING.format(key=obj.key, held=held_by(obj.body)))

    def check_comparable(self, info: SnapshotInfo) -> None:
        """Refuse to compare the live mesh with a snapshot of another root namespace: everything would differ."""
        theirs = info.meta.root_namespace
        if theirs != self.root_namespace:
            message = f"snapshot {info.short} is of root namespace {theirs!r}, not {self.root_namespace!r}"
            raise UsageError(message, hint=f"pass --root-namespace {theirs}")


def _quietly(work: Callable[[], object]) -> None:
    with contextlib.suppress(IstioUpgradeError):
        work()


@dataclass(kw_only=True)
class WritingSession(Session):
    """A session of a command that may write to the cluster."""

    connect_writer: Callable[[], ClusterWriter]
    holder: Holder
    """This process, as others will see it in the cluster's lock."""
    prober: Prober
    """Watches traffic meanwhile."""
    timeout: float = 300.0

    def refuse_unfinished(self) -> None:
        """Raises UnfinishedError while an earlier operation on this cluster has not ended."""
        if operation := self.store.unfinished(self.branch):
            raise UnfinishedError(unfinished_text(operation), hint=UNFINISHED_HINT)

    @cached_property
    def secrets(self) -> Redaction:
        """Takes values out of what is read."""
        return Redaction(self.store.digester())

    def sender(self, values: Values = NO_VALUES, writer: ClusterWriter | None = None) -> Sender:
        """What writes to the cluster; `values` are those that the plan's bodies have only as digests."""
        from ..apply.sender import Sender  # not above: most sessions only read

        secrets = Redaction(self.store.digester(), values)
        return Sender(self.reader, writer or self.connect_writer(), self.progress.note, secrets, self.timeout)


UNFINISHED_HINT = "`kubectl istio-upgrade resume` finishes it, `kubectl istio-upgrade abort` takes it back"


def unfinished_text(operation: Operation) -> str:
    """What is unfinished, since when, whose, and how far it got."""
    since = f"{operation.opening.started:%Y-%m-%d %H:%M:%S}Z"
    who = f" by {operation.attempts[-1].holder}" if operation.attempts else ""
    taken_back = " and is being taken back" if operation.aim is Aim.BEFORE else ""
    done = f"{operation.done} of {operation.planned} writes made"
    return f"the {operation}, begun {since}{who}, is unfinished{taken_back}: {done}"
