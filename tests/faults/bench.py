"""Runs cases: state B, what meets the fault, `resume` or `abort` if the operation is unfinished, and a look.

What meets it is an operation, or the `resume` or `abort` of one that was killed before.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyrage
import yaml

from tests.cli.program import Result
from tests.controlplane.access import Access
from tests.controlplane.credentials import write_private
from tests.mesh.comparison import Dump

from .cases import Case, Recording, Run, Victim
from .cluster import Cluster
from .items import Scenario
from .mesh import NEXT
from .proxy import WAYS, Fault, FaultProxy, Spoil
from .scenarios import at_one_moment
from .space import Space, without_copies
from .stories import RESTART, SNAPSHOT, STORIES, Stage
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


class Bench:
    """One control plane with the scenario on it. Runs one case after another."""

    def __init__(self, plane: Access, folder: Path) -> None:
        """Make state A; the scenarios' own states are made when they are asked for."""
        self._folder = folder
        self._plane = plane
        self._cluster = Cluster(plane)
        self._proxy = FaultProxy(plane)
        self._relayed = self._proxy.kubeconfig(folder / "relayed")
        self._kubeconfig = without_copies(plane, folder / "kubeconfig")
        self._next = folder / "next.yaml"
        self._next.write_text(yaml.safe_dump(NEXT), "utf-8")
        self._identity = pyrage.x25519.Identity.generate()
        write_private(folder / "identity", str(self._identity))
        self._stages: dict[str, Stage] = {}
        self._cluster.install()
        self._a = self._cluster.objects()

    def close(self) -> None:
        """Let go of the cluster."""
        self._proxy.close()
        self._cluster.close()

    def record(self, run: Run) -> Recording:
        """Run a command without a fault; it must do what it should. Says what it went through."""
        stage = self._stage(run)
        before = self._cluster.restore(stage.before)
        with self._space(stage) as space:
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
        stage = self._stage(case.run)
        before = self._cluster.restore(stage.before)
        ends = self._ends(case.run, before)
        with self._space(stage) as space:
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
            problems += self._left(stage, space, at_a_loss=at_a_loss and not found.unfinished)
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
        result = space.spoiled(*arguments, *timeout)
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

    def _left(self, stage: Stage, space: Space, *, at_a_loss: bool) -> list[str]:
        """What is wrong once everything is over.

        A program that was killed, or whose server was gone, could not tidy up, and its lease stays for its term: then
        the next command must see to the store, and one with another store take the lease once it has expired.
        """
        problems = []
        if at_a_loss:
            problems += _failure(space.program("snapshot"))
            if self._cluster.leases():
                problems += self._taken_over(stage, space)
        if leases := self._cluster.leases():
            problems.append(f"left over: lease {', '.join(leases)}")
        return [*problems, *space.problems()]

    def _taken_over(self, stage: Stage, space: Space) -> list[str]:
        """What is wrong with how somebody else changes the mesh, while the lease of one who died is there."""
        self._cluster.expire_leases()
        another = replace(space, folder=space.folder / "another")
        another.temporary.mkdir(parents=True)
        shutil.copytree(stage.template, another.store)
        result = another.program("apply", "--yes", "-f", str(self._next))
        told = "took the lock of the cluster over from" in result.err
        return [*_failure(result), *([] if told else ["the lease was not taken over by the next command"])]

    def _unfinished(self, space: Space) -> Unfinished | None:
        found = space.program("status", "-o", "json").done().json["unfinished"]
        return Unfinished(found["id"], found["written"], found["planned"]) if found else None

    def _arguments(self, run: Run) -> tuple[str, ...]:
        if run.ending:
            return run.ending, "--yes"
        return self._stage(run).arguments(STORIES[run.operation])

    def _ends(self, run: Run, before: Dump) -> Ends:
        story, stage = STORIES[run.operation], self._stage(run)
        scenario, target = story.scenario, stage.beyond if story.goes_on else self._a
        seen = at_one_moment if scenario.restarted and story.goes_on else Ends.seen
        return Ends(before, target, scenario.recreated, scenario.staying, seen)

    def _stage(self, run: Run) -> Stage:
        scenario = STORIES[run.operation].scenario
        if scenario.name not in self._stages:
            self._stages[scenario.name] = self._made(scenario)
        return self._stages[scenario.name]

    def _made(self, scenario: Scenario) -> Stage:
        """A snapshot of state A in a store of the scenario's own, and the states that follow."""
        template, manifests = self._folder / scenario.name, self._folder / f"{scenario.name}.yaml"
        manifests.write_text(yaml.safe_dump_all(scenario.manifests), "utf-8")
        self._cluster.restore(self._a)
        with self._space() as space:
            if scenario.sealed:
                space.program("store", "init", "--recipient", str(self._identity.to_public())).done()
            space.program("snapshot", "--name", SNAPSHOT).done()
            if scenario.has_restarted:
                space.program(*RESTART).done()
            shutil.copytree(space.store, template)
        self._cluster.drift(scenario)
        before = self._cluster.objects()
        self._cluster.go_on(scenario)
        return Stage(template, manifests, before, self._cluster.objects())

    @contextmanager
    def _space(self, stage: Stage | None = None) -> Iterator[Space]:
        folder = self._folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        space = Space(folder, self._kubeconfig, self._relayed, self._folder / "identity")
        space.temporary.mkdir(parents=True)
        if stage:
            shutil.copytree(stage.template, space.store)
        yield space


def _failure(result: Result) -> list[str]:
    return [f"the next command ended with {result.code}: {' '.join(result.errors)}"] if result.code else []
