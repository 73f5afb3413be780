"""Whose pods they are: by owner references, of the present template, and of kinds that only sound alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from kubectl_istio_upgrade.models.objects import Body, Key, ResourceType
from kubectl_istio_upgrade.operations.podgroups import Group, Owners
from kubectl_istio_upgrade.rules.restarts import NOT_RESTARTABLE

REVISION = "deployment.kubernetes.io/revision"


def owner(kind: str, name: str, api: str = "apps/v1") -> Body:
    return {"apiVersion": api, "kind": kind, "name": name, "controller": True, "uid": name}


def body(kind: str, name: str, by: Body | None = None, **metadata: Any) -> Body:
    owners = {"ownerReferences": [by]} if by else {}
    return {"kind": kind, "metadata": {"name": name, "namespace": "shop", "uid": name, **owners, **metadata}}


@dataclass
class Cluster:
    objects: dict[str, Body] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def get(self, _type: ResourceType, key: Key) -> Body | None:
        self.asked.append(str(key))
        return self.objects.get(str(key))


def grouped(cluster: Cluster, *pods: Body) -> dict[str, Group]:
    groups = Owners(cluster).grouped(pods)  # type: ignore[arg-type]
    return {f"{group.kind} {group.name}": group for group in groups}


def test_pods_of_several_replica_sets_are_of_one_deployment_and_only_the_newest_count() -> None:
    cluster = Cluster(
        {
            "replicasets.apps shop/web-1": body(
                "ReplicaSet", "web-1", owner("Deployment", "web"), annotations={REVISION: "1"}
            ),
            "replicasets.apps shop/web-2": body(
                "ReplicaSet", "web-2", owner("Deployment", "web"), annotations={REVISION: "2"}
            ),
            "deployments.apps shop/web": body("Deployment", "web", annotations={REVISION: "2"}),
        }
    )
    old, new = (body("Pod", f"p{n}", owner("ReplicaSet", f"web-{n}")) for n in (1, 2))
    (group,) = grouped(cluster, old, new).values()
    assert (group.kind, group.name, len(group.pods)) == ("Deployment", "web", 2)
    assert [pod["metadata"]["name"] for pod in group.present] == ["p2"]
    assert group.key == Key("apps", "deployments", "shop", "web")


def test_a_template_of_which_there_is_no_pod_yet() -> None:
    cluster = Cluster(
        {
            "replicasets.apps shop/web-1": body(
                "ReplicaSet", "web-1", owner("Deployment", "web"), annotations={REVISION: "1"}
            ),
            "deployments.apps shop/web": body("Deployment", "web", annotations={REVISION: "2"}),
        }
    )
    (group,) = grouped(cluster, body("Pod", "p", owner("ReplicaSet", "web-1"))).values()
    assert group.present == []


@pytest.mark.parametrize(
    ("by", "kind"),
    [
        (None, "Pod"),
        (owner("ReplicaSet", "x"), "ReplicaSet"),
        (owner("Job", "x", "batch/v1"), "Job"),
        (owner("Node", "x", "v1"), "Node"),
        (owner("ReplicationController", "x", "v1"), "ReplicationController"),
    ],
)
def test_what_nobody_restarts_has_a_reason_of_its_own(by: Body | None, kind: str) -> None:
    (group,) = grouped(Cluster(), body("Pod", "x", by)).values()
    assert group.kind == kind
    assert NOT_RESTARTABLE[kind]


def test_kinds_of_others_that_are_called_the_same_are_not_taken_for_kubernetes_own() -> None:
    cluster = Cluster()
    found = grouped(cluster, body("Pod", "a", owner("StatefulSet", "db", "apps.kruise.io/v1beta1")))
    assert set(found) == {"StatefulSet.apps.kruise.io db"}
    assert cluster.asked == [], "nor looked up as one"


def test_replica_sets_of_argo_rollouts_lead_to_the_rollout() -> None:
    by = owner("Rollout", "web", "argoproj.io/v1alpha1")
    cluster = Cluster({"replicasets.apps shop/web-1": body("ReplicaSet", "web-1", by)})
    (name,) = grouped(cluster, body("Pod", "p", owner("ReplicaSet", "web-1")))
    assert name == "Rollout.argoproj.io web"
    assert "argo rollouts restart" in NOT_RESTARTABLE["Rollout.argoproj.io"]


@pytest.mark.parametrize(
    ("kind", "label", "workload"),
    [
        ("StatefulSet", "controller-revision-hash", {"status": {"updateRevision": "b"}}),
        (
            "DaemonSet",
            "pod-template-generation",
            {"metadata": {"annotations": {"deprecated.daemonset.template.generation": "b"}}},
        ),
    ],
)
def test_stateful_sets_and_daemon_sets_tell_by_labels(kind: str, label: str, workload: Body) -> None:
    pods = [body("Pod", value, labels={label: value}) for value in ("a", "b")]
    group = Group(kind, "x", pods, {"metadata": {}, **workload})
    assert [pod["metadata"]["name"] for pod in group.present] == ["b"]
