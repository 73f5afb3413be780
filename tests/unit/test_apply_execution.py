"""Plans carried out against a fake server: what is waited for, and what a run can do without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kubectl_istio_upgrade.apply import budgets, rollout
from kubectl_istio_upgrade.apply.execution import Execution, Executor
from kubectl_istio_upgrade.apply.sender import Sender
from kubectl_istio_upgrade.errors import LostLockError, NotReadyError
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.operations import Restarted
from kubectl_istio_upgrade.models.plans import Action, Outcome, Plan, StepResult
from kubectl_istio_upgrade.plan.restarts import planned_restart
from kubectl_istio_upgrade.plan.rollback import plan_rollback
from kubectl_istio_upgrade.ports import ListQuery
from kubectl_istio_upgrade.rules.restarts import FOLLOWS

from .builders import obj, state, type_of
from .silence import Silence
from .test_plan_relaxing import BEFORE, DRIFTED
from .test_plan_relaxing import plan as plan_over_dead_istiod


@dataclass
class Cluster:
    """Accepts every write; a workload named here has no replica that is available until another object is written."""

    unready: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    allowed: dict[str, int] = field(default_factory=dict)
    """Disruptions that a budget of this name allows."""

    def list_all(self, queries: list[ListQuery], _version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        budgets = [
            {"metadata": {"name": name}, "spec": {"selector": {}}, "status": {"disruptionsAllowed": allowed}}
            for name, allowed in self.allowed.items()
        ]
        yield from ((query, budgets) for query in queries)

    def get(self, _type: ResourceType, key: Key) -> Body:
        available = int(key.name not in self.unready or self.unready[key.name] in self.written)
        status = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": available}
        return {"kind": "Deployment", "metadata": {"name": key.name}, "spec": {"replicas": 1}, "status": status}

    def replace(self, _type: ResourceType, key: Key, body: Body, **_options: object) -> Body:
        self.written.append(key.name)
        return body

    def merge_patch(self, _type: ResourceType, key: Key, body: Body, **_options: object) -> Body:
        self.written.append(f"patch {key.name}")
        return {**body, "metadata": {**body["metadata"], "name": key.name}}


@dataclass
class Losing(Cluster):
    """Takes every write, and the lock of the cluster is lost right after it."""

    def restore_ownership(self, *_content: object) -> Body:
        raise LostLockError("the lock of the cluster was taken over by bob")


class Unwritten:
    """A journal that nobody will read."""

    def intend(self, key: Key, action: Action, restart: Restarted | None = None) -> None:
        """Forget it."""

    def conclude(self, _result: StepResult) -> None:
        """Forget it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL", 0.01)
    monkeypatch.setattr(budgets, "POLL", 0.01)


@dataclass
class Kept(Unwritten):
    """A journal that keeps what was announced."""

    intended: list[tuple[Key, Restarted | None]] = field(default_factory=list)

    def intend(self, key: Key, action: Action, restart: Restarted | None = None) -> None:
        self.intended.append((key, restart))


def execute(plan: Plan, cluster: Cluster, *, batch: int = 5, journal: Unwritten | None = None) -> Execution:
    sender = Sender(cluster, cluster)  # type: ignore[arg-type]
    return Executor(sender, journal or Unwritten(), Silence(), timeout=0.05, batch=batch).execute(plan)  # type: ignore[arg-type]


def update(kind: str, name: str) -> tuple[MeshObject, MeshObject]:
    return obj(kind, name, version="2", spec={"new": 1}), obj(kind, name, spec={"old": 1})


def plan(*pairs: tuple[MeshObject, MeshObject]) -> Plan:
    return plan_rollback(state(*(live for live, _ in pairs)), state(*(target for _, target in pairs)))


GATEWAY, ROUTE = update("Deployment", "istio-system/gateway"), update("VirtualService", "shop/web")
ISTIOD = update("Deployment", "istio-system/istiod")
OWNED = obj("ConfigMap", "istio-system/istio", uid="u", data={"mesh": "old"}, managed=[{"manager": "helm"}])
NEVER = "never written"


def test_a_gateway_that_does_not_roll_out_stops_nothing_but_the_end() -> None:
    cluster = Cluster({"gateway": NEVER})
    done = execute(plan(GATEWAY, ROUTE), cluster)
    assert cluster.written == ["gateway", "web"]
    assert isinstance(done.failure, NotReadyError)
    assert "still not ready at the end" in done.failure.message
    assert "deployments.apps istio-system/gateway: 0 of 1 are available" in done.failure.message
    assert done.written == 2


def test_a_gateway_that_is_late_is_ready_in_the_end() -> None:
    assert execute(plan(GATEWAY, ROUTE), Cluster({"gateway": "web"})).failure is None


def test_an_istiod_that_does_not_start_stops_the_run() -> None:
    cluster = Cluster({"istiod": NEVER})
    done = execute(plan(ISTIOD, ROUTE), cluster)
    assert cluster.written == ["istiod"]
    assert isinstance(done.failure, NotReadyError)


def restarts(*names: str, takes: int = 0) -> Plan:
    changes = []
    for name in names:
        live = obj("Deployment", name, spec={"template": {"metadata": {"labels": {"app": "web"}}}})
        change = planned_restart(live, type_of("Deployment"), "2026-11-25T04:00:00Z")
        assert change.restart
        changes.append(replace(change, restart=replace(change.restart, takes=takes)))
    return Plan("restart", "", tuple(changes), 0, "")


def test_a_batch_is_waited_for_before_the_next_begins() -> None:
    cluster = Cluster({"b": NEVER})
    done = execute(restarts("shop/a", "shop/b", "shop/c"), cluster, batch=2)
    assert sorted(cluster.written) == ["patch a", "patch b"]
    assert isinstance(done.failure, NotReadyError)
    assert done.failure.objects == ("deployments.apps shop/b",)
    assert [result.outcome for result in done.results] == [Outcome.DONE, Outcome.DONE, Outcome.SKIPPED]


def test_every_restart_is_in_the_journal_before_it_is_made() -> None:
    journal, cluster = Kept(), Cluster()
    execute(restarts("shop/a"), cluster, journal=journal)
    ((key, restart),) = journal.intended
    assert restart is not None
    assert (str(key), restart.before, restart.after) == ("deployments.apps shop/a", None, "2026-11-25T04:00:00Z")


def test_a_budget_that_does_not_allow_it_in_time_keeps_the_whole_batch_from_starting() -> None:
    cluster = Cluster(allowed={"web": 0})
    done = execute(restarts("shop/a", takes=1), cluster)
    assert cluster.written == []
    assert isinstance(done.failure, NotReadyError)
    assert "its rollout may take 1 pod away at once, PodDisruptionBudget shop/web allows 0" in done.failure.message
    assert done.changed_nothing


def test_a_budget_that_allows_it_or_is_not_needed_is_no_obstacle() -> None:
    allowing, unneeded = Cluster(allowed={"web": 1}), Cluster(allowed={"web": 0})
    assert execute(restarts("shop/a", takes=1), allowing).failure is None
    assert execute(restarts("shop/a", takes=0), unneeded).failure is None
    assert allowing.written == unneeded.written == ["patch a"]


def test_what_injectors_go_by_is_given_time_before_pods_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    both = plan(ROUTE)
    both = replace(both, changes=(*both.changes, *restarts("shop/a", "shop/b").changes))
    assert execute(both, Cluster(), batch=1).failure is None
    assert FOLLOWS in slept
    assert slept.count(FOLLOWS) == 1, "once, not before every batch"
    slept.clear()
    execute(restarts("shop/a"), Cluster())
    assert FOLLOWS not in slept


def test_two_writes_to_one_object_are_two_results() -> None:
    cluster = Cluster()
    done = execute(plan_over_dead_istiod(DRIFTED, BEFORE), cluster)
    assert cluster.written == [
        "patch istio-validator-istio-system",
        "web",
        "istio-validator-istio-system",
    ]
    assert [result.action for result in done.results] == [Action.RELAX, Action.UPDATE, Action.UPDATE]


def test_a_write_whose_owners_could_not_be_put_back_is_not_nothing() -> None:
    cluster = Losing()
    live, target = obj("ConfigMap", "istio-system/istio", version="2", uid="u", data={"mesh": "new"}), OWNED
    done = execute(plan((live, target)), cluster)
    assert cluster.written == ["istio"]
    assert done.failure is not None
    assert "is written, but the ownership" in done.failure.message
    assert [result.outcome for result in done.results] == [Outcome.UNKNOWN]
    assert not done.changed_nothing


def test_a_write_that_ctrl_c_made_nobody_wait_for_is_among_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment when a write is handed to its thread and the one when that is known."""
    submit = ThreadPoolExecutor.submit

    def interrupted(self: ThreadPoolExecutor, *call: Any) -> None:
        submit(self, *call).result()
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    cluster = Cluster()
    done = execute(plan(ROUTE), cluster)
    assert cluster.written == ["web"]
    assert not done.changed_nothing
    assert done.written == 1
