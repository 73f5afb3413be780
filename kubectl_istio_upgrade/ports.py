"""What the core needs from the outside, as interfaces. Adapters implement them; tests put faults behind them.

Every method raises only errors of `kubectl_istio_upgrade.errors`; library exceptions end at the adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # nearly every module imports this one, and few commands have use for most of these
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .models.objects import Body, Key, ResourceType, State
    from .models.operations import Attempt, End, Opening, Operation, Restarted
    from .models.permissions import Permission
    from .models.plans import Action, StepResult
    from .models.probes import ProbeCount
    from .models.retention import Freed
    from .models.secrets import Values
    from .models.settings import ChartSource, HelmRelease, ReleaseRecord
    from .models.snapshots import ClusterIdentity, SnapshotDraft, SnapshotInfo, WorkloadProxy
    from .models.tools import MeshVersions, ProxyStatus, ToolMessage
    from .models.upgrades import PhaseResult


@dataclass(frozen=True, slots=True)
class ListQuery:
    """One LIST: a type, in one namespace or (None) in all, narrowed by a label selector or not."""

    type: ResourceType
    namespace: str | None = None
    label_selector: str = ""


class ClusterReader(Protocol):
    """Read access. `diff`, `snapshot` and every `--dry-run` plan get this and nothing more."""

    def identity(self) -> ClusterIdentity:
        """Which cluster this is. Raises ClusterError."""

    def discover(self, without: Collection[str] = ()) -> tuple[ResourceType, ...]:
        """All listable types at their preferred versions.

        A group that cannot be discovered raises ClusterError, unless it is one of those `without` which to do.
        """

    def serves(self, group: str, version: str, plural: str) -> bool:
        """Whether the server tells of this type at this version. No other group is asked for."""

    def unpinned_groups(self) -> frozenset[str]:
        """API groups served by aggregated API servers: they have resource versions of their own."""

    def current_version(self) -> str:
        """The newest resource version of the cluster, consistently read."""

    def list_all(self, queries: Sequence[ListQuery], resource_version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        """Every query's items, listed in parallel, all at exactly `resource_version` ("" = newest).

        Yields in the order in which answers arrive. 429 is waited out as `Retry-After` says. Raises ExpiredError
        (start over with a newer version), ForbiddenError, UnauthorizedError, UnreachableError, ApiError.
        """

    def get(self, type_: ResourceType, key: Key) -> Body | None:
        """One object as it is now, or None for 404 and only for 404."""

    def log(self, pod: Key, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of a container's log; `previous`: of the one that ran before it. Raises ClusterError."""

    def missing(self, wanted: Collection[Permission]) -> tuple[Permission, ...]:
        """Which of these permissions the server says we lack, sorted; asking changes nothing.

        Raises ClusterError when the server does not say.
        """


class ClusterWriter(Protocol):
    """Write access; called by `apply` and by nothing else. Every write is validated strictly.

    `dry_run` sends the same request with `dryRun=All`: admission and validation run, nothing is stored.
    Every method returns the object as the server answered it.
    """

    def create(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """POST, under this tool's field manager or the one given. Raises ConflictError when it exists."""

    def replace(self, type_: ResourceType, key: Key, body: Body, *, dry_run: bool, manager: str = "") -> Body:
        """PUT, under this tool's field manager or the one given; `body.metadata.resourceVersion` is the precondition.

        Raises ConflictError, NotFoundError.
        """

    def server_side_apply(
        self, type_: ResourceType, key: Key, body: Body, *, force: bool, dry_run: bool, manager: str = ""
    ) -> Body:
        """PATCH as server-side apply, under this tool's field manager or the one given.

        Raises ConflictError on another owner.
        """

    def merge_patch(self, type_: ResourceType, key: Key, patch: Body, *, dry_run: bool) -> Body:
        """PATCH as JSON merge patch; a `metadata.resourceVersion` in the patch is the precondition."""

    def restore_ownership(
        self, type_: ResourceType, key: Key, managed_fields: Sequence[Body], resource_version: str
    ) -> Body:
        """Replace `managedFields`, as a write of its own; this tool becomes no owner by it.

        `resource_version` is that of the content just written. Raises ConflictError when the object has moved since (a
        controller's status is enough).
        """

    def delete(self, type_: ResourceType, key: Key, *, uid: str, resource_version: str, dry_run: bool) -> None:
        """DELETE in the background, with both as preconditions. Raises ConflictError, NotFoundError."""


class Store(Protocol):
    """The git-backed store. Writes hold its OS lock; a crash leaves either the old tip or the new one."""

    def branch_of(self, cluster: ClusterIdentity) -> str:
        """The cluster's branch: found by UID, whatever its context is called now, or the name it will get."""

    def branch_by_context(self, context: str) -> str | None:
        """The only branch that was made under this context's name; None when there is none or more than one."""

    def branches(self) -> tuple[str, ...]:
        """All branches, sorted."""

    def commit(self, branch: str, draft: SnapshotDraft, *, name: str | None = None) -> SnapshotInfo:
        """Store a snapshot durably, then move the branch (and set the name). Raises StoreError, UsageError (name)."""

    def read_ahead(self, branch: str) -> None:
        """Read what the next commit on the branch will be compared with, while there is nothing else to do."""

    def tip(self, branch: str) -> SnapshotInfo | None:
        """The newest snapshot, or None on a branch without any."""

    def resolve(self, branch: str, reference: str) -> SnapshotInfo:
        """REF of the command line. Raises UnknownReferenceError."""

    def history(self, branch: str, *, limit: int | None = None) -> Iterator[SnapshotInfo]:
        """Newest first, each with `changed` filled."""

    def check(self, info: SnapshotInfo) -> None:
        """Hold all of a snapshot, whatever of it will be needed, against its checksums.

        Raises StoreError on anything missing or damaged.
        """

    def state(self, info: SnapshotInfo) -> State:
        """The objects of a snapshot, loaded when asked for. Raises StoreError on anything missing or damaged."""

    def workloads(self, info: SnapshotInfo) -> tuple[WorkloadProxy, ...]:
        """The inventory of a snapshot."""

    def digester(self) -> Digester:
        """The store's keyed digest, its key made at the first call."""

    def recipients(self) -> tuple[str, ...]:
        """To whom snapshots encrypt withheld values; empty while nobody is named. Raises StoreError."""

    def add_recipients(self, recipients: Sequence[str]) -> tuple[str, ...]:
        """Name more of them, for snapshots from now on; return those that are new.

        Raises UsageError for what is neither an age nor an SSH public key.
        """

    def sealed(self, info: SnapshotInfo, identities: Sequence[Path]) -> SealedValues:
        """The encrypted values of a snapshot. Raises UsageError for a file that is no usable identity, StoreError."""

    def lock(self, operation: str) -> AbstractContextManager[None]:
        """Exclusive use for a command that writes. Raises StoreError naming the holder."""

    @property
    def identity(self) -> str:
        """This very store, on this very machine: no copy of it has the same."""

    def unfinished(self, branch: str) -> Operation | None:
        """The operation on this cluster that has begun and not ended. Raises StoreError for a damaged journal."""

    def ended(self, branch: str, id_: str) -> Operation | None:
        """The journal of an operation that has ended, where it ran on this machine. Raises StoreError when damaged."""

    def begin(self, branch: str, opening: Opening, attempt: Attempt | None = None) -> Journal:
        """Open the journal of a new operation, durably, with its first run: all of it, or nothing is left of it.

        Raises StoreError, also when another is unfinished.
        """

    def go_on(self, branch: str) -> Journal:
        """Open the journal of the unfinished operation, to write on."""


class KeptStore(Store, Protocol):
    """A store that old snapshots can be removed from."""

    def refuse_damage(self, progress: Progress) -> None:
        """Look at all that the store holds. Raises StoreError when any of it is damaged."""

    def fixed(self, branch: str) -> frozenset[str]:
        """The commits of snapshots that cannot go: a merge at the tip joins them, or a ref of others leads to them."""

    def retain(self, kept: Mapping[str, Collection[str]]) -> Freed:
        """Remove all snapshots but these, by branch, for good, and whatever else nothing leads to. Takes the lock.

        The commits of those that stay are the same as before. Raises StoreError when anything cannot be written:
        all that was to be kept is there even then.
        """


class Journal(Protocol):
    """The record of one operation, written ahead. Safe for threads.

    A method that announces something returns once the disk has it. Every method raises StoreError when it cannot be
    written; then nothing may be written to the cluster either.
    """

    def attempt(self, attempt: Attempt) -> None:
        """A run begins: the command's own, or `resume` or `abort`."""

    def intend(self, key: Key, action: Action, restart: Restarted | None = None) -> None:
        """This write comes next. Of a restart also what it takes to undo it."""

    def conclude(self, result: StepResult) -> None:
        """How it ended. On the disk at the latest when the next write is announced.

        Without it the write's outcome is unknown, which is the truth until somebody looks at the object.
        """

    def phase(self, result: PhaseResult) -> None:
        """A phase begins, or is over."""

    def end(self, end: End, after: str) -> None:
        """The operation is over, `after` being the commit of its last snapshot. The journal is closed and kept."""

    def close(self) -> None:
        """Let go of the file; what has not ended is unfinished."""


class SealedValues(Protocol):
    """The values that a snapshot holds encrypted, object by object."""

    def __contains__(self, key: object) -> bool:
        """Whether it holds those of this object."""

    def open(self, key: Key) -> Values:
        """Those values; none where no identity opens them. Raises StoreError for anything damaged or swapped."""


class Digester(Protocol):
    """Turns Secret values into keyed digests, so that a change shows and the value does not."""

    @property
    def key_id(self) -> str:
        """Public name of the key."""

    def digest(self, context: str, value: bytes) -> str:
        """`hmac-sha256:` and 64 hex digits. `context` (object and field) keeps equal values apart."""


class Istioctl(Protocol):
    """The istioctl of one release, on one cluster.

    Every method raises ToolError when the program cannot be run, does not end in time, or prints what it should not.
    Only `install` and `uninstall` change anything.
    """

    @property
    def version(self) -> str:
        """Its own release, such as `1.29.1`."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def versions(self, revisions: Collection[str] = ()) -> MeshVersions:
        """Of itself, of every istiod of these revisions, of every proxy connected to them; without any, of the default.

        What cannot be reached is left out.
        """

    def precheck(self) -> tuple[ToolMessage, ...]:
        """`istioctl x precheck`: what it found, whatever its exit code."""

    def analyze(self, revision: str = "") -> tuple[ToolMessage, ...]:
        """`istioctl analyze --all-namespaces`, by the configuration of this revision: what it found."""

    def proxy_status(self, revisions: Collection[str] = ()) -> tuple[ProxyStatus, ...]:
        """Every proxy that is connected to an istiod of these revisions; without any, of the default."""

    def render(self, settings: Body) -> tuple[Body, ...]:
        """`manifest generate`: the objects of an installation with these settings (an IstioOperator).

        Raises ToolError with istioctl's own words for settings that it refuses.
        """

    def install(self, settings: Body, timeout: float, watch: Callable[[str], None]) -> None:
        """Install, or upgrade in place; returns when everything has rolled out. `watch` sees what it prints.

        Raises IncompleteError when it fails: it may have changed anything that it installs by then.
        """


class Helm(Protocol):
    """Helm, on one cluster. Every method raises ToolError when it fails; only `upgrade` changes anything."""

    @property
    def version(self) -> str:
        """Its own version, such as `4.3.1`."""

    def values(self, release: str, namespace: str) -> Body:
        """What the release's users set."""

    def record(self, release: str, namespace: str) -> ReleaseRecord:
        """What it has on record of the release's newest revision."""

    def render(self, release: HelmRelease, chart: ChartSource, values: Body) -> tuple[Body, ...]:
        """The objects of a chart with these values, by what the cluster is capable of.

        Raises ToolError with Helm's own words for values that the chart refuses.
        """

    def upgrade(self, release: HelmRelease, chart: ChartSource, values: Body, options: HelmOptions) -> None:
        """Upgrade the release and wait until it has rolled out. Raises IncompleteError when it fails."""


@dataclass(frozen=True, slots=True)
class HelmOptions:
    """How to run `helm upgrade`."""

    timeout: float
    """Seconds to wait for a rollout."""
    force_conflicts: bool
    """Take over fields that another manager has."""
    watch: Callable[[str], None]
    """Sees each line that it prints."""


class Prober(Protocol):
    """Sends requests of our own while an operation runs: whether traffic passes is seen only by traffic."""

    @property
    def may_fail(self) -> bool:
        """Whether a probe that fails before or after the operation is told and nothing more."""

    def running(self) -> AbstractContextManager[Watch]:
        """Probe for as long as the context lasts, from the phase `models.probes.BEFORE` on."""


class Watch(Protocol):
    """Probes that are running. Without any probe, nothing is counted and nothing waits."""

    def phase(self, name: str) -> None:
        """Another phase of the operation begins: a request counts for the phase in which it is sent."""

    def observe(self, requests: int) -> tuple[ProbeCount, ...]:
        """Wait until each probe has had so many answers in the present phase, or a failure; return the counts."""

    def counts(self) -> tuple[ProbeCount, ...]:
        """What has been counted, one for each probe, in the order of the command line."""


class Progress(Protocol):
    """What a person sees while waiting. The default does nothing, so the core never prints."""

    def phase(self, text: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
        """Open a phase; the function it gives is called with the number of things just finished."""

    def note(self, text: str) -> None:
        """One line that a person should know but need not act on."""


class ManifestReader(Protocol):
    """Reads the user's YAML or JSON files. Raises BadManifestError, naming file and document."""

    def read(self, paths: Sequence[str]) -> tuple[ManifestDocument, ...]:
        """All documents of files, folders (*.yaml, *.yml, *.json) and `-` (standard input); Lists are opened."""


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """One object as the user wrote it, and where."""

    body: Body
    where: str
    """`file.yaml, document 3`."""
