"""`store verify`: everything that a store holds, against `snapshots/README.md`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ....errors import StoreError
from ....models.verification import CheckedSnapshot, Fault, Signature, Verification
from ....ports import Progress
from ..codec import TIME
from ..gitio import Git, ObjectReader
from ..history import removed_parents
from ..refs import Refs, try_refs
from ..retention import given_up
from ..sealing import Opener
from ..trees import Commit
from .chains import Chain, branch_faults, follow, homeless, joint_faults, lost
from .fsck import Fsck, fsck
from .signatures import judged
from .snapshots import Checker
from .snapshots import Found as InFile
from .surroundings import Found, digester_of, file_faults, private_faults


def verify(git: Git, path: Path, identities: Sequence[Path], progress: Progress) -> Verification:
    """Look at everything. Raises StoreError when there is no telling, UsageError for an identity that is none."""
    reader = ObjectReader(git)
    try:
        return _Verifier(git, path, Checker(reader, Opener(identities) if identities else None), progress).run()
    finally:
        reader.close()


class _Verifier:
    def __init__(self, git: Git, path: Path, checker: Checker, progress: Progress) -> None:
        self._git = git
        self._path = path
        self._checker = checker
        self._progress = progress
        self._found: list[Found] = []
        self._notes: list[str] = []

    def run(self) -> Verification:
        self._found += file_faults(self._git, self._path)
        refs = self._refs()
        with self._progress.phase("checking git's objects"):
            said = fsck(self._git)
        chains = self._chains(refs, said)
        wrong = self._check(chains)
        for chain in chains:
            self._found += chain.faults
        self._found += private_faults(self._path, {chain.branch: chain.commits for chain in chains if chain.branch})
        self._found += (Found("git", line) for line in said.other_than(self._checker.damaged))
        signatures = self._signatures(chains)
        snapshots = tuple(
            self._snapshot(commit, chain.branch, wrong, refs, signatures)
            for chain in chains
            for commit in self._newest_first(chain)
        )
        self._note(snapshots, self._left_behind(said, chains))
        faults = (*(Fault(*found) for found in dict.fromkeys(self._found)), *_by_file(wrong))
        return Verification(str(self._path), refs.branches, snapshots, faults, tuple(self._notes))

    def _refs(self) -> Refs:
        refs, complaints = try_refs(self._git)
        if complaints and not refs.commits:
            said = "; ".join((*complaints, *(f"{place}: {why}" for place, why in self._found)))
            raise StoreError(f"the store cannot be read: {said}", hint="put that file back from a copy of the store")
        self._found += (Found("refs", complaint) for complaint in complaints)
        self._found += homeless(refs)
        return refs

    def _chains(self, refs: Refs, said: Fsck) -> list[Chain]:
        removed = removed_parents(self._git)
        chains = [follow(self._checker, branch, refs.starts(branch), removed) for branch in refs.branches]
        with self._progress.phase("reading snapshots"):
            self._checker.take_in([commit for chain in chains for commit in chain.commits])
        for chain in chains:
            self._found += joint_faults(self._checker, chain, removed)
            self._found += branch_faults(self._checker, chain, refs)
        for chain in lost(self._checker, said.dangling, chains, removed, given_up(self._path)):
            tip, count = chain.snapshots[0], len(chain.snapshots)
            why = f"no ref leads to it, nor to what came before it: {count} in all, once on a branch"
            self._found.append(Found(f"snapshot {tip[:7]}", f"{why} {self._checker.header(tip).get('branch', '')}"))
            chains.append(chain)
        return chains

    def _check(self, chains: Sequence[Chain]) -> dict[str, tuple[InFile, ...]]:
        commits = [commit for chain in chains for commit in chain.commits]
        with self._progress.phase("checking snapshots", total=len(commits)) as advance:
            wrong = {}
            for commit in commits:
                wrong[commit] = self._checker.faults(commit)
                advance(1)
        return wrong

    def _signatures(self, chains: Sequence[Chain]) -> dict[str, Signature]:
        commits = {commit: self._checker.commit(commit) for chain in chains for commit in chain.commits}
        signed = [commit for commit, found in commits.items() if isinstance(found, Commit) and found.signed]
        found = judged(self._git, signed)
        bad = (commit for commit, signature in found.items() if signature is Signature.BAD)
        self._found += (Found(f"commit {commit[:7]}", "its signature is bad") for commit in bad)
        return found

    def _newest_first(self, chain: Chain) -> list[str]:
        return sorted(
            chain.snapshots, key=lambda commit: str(self._checker.header(commit).get("created")), reverse=True
        )

    def _snapshot(
        self,
        commit: str,
        branch: str,
        wrong: Mapping[str, Sequence[InFile]],
        refs: Refs,
        signatures: Mapping[str, Signature],
    ) -> CheckedSnapshot:
        created = self._checker.header(commit).get("created")
        return CheckedSnapshot(
            commit=commit,
            branch=branch,
            intact=not wrong[commit],
            created=datetime.strptime(created, TIME).replace(tzinfo=UTC) if created else None,
            names=refs.named(branch, commit) if branch else (),
            signature=signatures.get(commit, Signature.NONE),
        )

    def _left_behind(self, said: Fsck, chains: Sequence[Chain]) -> list[str]:
        """What nothing leads to, but for commits that were signed and so made again."""
        reached = (self._checker.commit(commit) for chain in chains for commit in chain.commits)
        made_again = {(found.tree, found.parents) for found in reached if isinstance(found, Commit) and found.signed}
        dangling = ((commit, self._checker.commit(commit)) for commit in said.dangling)
        return [
            commit
            for commit, found in dangling
            if not (isinstance(found, Commit) and (found.tree, found.parents) in made_again)
        ]

    def _note(self, snapshots: Sequence[CheckedSnapshot], left_behind: Sequence[str]) -> None:
        mine = digester_of(self._path)
        keys = Counter(str(self._checker.header(snapshot.commit).get("secretKeyId", "")) for snapshot in snapshots)
        for key, count in keys.items():
            if key and (mine is None or key != mine.key_id):
                self._notes.append(
                    f"Secret digests of {count} snapshots are of another key, {key}: they do not compare"
                )
        if unopened := len(self._checker.unopened):
            self._notes.append(f"{unopened} files with encrypted values are for other identities than those given")
        if unchecked := sum(snapshot.signature is Signature.UNCHECKED for snapshot in snapshots):
            self._notes.append(f"{unchecked} signatures could not be checked: git lacks their keys, or whom to trust")
        if left_behind:
            self._notes.append("there is something that no ref reaches, as a crash leaves it: `store gc` removes it")


def _by_file(wrong: Mapping[str, Sequence[InFile]]) -> Iterator[Fault]:
    """What is wrong with files, each once, with all the snapshots that have it."""
    suffering: dict[InFile, list[str]] = {}
    for commit, faults in wrong.items():
        for fault in faults:
            suffering.setdefault(fault, []).append(commit)
    for (path, why), commits in suffering.items():
        yield Fault(path, why, tuple(commits))
