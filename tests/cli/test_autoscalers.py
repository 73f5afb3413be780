"""Autoscalers that are no state of the mesh: what they target has the replicas that the load asks for."""

from __future__ import annotations

import pytest

from .mesh import NAMESPACE, Json, Mesh
from .program import Program

pytestmark = pytest.mark.cluster

LABELS = {"app.kubernetes.io/part-of": "istio"}
OWNER: Json = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "a", "uid": "a", "controller": True}


def gateway(replicas: int, image: str = "proxy:1") -> Json:
    """A gateway in a namespace of its own."""
    pods = {"metadata": {"labels": {"app": "gateway"}}, "spec": {"containers": [{"name": "proxy", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "gateway"}}, "template": pods}
    metadata = {"name": "gateway", "namespace": NAMESPACE, "labels": LABELS}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def autoscaler(*owners: Json) -> Json:
    """An autoscaler without any label of Istio's."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    metadata = {"name": "gateway", "namespace": NAMESPACE, "ownerReferences": [*owners]}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 20}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("scaler", [autoscaler(), autoscaler(OWNER)], ids=["a user's own", "of a controller"])
def test_a_rollback_leaves_the_replicas_to_an_autoscaler_that_no_snapshot_holds(
    program: Program, mesh: Mesh, scaler: Json
) -> None:
    """Two at night, when the snapshot was taken, and twenty by day."""
    body = gateway(2)
    mesh.add(body)
    mesh.add(scaler)
    program("snapshot", "-q", "--name", "night").done()
    mesh.patch(body, {"spec": {"replicas": 20}})
    program("diff", "night").done()
    mesh.patch(body, {"spec": gateway(20, "proxy:2")["spec"]})
    program("rollback", "night", "--yes", "--timeout", "1").failed(4, "not ready")
    now = mesh.get(body)
    assert now
    assert now["spec"]["replicas"] == 20
    assert now["spec"]["template"]["spec"]["containers"][0]["image"] == "proxy:1"
    program("diff", "night").done()


def test_without_an_autoscaler_replicas_are_content(program: Program, mesh: Mesh) -> None:
    body = gateway(2)
    mesh.add(body)
    program("snapshot", "-q", "--name", "night").done()
    mesh.patch(body, {"spec": {"replicas": 20}})
    assert "spec.replicas" in program("diff", "night").done(1).out
