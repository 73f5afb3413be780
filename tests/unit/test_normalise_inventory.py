from __future__ import annotations

import pytest

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.normalise.inventory import proxies_of, proxy_versions, repository_of


def pod(
    name: str, owner: str = "", *, image: str = "proxyv2:1.28.3", native: bool = False, kind: str = "ReplicaSet"
) -> Body:
    proxy = {"name": "istio-proxy", "image": image}
    metadata: Body = {
        "name": name,
        "namespace": "shop",
        "annotations": {"istio.io/rev": "default", "sidecar.istio.io/status": "{}"},
    }
    if owner:
        metadata["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
        metadata["labels"] = {"pod-template-hash": "5c8d"} if kind == "ReplicaSet" else {}
    containers = [{"name": "app", "image": "app"}]
    spec = {"containers": containers, "initContainers": [proxy]} if native else {"containers": [*containers, proxy]}
    return {"metadata": metadata, "spec": spec}


def test_pods_of_a_deployment_are_counted_under_its_name() -> None:
    (workload,) = proxies_of([pod("web-5c8d-a", "web-5c8d"), pod("web-5c8d-b", "web-5c8d", native=True)])
    assert (workload.kind, workload.name, workload.pods) == ("Deployment", "web", 2)
    assert (workload.images, workload.revisions) == (("proxyv2:1.28.3",), ("default",))
    assert len(workload.templates) == 1


def test_two_images_are_a_rollout_that_has_not_finished() -> None:
    (workload,) = proxies_of([pod("a", "web-5c8d"), pod("b", "web-5c8d", image="proxyv2:1.29.1")])
    assert workload.images == ("proxyv2:1.28.3", "proxyv2:1.29.1")


def test_other_owners_and_pods_without_one_keep_their_names() -> None:
    found = proxies_of([pod("db-0", "db", kind="StatefulSet"), pod("alone")])
    assert [(workload.kind, workload.name) for workload in found] == [("Pod", "alone"), ("StatefulSet", "db")]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_passed_over_for_nothing_runs_in_it(phase: str) -> None:
    ended = {**pod("migrate-x", "migrate", kind="Job"), "status": {"phase": phase}}
    running = {**pod("web-5c8d-a", "web-5c8d"), "status": {"phase": "Running"}}
    assert [workload.name for workload in proxies_of([ended, running])] == ["web"]


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("docker.io/istio/pilot:1.28.3", "docker.io/istio/pilot"),
        (f"localhost:5000/istio/pilot@sha256:{'0' * 64}", "localhost:5000/istio/pilot"),
        (f"istio/pilot:1.28.3@sha256:{'0' * 64}", "istio/pilot"),
        ("localhost:5000/pilot", "localhost:5000/pilot"),
    ],
)
def test_an_image_without_its_tag_and_digest(image: str, repository: str) -> None:
    assert repository_of(image) == repository


def test_a_pod_without_a_proxy_is_passed_over() -> None:
    assert proxies_of([{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "app"}]}}]) == ()


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/proxyv2:1.28.3", "1.28.3"),
        ("registry.example.com:5000/istio/proxyv2:1.28.3-distroless", "1.28.3-distroless"),
        (f"istio/proxyv2:1.28.3@sha256:{'0' * 64}", "1.28.3"),
        (f"registry.example.com:5000/istio/proxyv2@sha256:{'0' * 64}", ""),
        ("proxyv2", ""),
    ],
)
def test_proxies_are_counted_by_the_tag_of_their_image(image: str, version: str) -> None:
    assert proxy_versions(proxies_of([pod("a", image=image), pod("b", image=image)])) == {version: 2}


def test_a_rollout_that_has_not_finished_counts_under_both_versions() -> None:
    pods = [pod("a", "web-5c8d"), pod("b", "web-5c8d", image="proxyv2:1.29.1"), pod("alone")]
    assert proxy_versions(proxies_of(pods)) == {"1.28.3": 1, "1.28.3, 1.29.1": 2}
