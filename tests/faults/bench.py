"""Runs cases: state B, the operation that meets its fault, `resume` or `abort` if it is unfinished, and a look."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from tests.cli.program import Program, Result, clean_environment
from tests.controlplane.access import Access
from tests.mesh.comparison import Dump

from . import killer, scenario
from .cases import Case, Operation, Recording, Victim, Way
from .cluster import Cluster
from .proxy import Fault, FaultProxy, Spoil
from .verdict import BEFORE, TARGET, Ends, Row, Unfinished, broken_promises, describe

ROOT = Path(__file__).parents[2]
SNAPSHOT = "a"
KILLED = -9

_TEMPORARY = ("fast_import_crash_*", "objects/pack/tmp_*", "objects/??/tmp_obj_*", "**/*.lock", "istio-upgrade/**/.*")
"""What only a running process may have in a store."""


@dataclass(frozen=True)
class Space:
    """A store, a folder for temporary files and a program that uses them: all of one case."""

    store: Path
    temporary: Path
    program: Program

    def killer(self, point: str, victim: Victim) -> Program:
        """The program, which dies there."""
        return self._watched(**{killer.POINT: point, killer.VICTIM: victim.variable})

    def recorder(self, file: Path) -> Program:
        """The program, which writes down where it could die."""
        return self._watched(**{killer.RECORD: str(file)})

    def _watched(self, **variables: str) -> Program:
        command = (sys.executable, "-m", killer.__name__)
        return replace(self.program.having(**variables), command=command, folder=ROOT)

    def problems(self) -> list[str]:
        """What is wrong with the store, and what was left lying about, by git and the file system."""
        checked = subprocess.run(
            ["git", "-C", str(self.store), "fsck", "--full", "--strict", "--no-dangling"],
            capture_output=True,
            encoding="utf-8",
        )
        problems = [f"git fsck: {checked.stderr.strip()}"] if checked.returncode else []
        left = [*self.temporary.iterdir(), *(file for pattern in _TEMPORARY for file in self.store.glob(pattern))]
        problems += [f"left over: {file.name}" for file in left]
        return problems if self._is_free() else [*problems, "the store is still locked"]

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
        self._manifests = folder / "manifests.yaml"
        self._manifests.write_text(yaml.safe_dump_all(scenario.MANIFESTS), "utf-8")
        self._template = folder / "template"
        self._cluster.install()
        self._a = self._cluster.objects()
        self._program(folder, self._template)("snapshot", "--name", SNAPSHOT).done()
        self._cluster.drift()
        self._b = self._cluster.objects()
        self._cluster.apply()
        self._applied = self._cluster.objects()

    def close(self) -> None:
        """Let go of the cluster."""
        self._proxy.close()
        self._cluster.close()

    def record(self, operation: Operation) -> Recording:
        """Run an operation without a fault; it must do what it should. Says what it went through."""
        before = self._cluster.restore(self._b)
        with self._space() as space:
            self._proxy.begin(None)
            record = space.store.with_name("points")
            space.recorder(record)(*self._arguments(operation)).done()
            points = tuple(record.read_text().split())
        reached = self._ends(operation, before).reached(self._cluster.objects())
        assert reached == TARGET, f"{operation} without any fault: {reached}"
        return Recording(points, dict(self._proxy.seen))

    def run(self, case: Case) -> Row:
        """Run one case to its verdict. One that cannot be judged, because a command hangs or breaks, is wrong."""
        started = time.monotonic()
        try:
            return self._judged(case, started)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return Row(case, "unknown", "", "WRONG", time.monotonic() - started, (str(error),))

    def _judged(self, case: Case, started: float) -> Row:
        if case.fault is Spoil.STALE:
            self._cluster.restore(self._a)
            self._proxy.stale_version = self._cluster.version()
        before = self._cluster.restore(self._b)
        ends = self._ends(case.operation, before)
        with self._space() as space:
            result, problems = self._meet(case, space)
            reached = ends.reached(self._cluster.objects())
            unfinished = self._unfinished(space)
            found = describe(unfinished, reached)
            problems += broken_promises(result.code, unfinished, reached)
            last, command = result, ""
            if unfinished:
                command = f"{case.way} --yes"
                last = self._finish(case.way, space)
                reached = ends.reached(self._cluster.objects())
                problems += self._after(case, last, reached, space)
            problems += self._left(space, killed=result.code == KILLED and not unfinished)
        if reached not in (TARGET, BEFORE):
            problems.append(reached)
        end = reached if reached in (TARGET, BEFORE) else "WRONG"
        seconds = time.monotonic() - started
        return Row(case, found, command, end, seconds, tuple(problems), f"{result.err}{last.err}")

    def _meet(self, case: Case, space: Space) -> tuple[Result, list[str]]:
        """Run the operation into its fault."""
        arguments = self._arguments(case.operation)
        if isinstance(case.fault, Victim):
            self._proxy.begin(None)
            result = space.killer(case.at, case.fault)(*arguments)
            met = result.code == KILLED or case.fault is Victim.GIT
        else:
            self._proxy.begin(Fault(case.fault, case.at))
            timeout = ["--request-timeout", "3s"] if case.fault is Spoil.TOO_SLOW else []
            result = space.program(*arguments, *timeout)
            met = self._proxy.struck.is_set()
            self._proxy.begin(None)
        return result, [] if met or "@1" not in case.at else ["the fault was never met"]

    def _after(self, case: Case, result: Result, reached: str, space: Space) -> list[str]:
        """What is wrong with how `resume` or `abort` ended."""
        wanted = TARGET if case.way is Way.RESUME else BEFORE
        problems = []
        if result.code:
            problems.append(f"{case.way} ended with {result.code}: {' '.join(result.errors)}")
        if reached != wanted:
            problems.append(f"{case.way} did not lead to {wanted}")
        if self._unfinished(space):
            problems.append("it is still unfinished")
        return problems

    def _left(self, space: Space, *, killed: bool) -> list[str]:
        """What is wrong once everything is over; the next command must not mind what a killed one left."""
        problems = []
        if killed:
            problems += _failure(space.program("snapshot"))
        elif leases := self._cluster.leases():
            problems.append(f"left over: lease {', '.join(leases)}")
        return [*problems, *self._verify(space), *space.problems()]

    def _finish(self, way: Way, space: Space) -> Result:
        return space.program(way, "--yes")

    def _verify(self, space: Space) -> list[str]:
        return _failure(space.program("store", "verify"))

    def _unfinished(self, space: Space) -> Unfinished | None:
        found = space.program("status", "-o", "json").done().json["unfinished"]
        return Unfinished(found["id"], found["written"], found["planned"]) if found else None

    def _arguments(self, operation: Operation) -> tuple[str, ...]:
        if operation is Operation.ROLLBACK:
            return "rollback", SNAPSHOT, "--yes"
        return "apply", "--force-conflicts", "--yes", "-f", str(self._manifests)

    def _ends(self, operation: Operation, before: Dump) -> Ends:
        return Ends(before, self._a if operation is Operation.ROLLBACK else self._applied)

    @contextmanager
    def _space(self) -> Iterator[Space]:
        folder = self._folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        store, temporary = folder / "store", folder / "tmp"
        temporary.mkdir(parents=True)
        shutil.copytree(self._template, store)
        yield Space(store, temporary, self._program(folder, store, TMPDIR=str(temporary)))

    def _program(self, folder: Path, store: Path, **variables: str) -> Program:
        kubeconfig = self._proxy.kubeconfig(folder / "kubeconfig")
        paths = {"KUBECONFIG": str(kubeconfig), "ISTIO_UPGRADE_STORE": str(store)}
        return Program(clean_environment(folder, **paths, **variables))


def _failure(result: Result) -> list[str]:
    return [f"the next command ended with {result.code}: {' '.join(result.errors)}"] if result.code else []
