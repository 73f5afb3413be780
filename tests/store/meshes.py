"""Meshes made up for the tests of the store: like the real thing in shape and size, and the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubectl_istio_upgrade.models.objects import Body, Key, MeshObject, ResourceType
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity, Purpose, SnapshotDraft, SnapshotMeta
from kubectl_istio_upgrade.normalise.objects import split

CLUSTER = ClusterIdentity("5d0c1f7e-8a51-4d0e-9a57-0d9a2c1b7f11", "prod", "v1.34.4")
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)

CONFIG_MAPS = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True, verbs=frozenset({"get", "list"}))
SECRETS = ResourceType("", "v1", "Secret", "secrets", namespaced=True)
CRDS = ResourceType(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
VIRTUAL_SERVICES = ResourceType(
    "networking.istio.io", "v1", "VirtualService", "virtualservices", namespaced=True, short_names=("vs",)
)
ISTIO = (
    VIRTUAL_SERVICES,
    ResourceType("networking.istio.io", "v1", "DestinationRule", "destinationrules", namespaced=True),
    ResourceType("networking.istio.io", "v1", "Sidecar", "sidecars", namespaced=True),
    ResourceType("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies", namespaced=True),
    ResourceType("telemetry.istio.io", "v1", "Telemetry", "telemetries", namespaced=True),
)
TYPES = (*ISTIO, CRDS, SECRETS, CONFIG_MAPS)
"""Not in the store's order."""


def uid(seed: str) -> str:
    digits = hashlib.sha256(seed.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def metadata(name: str, namespace: str = "", *, version: int = 1) -> Body:
    """As the API server answers it, with two field managers."""
    managed: list[Body] = [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": f"2026-11-01T09:{version % 60:02}:07Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {".": {}, f"f:{manager}": {}, "f:hosts": {}, "f:http": {}, "f:gateways": {}}},
        }
        for manager in ("kubectl-client-side-apply", "argocd-controller")
    ]
    return {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "uid": uid(f"{namespace}/{name}"),
        "resourceVersion": str(10_000 + version),
        "generation": version,
        "creationTimestamp": "2026-11-01T09:14:07Z",
        "managedFields": managed,
    }


def routing(type_: ResourceType, namespace: str, name: str, *, version: int = 1, host: str = "") -> MeshObject:
    """An Istio object of about 1 kB."""
    host = host or f"{name}.{namespace}.svc.cluster.local"
    port = {"number": 8080}
    body = {
        "apiVersion": type_.api_version,
        "kind": type_.kind,
        "metadata": {
            **metadata(name, namespace, version=version),
            "labels": {"app": name, "team": namespace, "istio.io/rev": "default"},
            "annotations": {"checksum": uid(f"{type_.plural}/{namespace}/{name}"), "note": "owned by: the mesh team"},
        },
        "spec": {
            "hosts": [host, f"{name}.example.com"],
            "gateways": ["istio-system/main"],
            "http": [
                {
                    "name": "primary",
                    "match": [{"uri": {"prefix": "/api"}, "headers": {"x-user": {"exact": "me"}}}],
                    "route": [
                        {"destination": {"host": host, "port": port, "subset": "v1"}, "weight": 90},
                        {"destination": {"host": host, "port": port, "subset": "v2"}, "weight": 10},
                    ],
                    "timeout": "15s",
                    "retries": {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,reset"},
                }
            ],
        },
        "status": {},
    }
    return split(body, type_)


def config_map(name: str, data: object, *, namespace: str = "istio-system", version: int = 1) -> MeshObject:
    return split({"metadata": metadata(name, namespace, version=version), "data": data}, CONFIG_MAPS)


def crd(type_: ResourceType, *, version: int = 1) -> MeshObject:
    return split({"metadata": metadata(type_.resource, version=version), "spec": {"group": type_.group}}, CRDS)


def small_mesh() -> list[MeshObject]:
    objects = [crd(type_) for type_ in ISTIO]
    objects += [routing(type_, "shop", f"app-{index}") for type_ in ISTIO for index in range(3)]
    return [*objects, config_map("istio", {"mesh": "defaultConfig:\n  tracing: {}\n", "empty": ""})]


def large_mesh() -> list[MeshObject]:
    """200 namespaces x 5 types x 10 objects."""
    objects = [crd(type_) for type_ in ISTIO]
    for namespace in range(200):
        for type_ in ISTIO:
            objects += [routing(type_, f"team-{namespace}", f"app-{index}") for index in range(10)]
    return objects


def draft(objects: Iterable[MeshObject], *, minutes: int = 0, **changes: object) -> SnapshotDraft:
    """A snapshot of these objects, taken so many minutes after 08:00."""
    meta = SnapshotMeta(
        purpose=Purpose.SNAPSHOT,
        cluster=CLUSTER,
        created=START + timedelta(minutes=minutes),
        resource_version="4711",
        istio_versions=("1.28.3",),
        types=TYPES,
    )
    return SnapshotDraft(replace(meta, **changes), by_key(objects))  # type: ignore[arg-type]


def by_key(objects: Iterable[MeshObject]) -> dict[Key, MeshObject]:
    return {obj.key: obj for obj in objects}
