"""Plans carried out against a fake server: what is waited for, and what a run can do without."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kubectl_istio_upgrade.apply import rollout
from kubectl_istio_upgrade.apply.execution import Execution, Executor
from kubectl_istio_upgrade.apply.sender import Sender
from kubectl_istio_upgrade.errors import NotReadyError
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.plans import Action, Plan, StepResult
from kubectl_istio_upgrade.plan.rollback import plan_rollback

from .builders import obj, state
from .silence import Silence
from .test_plan_relaxing import BEFORE, DRIFTED
from .test_plan_relaxing import plan as plan_over_dead_istiod


@dataclass
class Cluster:
    """Accepts every write; a workload named here has no replica that is available until another object is written."""

    unready: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

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


class Unwritten:
    """A journal that nobody will read."""

    def intend(self, _key: Key, _action: Action) -> None:
        """Forget it."""

    def conclude(self, _result: StepResult) -> None:
        """Forget it."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL", 0.01)


def execute(plan: Plan, cluster: Cluster) -> Execution:
    return Executor(Sender(cluster, cluster), Unwritten(), Silence(), timeout=0.05).execute(plan)  # type: ignore[arg-type]


def update(kind: str, name: str) -> tuple[MeshObject, MeshObject]:
    return obj(kind, name, version="2", spec={"new": 1}), obj(kind, name, spec={"old": 1})


def plan(*pairs: tuple[MeshObject, MeshObject]) -> Plan:
    return plan_rollback(state(*(live for live, _ in pairs)), state(*(target for _, target in pairs)))


GATEWAY, ROUTE = update("Deployment", "istio-system/gateway"), update("VirtualService", "shop/web")
ISTIOD = update("Deployment", "istio-system/istiod")
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


def test_two_writes_to_one_object_are_two_results() -> None:
    cluster = Cluster()
    done = execute(plan_over_dead_istiod(DRIFTED, BEFORE), cluster)
    assert cluster.written == [
        "patch istio-validator-istio-system",
        "web",
        "istio-validator-istio-system",
    ]
    assert [result.action for result in done.results] == [Action.RELAX, Action.UPDATE, Action.UPDATE]
