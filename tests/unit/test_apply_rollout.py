from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from kubectl_istio_upgrade.apply import rollout
from kubectl_istio_upgrade.apply.rollout import readiness, wait_for_stage
from kubectl_istio_upgrade.errors import NotReadyError
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.plan.rollback import plan_rollback
from kubectl_istio_upgrade.rules.order import FREED, STAGES, stage_named

from .builders import obj, state
from .silence import Silence


def workload(kind: str, spec: Body, status: Body) -> Body:
    return {"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": {"observedGeneration": 2, **status}}


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (workload("Deployment", {"replicas": 2}, DONE), ""),
        (workload("Deployment", {"replicas": 0}, {}), ""),
        (workload("Deployment", {"replicas": 2}, {**DONE, "observedGeneration": 1}), "its controller has not seen"),
        (workload("Deployment", {"replicas": 3}, DONE), "2 of 3 replicas are updated"),
        (workload("Deployment", {"replicas": 2}, {**DONE, "replicas": 3}), "1 old replicas are still there"),
        (workload("Deployment", {"replicas": 2}, {**DONE, "availableReplicas": 1}), "1 of 2 are available"),
        (
            workload("Deployment", {}, {"conditions": [{"reason": "ProgressDeadlineExceeded", "message": "stuck"}]}),
            "stuck",
        ),
        (workload("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}), "1 of 2 pods"),
        (
            workload("DaemonSet", {}, {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}),
            "",
        ),
        (workload("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, {"desiredNumberScheduled": 1}), ""),
        (workload("StatefulSet", {"replicas": 1}, {"updatedReplicas": 1, "readyReplicas": 0}), "0 of 1 are ready"),
        (workload("StatefulSet", {"replicas": 1}, {"updatedReplicas": 1, "readyReplicas": 1}), ""),
        ({"kind": "Service", "metadata": {}}, ""),
    ],
)
def test_readiness_follows_kubectls_rules(body: Body, why: str) -> None:
    result = readiness(body)
    assert result.ready is (not why)
    assert result.why.startswith(why)


@dataclass
class Going:
    """A cluster whose object is answered so, one look after another."""

    looks: Iterator[Body | None]

    def get(self, _type: ResourceType, _key: Key) -> Body | None:
        return next(self.looks)


def wait_until_gone(*looks: Body | None) -> None:
    (change,) = plan_rollback(state(obj("Service", "ns/a", uid="u")), state()).changes
    deletion, stage = replace(change, stage=stage_named(FREED)), STAGES[stage_named(FREED)]
    reader = Going(iter(looks))
    wait_for_stage(reader, stage, [deletion], 0 if len(looks) == 1 else 5, Silence())  # type: ignore[arg-type]
    assert list(reader.looks) == [], "not waited for"


def test_a_deletion_that_makes_room_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL", 0.01)
    there: Body = {"metadata": {"uid": "u", "finalizers": ["a/b"]}}
    wait_until_gone(there, there, None)
    wait_until_gone(there, {"metadata": {"uid": "made anew"}})
    with pytest.raises(NotReadyError, match=r"services ns/a: still there, held by a/b"):
        wait_until_gone(there)
