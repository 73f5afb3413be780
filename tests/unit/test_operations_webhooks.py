"""What the cluster says of the services behind webhooks; the cluster is a fake behind the reader port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kubectl_istio_upgrade.capture import Capture
from kubectl_istio_upgrade.errors import ForbiddenError
from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity
from kubectl_istio_upgrade.operations.webhooks import find_dead_webhooks
from kubectl_istio_upgrade.ports import ListQuery

from .builders import state
from .webhooks import CERTIFICATE, bundle, service, validator

CERTIFICATES = Key("", "configmaps", "istio-system", "istio-ca-root-cert")


def pod(*, ready: str = "True", **metadata: str) -> Body:
    return {"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


@dataclass
class Cluster:
    pods: list[Body] = field(default_factory=list)
    slices: list[Body] = field(default_factory=list)
    objects: dict[Key, Body] = field(default_factory=lambda: {service().key: service().body})
    forbidden: tuple[str, ...] = ()
    asked: list[ListQuery] = field(default_factory=list)

    def get(self, type_: ResourceType, key: Key) -> Body | None:
        self._check(type_)
        return self.objects.get(key)

    def list_all(self, queries: Sequence[ListQuery], _version: str) -> Iterator[tuple[ListQuery, list[Body]]]:
        for query in queries:
            self._check(query.type)
            self.asked.append(query)
            yield query, {"pods": self.pods, "endpointslices": self.slices}[query.type.plural]

    def _check(self, type_: ResourceType) -> None:
        if type_.plural in self.forbidden:
            raise ForbiddenError(f"no {type_.plural}")


def why(cluster: Cluster, *live: MeshObject, target: tuple[MeshObject, ...] = ()) -> list[str]:
    identity, now = ClusterIdentity("u", "test"), datetime.now(UTC)
    captured = Capture(identity, "1", "istio-system", state(*(live or (validator(),))), (), now, "key")
    return [hook.why for hook in find_dead_webhooks(cluster, captured, state(*target))]  # type: ignore[arg-type]


def test_a_ready_pod_serves_and_nothing_else_is_asked_for() -> None:
    cluster = Cluster([pod()])
    assert why(cluster) == []
    assert [(query.type.plural, query.namespace, query.label_selector) for query in cluster.asked] == [
        ("pods", "istio-system", "app=istiod")
    ]


def test_pods_that_are_not_ready_or_about_to_go_serve_nothing() -> None:
    assert why(Cluster([pod(ready="False"), pod(deletionTimestamp="now"), {"metadata": {}}])) == [
        "its service istio-system/istiod has no ready endpoint"
    ]


def test_endpoints_without_pods_serve() -> None:
    for ready, dead in ((None, 0), (True, 0), (False, 1)):
        slices: list[Body] = [{"endpoints": [{"conditions": {"ready": ready}}]}, {"endpoints": None}]
        assert len(why(Cluster(slices=slices))) == dead


def test_a_service_that_is_gone_is_looked_behind_with_the_selector_of_the_target() -> None:
    cluster = Cluster([pod()], objects={})
    assert why(cluster, target=(service(),)) == ["its service istio-system/istiod does not exist"]
    assert cluster.asked[0].label_selector == "app=istiod"


def test_what_may_not_be_looked_at_counts_as_served() -> None:
    for forbidden in (("services",), ("pods",), ("endpointslices",), ("configmaps",)):
        cluster = Cluster([pod()] if "configmaps" in forbidden else [], forbidden=forbidden)
        assert why(cluster) == []


def test_the_ca_is_compared_with_what_istiod_publishes() -> None:
    published: Body = {"data": {"root-cert.pem": CERTIFICATE % "NEW"}}
    cluster = Cluster([pod()], objects={service().key: service().body, CERTIFICATES: published})
    assert why(cluster, validator(ca=bundle("NEW"))) == []
    assert why(cluster, validator(ca=bundle("OLD"))) == ["its caBundle does not have the mesh's root certificate"]


def test_a_mesh_without_webhooks_costs_no_request() -> None:
    assert why(Cluster(forbidden=("services", "pods", "configmaps")), service()) == []
