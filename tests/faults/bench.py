"""Runs cases: state B, what meets the fault, `resume` or `abort` if the operation is unfinished, and a look.

What meets it is an operation, or the `resume` or `abort` of one that was killed before.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cli.program import Result, clean_environment
from tests.controlplane.access import Access
from tests.mesh.comparison import Dump

from . import killer, scenario
from .cases import Case, Operation, Recording, Run, Victim
from .cluster import Cluster
from .nursery import Nursery
from .proxy import WAYS, Fault, FaultProxy, Spoil
from .verdict import (
    BEFORE,
    KILLED,
    TARGET,
    Aftermath,
    Ends,
    Row,
    Unfinished,
    broken_promises,
    describe,
    goal_of,
    unmet,
)

SNAPSHOT = "a"

_TEMPORARY = ("fast_import_crash_*", "objects/pack/tmp_*", "objects/??/tmp_obj_*", "**/*.lock", "istio-upgrade/**/.*")
"""What only a running process may have in a store."""


@dataclass(frozen=True)
class Space:
    """A folder with a store and room for temporary files, and the program that uses them: all of one case."""

    folder: Path
    nursery: Nursery
    kubeconfig: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def program(self, *arguments: str) -> Result:
        """Run it."""
        return self.nursery.run(arguments, self._environment(), self.folder)

    def killed(self, point: str, victim: Victim, *arguments: str) -> tuple[Result, bool]:
        """Run it until it, or its git, dies there; and whether that came to pass."""
        struck = self.folder / "struck"
        struck.unlink(missing_ok=True)
        told = {killer.POINT: point, killer.VICTIM: victim.variable, killer.STRUCK: str(struck)}
        result = self.nursery.run(arguments, self._environment(**told), self.folder, watched=True)
        return result, struck.exists()

    def recorded(self, *arguments: str) -> tuple[str, ...]:
        """Run it, and say where it could have died."""
        record = self.folder / "points"
        environment = self._environment(**{killer.RECORD: str(record)})
        self.nursery.run(arguments, environment, self.folder, watched=True).done()
        return tuple(record.read_text().split())

    def _environment(self, **variables: str) -> dict[str, str]:
        paths = {"KUBECONFIG": self.kubeconfig, "ISTIO_UPGRADE_STORE": self.store, "TMPDIR": self.temporary}
        variables |= {name: str(path) for name, path in paths.items()}
        variables["ISTIO_UPGRADE_EXCLUDE_TYPE"] = ",".join(scenario.LEFT_OUT)
        return clean_environment(self.folder, **variables)

    def problems(self) -> list[str]:
        """What is wrong with the store, and what was left lying about, by git and the file system."""
        checked = subprocess.run(
            ["git", "-C", str(self.store), "fsck", "--full", "--strict", "--no-dangling"],
            capture_output=True,
            encoding="utf-8",
        )
        problems = [f"git fsck: {checked.stderr.strip()}"] if checked.returncode else []
        problems += self.damage()
        left = [*self.temporary.iterdir(), *(file for pattern in _TEMPORARY for file in self.store.glob(pattern))]
        problems += [f"left over: {file.name}" for file in left]
        return problems if self._is_free() else [*problems, "the store is still locked"]

    def damage(self) -> list[str]:
        """What the product itself says is wrong with the store, git's objects, snapshots and journals."""
        verified = self.program("store", "verify", "-o", "json")
        if verified.code == 0 and verified.json["intact"]:
            return []
        return [f"store verify ended with {verified.code}: {' '.join((*verified.errors, verified.out))}"]

    def _is_free(self) -> bool:
        with (self.store / "istio-upgrade" / "lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


class Bench:
    """One control plane with the scenario on it. Runs one case after another."""

    def __init__(self, plane: Access, folder: Path) -> None:
        """Make the scenario, a snapshot of state A, and dumps of all three states."""
        self._folder = folder
        self._plane = plane
        self._cluster = Cluster(plane)
        self._proxy = FaultProxy(plane)
        self._nursery = Nursery()
        self._kubeconfig = self._proxy.kubeconfig(folder / "kubeconfig")
        self._manifests = folder / "manifests.yaml"
        self._manifests.write_text(yaml.safe_dump_all(scenario.MANIFESTS), "utf-8")
        self._next = folder / "next.yaml"
        self._next.write_text(yaml.safe_dump(scenario.NEXT), "utf-8")
        self._template = folder / "template"
        self._cluster.install()
        self._a = self._cluster.objects()
        with self._space() as space:
            space.program("snapshot", "--name", SNAPSHOT).done()
            shutil.copytree(space.store, self._template)
        self._cluster.drift()
        self._b = self._cluster.objects()
        self._cluster.apply()
        self._applied = self._cluster.objects()

    def close(self) -> None:
        """Let go of the cluster."""
        self._nursery.close()
        self._proxy.close()
        self._cluster.close()

    def record(self, run: Run) -> Recording:
        """Run a command without a fault; it must do what it should. Says what it went through."""
        before = self._cluster.restore(self._b)
        with self._space() as space:
            self._kill_first(run, space)
            self._proxy.begin(None)
            points = space.recorded(*self._arguments(run))
        reached = self._ends(run, before).reached(self._cluster.objects())
        assert reached == goal_of(run.ending), f"{run} without any fault: {reached}"
        return Recording(points, dict(self._proxy.seen))

    def run(self, case: Case) -> Row:
        """Run one case to its verdict. One that cannot be judged, because a command hangs or breaks, is wrong."""
        started = time.monotonic()
        try:
            return self._judged(case, started)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return Row(case, False, "unknown", "", "WRONG", time.monotonic() - started, (str(error),))

    def _judged(self, case: Case, started: float) -> Row:
        if case.fault is Spoil.STALE:
            self._cluster.restore(self._a)
            self._proxy.stale_version = self._cluster.version()
        before = self._cluster.restore(self._b)
        ends = self._ends(case.run, before)
        with self._space() as space:
            self._kill_first(case.run, space)
            start = self._cluster.objects() if case.run.killed_first else before
            result, met = self._meet(case, space)
            found = self._aftermath(result, ends, start, space)
            problems = [*unmet(case, met), *broken_promises(case.run, found)]
            last, command, reached = result, "", found.reached
            if found.unfinished:
                problems += space.damage()
                command = f"{case.way} --yes"
                last = space.program(case.way, "--yes")
                reached = ends.reached(self._cluster.objects())
                problems += self._after(case, last, reached, space)
            at_a_loss = result.code == KILLED or (isinstance(case.fault, Spoil) and WAYS[case.fault].lasts)
            problems += self._left(space, at_a_loss=at_a_loss and not found.unfinished)
        if reached not in (TARGET, BEFORE):
            problems.append(reached)
        end = reached if reached in (TARGET, BEFORE) else "WRONG"
        seconds = time.monotonic() - started
        said = f"{result.err}{last.err}"
        return Row(case, met, describe(case.run, found), command, end, seconds, tuple(problems), said)

    def _kill_first(self, run: Run, space: Space) -> None:
        """Where the run is to end an operation, let that die at its moment."""
        if first := run.killed_first:
            self._proxy.begin(None)
            result, met = space.killed(first.at, Victim.SELF, *self._arguments(Run(run.operation)))
            assert met, f"{run.operation} never came by {first.at}: it ended with {result.code}"

    def _aftermath(self, result: Result, ends: Ends, start: Dump, space: Space) -> Aftermath:
        now = self._cluster.objects()
        moved = Ends(start, start).reached(now) != TARGET
        return Aftermath(result.code, self._unfinished(space), ends.reached(now), moved)

    def _meet(self, case: Case, space: Space) -> tuple[Result, bool]:
        """Run it into its fault; and whether that struck."""
        arguments = self._arguments(case.run)
        if isinstance(case.fault, Victim):
            self._proxy.begin(None)
            return space.killed(case.at, case.fault, *arguments)
        self._proxy.begin(Fault(case.fault, case.at))
        timeout = ["--request-timeout", "3s"] if case.fault is Spoil.TOO_SLOW else []
        result = space.program(*arguments, *timeout)
        met = self._proxy.struck.is_set()
        self._proxy.begin(None)
        return result, met

    def _after(self, case: Case, result: Result, reached: str, space: Space) -> list[str]:
        """What is wrong with how `resume` or `abort` ended."""
        wanted = goal_of(case.way)
        problems = []
        if result.code:
            problems.append(f"{case.way} ended with {result.code}: {' '.join(result.errors)}")
        if reached != wanted:
            problems.append(f"{case.way} did not lead to {wanted}")
        if list(space.store.glob("istio-upgrade/journals/*/open.jsonl")):
            problems.append("it is still unfinished")
        return problems

    def _left(self, space: Space, *, at_a_loss: bool) -> list[str]:
        """What is wrong once everything is over.

        A program that was killed, or whose server was gone, could not tidy up, and its lease stays for its term: then
        the next command must see to the store, and one with another store take the lease once it has expired.
        """
        problems = []
        if at_a_loss:
            problems += _failure(space.program("snapshot"))
            if self._cluster.leases():
                problems += self._taken_over(space)
        if leases := self._cluster.leases():
            problems.append(f"left over: lease {', '.join(leases)}")
        return [*problems, *space.problems()]

    def _taken_over(self, space: Space) -> list[str]:
        """What is wrong with how somebody else changes the mesh, while the lease of one who died is there."""
        self._cluster.expire_leases()
        another = Space(space.folder / "another", self._nursery, self._kubeconfig)
        another.temporary.mkdir(parents=True)
        shutil.copytree(self._template, another.store)
        result = another.program("apply", "--yes", "-f", str(self._next))
        told = "took the lock of the cluster over from" in result.err
        return [*_failure(result), *([] if told else ["the lease was not taken over by the next command"])]

    def _unfinished(self, space: Space) -> Unfinished | None:
        found = space.program("status", "-o", "json").done().json["unfinished"]
        return Unfinished(found["id"], found["written"], found["planned"]) if found else None

    def _arguments(self, run: Run) -> tuple[str, ...]:
        if run.ending:
            return run.ending, "--yes"
        if run.operation is Operation.ROLLBACK:
            return "rollback", SNAPSHOT, "--yes"
        return "apply", "--force-conflicts", "--yes", "-f", str(self._manifests)

    def _ends(self, run: Run, before: Dump) -> Ends:
        target = self._a if run.operation is Operation.ROLLBACK else self._applied
        return Ends(before, target, scenario.RECREATED, scenario.STAYING)

    @contextmanager
    def _space(self) -> Iterator[Space]:
        folder = self._folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        space = Space(folder, self._nursery, self._kubeconfig)
        space.temporary.mkdir(parents=True)
        if self._template.exists():
            shutil.copytree(self._template, space.store)
        yield space


def _failure(result: Result) -> list[str]:
    return [f"the next command ended with {result.code}: {' '.join(result.errors)}"] if result.code else []
