"""The store: a bare git repository with one branch for each cluster and one commit for each snapshot."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ...errors import StoreError, UnknownReferenceError, UsageError
from ...models.operations import Attempt, Opening, Operation
from ...models.retention import Freed
from ...models.snapshots import ClusterIdentity, SnapshotDraft, SnapshotInfo, SnapshotMeta, WorkloadProxy
from ...ports import Progress
from . import configuration, journal, layout, retention
from .branches import check_name, may_belong, new_name, slug
from .codec import read_workloads
from .digests import KeyedDigester, open_digester
from .files import SnapshotFiles
from .gitio import Git, GitError
from .history import changes, log, newest, removed_parents
from .locks import exclusive
from .opening import PRIVATE, open_repository, sweep
from .references import Entry, find, has_commit
from .refs import HEADS, NOBODY, TAGS, Refs, read_refs
from .sealed import SealedSnapshot
from .sealing import Opener, Sealer, checked_recipient
from .signing import signed
from .states import StoredState
from .writing import Parent, SnapshotStream, settled


class GitStore:
    """Implements `ports.Store`. A context manager: leaving it ends its git process."""

    def __init__(self, path: Path, git: Git) -> None:
        self.path = path
        self.git = git
        self.files = SnapshotFiles(git)
        self._locked = False
        self._ahead: Parent | None = None

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> GitStore:
        """The store at `path`, made if `create` and there is none. Raises StoreError for anything that is not one."""
        path = path.expanduser().absolute()
        return cls(path, open_repository(path, create=create))

    def __enter__(self) -> GitStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the git process that reads; the store may be used on, and starts another."""
        self.files.close()

    def branch_of(self, cluster: ClusterIdentity) -> str:
        """See `ports.Store`."""
        branches = self.branches()
        for branch in branches:
            if may_belong(branch, cluster) and self._tip_meta(branch).cluster.uid == cluster.uid:
                return branch
        return self._not_lost(new_name(cluster, branches))

    def branch_by_context(self, context: str) -> str | None:
        """See `ports.Store`. Where slugs agree, the context's whole name in the newest snapshot decides."""
        alike = [branch for branch in self.branches() if branch.rpartition("-")[0] == slug(context)]
        if len(alike) > 1:
            alike = [branch for branch in alike if self._tip_meta(branch).cluster.context == context]
        return alike[0] if len(alike) == 1 else None

    def branches(self) -> tuple[str, ...]:
        """See `ports.Store`."""
        return read_refs(self.git).branches

    def commit(self, branch: str, draft: SnapshotDraft, *, name: str | None = None) -> SnapshotInfo:
        """See `ports.Store`. Takes the lock unless it is held already; counts the objects itself."""
        meta = replace(draft.meta, recipients=self.recipients(), branch=branch, name=name or "")
        draft = settled(replace(draft, meta=meta))
        with nullcontext() if self._locked else self.lock("snapshot"):
            refs = read_refs(self.git)
            if name is not None:
                check_name(name)
                if name in refs.names(branch):
                    raise UsageError(f"there is a snapshot called {name} already", hint="names are never moved")
            tip = self._tip(branch, refs)
            parent = self._parent(tip) if tip else None
            if parent:
                parent.refuse_other_cluster(draft)
            sealer = Sealer(draft.meta.recipients) if draft.meta.recipients else None
            stream = SnapshotStream(draft, parent, sealer)
            commit, is_signed = self._write(stream, branch, tip, name)
        return SnapshotInfo(commit, branch, draft.meta, (name,) if name else (), stream.changed, is_signed)

    def read_ahead(self, branch: str) -> None:
        """See `ports.Store`."""
        tip = self._tip(branch, read_refs(self.git))
        if tip:
            self._ahead = self._parent(tip)

    def _parent(self, tip: str) -> Parent:
        """What was read ahead, unless the branch has moved since."""
        ahead = self._ahead
        return ahead if ahead and ahead.commit == tip else Parent(tip, self.files)

    def tip(self, branch: str) -> SnapshotInfo | None:
        """See `ports.Store`."""
        refs = read_refs(self.git)
        tip = self._tip(branch, refs)
        return self._info(branch, newest(self.files, tip), refs) if tip else None

    def resolve(self, branch: str, reference: str) -> SnapshotInfo:
        """See `ports.Store`."""
        refs = read_refs(self.git)
        self._tip(branch, refs)
        try:
            commit = find(reference, self._log(branch, refs), refs.names(branch))
        except UnknownReferenceError:
            self._refuse_elsewhere(branch, reference, refs)
            raise
        return self._info(branch, commit, refs)

    def history(self, branch: str, *, limit: int | None = None) -> Iterator[SnapshotInfo]:
        """See `ports.Store`."""
        refs = read_refs(self.git)
        self._tip(branch, refs)
        commits = [entry.commit for entry in self._log(branch, refs)[:limit]]
        changed = changes(self.git, commits)
        for commit in commits:
            yield replace(self._info(branch, commit, refs), changed=changed.get(commit))

    def check(self, info: SnapshotInfo) -> None:
        """See `ports.Store`."""
        self.files.check(info.commit)

    def state(self, info: SnapshotInfo) -> StoredState:
        """See `ports.Store`."""
        return StoredState(info, self.files)

    def workloads(self, info: SnapshotInfo) -> tuple[WorkloadProxy, ...]:
        """See `ports.Store`."""
        return self.files.read(info.commit, layout.WORKLOADS, read_workloads)

    def digester(self) -> KeyedDigester:
        """See `ports.Store`."""
        return open_digester(self._private() / "digest.key")

    def recipients(self) -> tuple[str, ...]:
        """See `ports.Store`."""
        return tuple(sorted(set(configuration.values(self.git, self._config, configuration.RECIPIENT))))

    def add_recipients(self, recipients: Sequence[str]) -> tuple[str, ...]:
        """See `ports.Store`. Takes the lock, if somebody is new, unless it is held already."""
        wanted = dict.fromkeys(checked_recipient(text) for text in recipients)
        if not wanted or set(wanted) <= set(self.recipients()):
            return ()
        with nullcontext() if self._locked else self.lock("store init"):
            known = self.recipients()
            new = tuple(recipient for recipient in wanted if recipient not in known)
            if new:
                edits = [("--add", configuration.RECIPIENT, recipient) for recipient in new]
                configuration.edit(self.git, self._config, edits)
        return new

    @property
    def remote(self) -> str:
        """Where it is pushed to and pulled from, as far as its own configuration says; "" where it does not."""
        return "".join(configuration.values(self.git, self._config, configuration.REMOTE)[-1:])

    def renew_configuration(self, note: Callable[[str], None]) -> None:
        """Make it what this program would write, apart from what was added to it. Takes the lock."""
        with self.lock("store init"):
            configuration.renew(self.git, self._config, note)

    @property
    def _config(self) -> Path:
        return self.path / "config"

    def refuse_damage(self, progress: Progress) -> None:
        """See `ports.KeptStore`."""
        from .verification import verify  # not above: no other command needs it

        found = verify(self.git, self.path, (), progress)
        if not found.intact:
            hint = "`kubectl istio-upgrade store verify` tells what is damaged, and which snapshots are intact"
            raise StoreError("the store is damaged: nothing is removed from it", hint=hint)

    def fixed(self, branch: str) -> frozenset[str]:
        """See `ports.KeptStore`."""
        refs = read_refs(self.git)
        tip = self._tip(branch, refs)
        if tip is None:
            return frozenset()
        graph = retention.read_graph(self.git, refs.starts(branch))
        elsewhere = graph.keys() & retention.foreign(self.git, refs)
        return retention.joined(graph, tip) | {commit for commit in elsewhere if len(graph[commit]) < 2}

    def retain(self, kept: Mapping[str, Collection[str]]) -> Freed:
        """See `ports.KeptStore`."""
        with nullcontext() if self._locked else self.lock("store gc"):
            sweep(self.path)
            refs = read_refs(self.git)
            starts = [start for branch in refs.branches for start in refs.starts(branch)]
            graph = retention.read_graph(self.git, starts)
            left = retention.remainder(graph, kept, refs, removed_parents(self.git))
            retention.cut_off(self.git, refs, left)
            self.close()
            return retention.pack(self.git)

    def sealed(self, info: SnapshotInfo, identities: Sequence[Path]) -> SealedSnapshot:
        """See `ports.Store`."""
        return SealedSnapshot(info.commit, self.files, Opener(identities))

    @contextmanager
    def lock(self, operation: str) -> Iterator[None]:
        """See `ports.Store`. Not twice by one store."""
        with exclusive(self._private() / "lock", operation):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    @property
    def identity(self) -> str:
        """See `ports.Store`. A copy has other inodes, another machine another name."""
        about = self._private().stat()
        place = f"{socket.gethostname()} {about.st_dev} {about.st_ino} {self.digester().key_id}"
        return hashlib.sha256(place.encode()).hexdigest()[:16]

    def unfinished(self, branch: str) -> Operation | None:
        """See `ports.Store`."""
        return journal.unfinished(self._journals(branch))

    def ended(self, branch: str, id_: str) -> Operation | None:
        """See `ports.Store`."""
        return journal.ended(self._journals(branch), id_)

    def begin(self, branch: str, opening: Opening, attempt: Attempt | None = None) -> journal.JournalFile:
        """See `ports.Store`."""
        self._private()
        return journal.begin(self._journals(branch), opening, attempt)

    def go_on(self, branch: str) -> journal.JournalFile:
        """See `ports.Store`."""
        return journal.JournalFile(self._journals(branch) / journal.OPEN)

    def _journals(self, branch: str) -> Path:
        return self.path / PRIVATE / "journals" / branch

    def _write(self, stream: SnapshotStream, branch: str, tip: str | None, name: str | None) -> tuple[str, bool]:
        """First the objects, flushed to the disk; then, all at once, the refs. The commit, and whether it is signed."""
        self._sweep(branch)
        try:
            written = self.git.pour(stream, "fast-import", "--quiet").strip()
            commit = signed(self.git, written)
            moves = f"update {HEADS}{branch} {commit} {tip or NOBODY}\n"
            if name is not None:
                moves += f"create {TAGS}{branch}/{name} {commit}\n"
            self.git.run("update-ref", "--stdin", stdin=moves.encode())
        except GitError as error:
            self._sweep(branch)
            hint = f"is there space left, and may this user write to {self.path}? nothing was changed"
            raise StoreError(f"the store could not be written: {error}", hint=hint) from error
        return commit, commit != written

    def _sweep(self, branch: str) -> None:
        """Remove what a writer left that did not get to its end. Only the holder of the lock may."""
        sweep(self.path)
        (self._journals(branch) / journal.BEGUN).unlink(missing_ok=True)

    def _tip(self, branch: str, refs: Refs) -> str | None:
        """Where a branch is, or None where there never was any."""
        if refs.tip(branch) is None:
            self._not_lost(branch, refs)
        return refs.tip(branch)

    def _not_lost(self, branch: str, refs: Refs | None = None) -> str:
        """The name of a branch that there is not. Raises StoreError where there must have been one."""
        refs = refs or read_refs(self.git)
        if refs.starts(branch) or any(self._journals(branch).glob("*.jsonl")):
            hint = "`kubectl istio-upgrade store verify` tells what is damaged, and which snapshots are intact"
            raise StoreError(f"the branch {branch} is missing from the store, although there were snapshots", hint=hint)
        return branch

    def _log(self, branch: str, refs: Refs) -> list[Entry]:
        return log(self.git, self.files, refs, branch)

    def _info(self, branch: str, commit: str, refs: Refs) -> SnapshotInfo:
        is_signed = self.files.commit(commit).signed
        return SnapshotInfo(commit, branch, self.files.meta(commit), refs.named(branch, commit), signed=is_signed)

    def _tip_meta(self, branch: str) -> SnapshotMeta:
        return self.files.meta(read_refs(self.git).commits[HEADS + branch])

    def _refuse_elsewhere(self, branch: str, reference: str, refs: Refs) -> None:
        """Raises UnknownReferenceError if another cluster has what this one has not: a likely mistake."""
        base = reference.partition("~")[0]
        for other in refs.branches:
            found = base in refs.names(other) or has_commit(base, self._log(other, refs))
            if other != branch and found:
                context = self._tip_meta(other).cluster.context
                hint = f"to see it, use --context {context}"
                raise UnknownReferenceError(f"snapshot {base} is of another cluster: {context}", hint=hint)

    def _private(self) -> Path:
        """The folder of what is not in git; a clone comes without."""
        folder = self.path / PRIVATE
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the store cannot be written: {error.strerror}") from error
        return folder
