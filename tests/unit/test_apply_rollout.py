from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from kubectl_istio_upgrade.apply import rollout
from kubectl_istio_upgrade.apply.rollout import Patient, Readiness, readiness, wait_for_stage
from kubectl_istio_upgrade.errors import ApiError, ClusterError, ForbiddenError, NotReadyError, UnreachableError
from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.plan.rollback import plan_rollback
from kubectl_istio_upgrade.rules.order import FREED, STAGES, stage_named

from .builders import obj, state
from .silence import Silence


def workload(kind: str, spec: Body, status: Body) -> Body:
    return {"kind": kind, "metadata": {"generation": 2}, "spec": spec, "status": {"observedGeneration": 2, **status}}


def definition(**served: bool) -> Body:
    spec = {"group": "x.io", "names": {"plural": "things"}}
    versions = [{"name": name, "served": is_served} for name, is_served in served.items()]
    conditions = [{"type": each, "status": "True"} for each in ("NamesAccepted", "Established")]
    return {"metadata": {"uid": "u"}, "spec": {**spec, "versions": versions}, "status": {"conditions": conditions}}


@dataclass
class Defined:
    """A cluster with a definition that comes to be served; it cannot tell of all its types."""

    body: Body
    answers: Iterator[bool]
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def get(self, _type: ResourceType, _key: Key) -> Body:
        return self.body

    def serves(self, *what: str) -> bool:
        group, version, plural = what
        self.asked.append((group, version, plural))
        return next(self.answers)


def test_a_definition_is_waited_for_in_each_version_that_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL", 0.01)
    (change,) = plan_rollback(state(), state(obj("CustomResourceDefinition", "things.x.io"))).changes
    reader = Defined(definition(v1=True, v1alpha1=False, v2=True), iter([False, True, False, True, True]))
    wait_for_stage(reader, STAGES[change.stage], [change], 5, Silence())  # type: ignore[arg-type]
    v1, v2 = ("x.io", "v1", "things"), ("x.io", "v2", "things")
    assert reader.asked == [v1, v1, v2, v1, v2]


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}

PARTED = {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}


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
        (workload("StatefulSet", PARTED, {"updatedReplicas": 1, "readyReplicas": 3}), ""),
        (workload("StatefulSet", PARTED, {"readyReplicas": 3}), "0 of 1 replicas are updated"),
        ({"kind": "Service", "metadata": {}}, ""),
    ],
)
def test_readiness_follows_kubectls_rules(body: Body, why: str) -> None:
    result = readiness(body)
    assert result.ready is (not why)
    assert result.why.startswith(why)


@dataclass
class Away:
    """A cluster that cannot be asked at first."""

    errors: list[ClusterError]

    def get(self, _type: ResourceType, _key: Key) -> Body | None:
        if self.errors:
            raise self.errors.pop(0)
        return workload("Deployment", {"replicas": 2}, DONE)


UNREACHABLE = UnreachableError("connection refused")


def look(reader: Away, gap: float) -> Readiness:
    *_, change = plan_rollback(state(), state(obj("Deployment", "ns/a"))).changes
    return Patient(reader, gap)(change)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [UNREACHABLE, ApiError("starting", status=503), ApiError("too many", status=429)])
def test_a_server_that_is_away_for_a_moment_is_one_more_reason_to_wait(error: ClusterError) -> None:
    reader = Away([error])
    assert look(reader, gap=60.0) == Readiness(ready=False, why=error.message)
    assert look(reader, gap=60.0).ready


@pytest.mark.parametrize(
    ("error", "gap"), [(UNREACHABLE, 0.0), (ForbiddenError("no"), 60.0), (ApiError("what?", status=400), 60.0)]
)
def test_one_that_stays_away_and_one_that_says_no_end_it(error: ClusterError, gap: float) -> None:
    with pytest.raises(type(error)):
        look(Away([error]), gap)


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
