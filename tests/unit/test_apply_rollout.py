from __future__ import annotations

import pytest

from kubectl_istio_upgrade.apply.rollout import readiness
from kubectl_istio_upgrade.models.objects import Body


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
