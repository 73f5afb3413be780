"""Asking the cluster what stands behind the webhooks of the mesh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..capture import Capture
from ..errors import ForbiddenError, NotFoundError
from ..models.objects import Body, Key, ResourceType, State
from ..models.webhooks import Backing, DeadWebhook, ServiceName
from ..plan.dead_webhooks import Surrounding, called_services, dead_webhooks
from ..ports import ClusterReader, ListQuery

SERVICES = ResourceType("", "v1", "Service", "services", namespaced=True)
PODS = ResourceType("", "v1", "Pod", "pods", namespaced=True)
CONFIG_MAPS = ResourceType("", "v1", "ConfigMap", "configmaps", namespaced=True)
ENDPOINT_SLICES = ResourceType("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", namespaced=True)

PUBLISHED_BY_ISTIOD = "istio.io/config=true"
"""The label of the config maps that istiod writes into every namespace (security/pkg/k8s/configmap.go)."""

ROOT_CERTIFICATE = ("istio-ca-root-cert", "root-cert.pem")
"""The config map, and its key, in which istiod publishes the mesh's root certificates."""


def find_dead_webhooks(reader: ClusterReader, captured: Capture, target: State) -> tuple[DeadWebhook, ...]:
    """Webhooks that cannot answer now. What may not be looked at counts as well. Raises ClusterError."""
    services = called_services(captured.state)
    if not services:
        return ()
    backings = backings_of(reader, captured, services, target)
    around = Surrounding(backings, root_certificate(reader, captured.root_namespace))
    return dead_webhooks(captured.state, around)


def backings_of(
    reader: ClusterReader, captured: Capture, services: Iterable[ServiceName], target: State | None = None
) -> dict[ServiceName, Backing]:
    """What stands behind services. Raises ClusterError, but not for those that may not be looked at."""
    look = _Look(reader, captured, target or captured.state)
    return {service: look.at(service) for service in services}


@dataclass(frozen=True)
class _Look:
    reader: ClusterReader
    captured: Capture
    target: State
    """Where a service that is gone is looked up: what it selected may still run."""

    def at(self, service: ServiceName) -> Backing:
        """Whether the service is there, and anything ready behind it."""
        key = Key("", "services", *service)
        try:
            body = self._service(key)
            known = body if body is not None else self._in_target(key)
            selector = ((known or {}).get("spec") or {}).get("selector") or {}
            return Backing(body is not None, self._ready_pods(service, selector) or self._ready_endpoints(service))
        except ForbiddenError:
            return Backing(known=False)

    def _service(self, key: Key) -> Body | None:
        """As it is now or, to whoever may only list, as it was captured."""
        try:
            return self.reader.get(SERVICES, key)
        except ForbiddenError:
            if key not in self.captured.state.versions:
                raise
            return self.captured.state.load([key])[key].body

    def _in_target(self, key: Key) -> Body | None:
        return self.target.load([key])[key].body if key in self.target.versions else None

    def _ready_pods(self, service: ServiceName, selector: Body) -> bool:
        wanted = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
        return bool(selector) and any(_is_ready(pod) for pod in self._list(PODS, service, wanted))

    def _ready_endpoints(self, service: ServiceName) -> bool:
        """Endpoints that no selector makes: those of a control plane outside the cluster, for one."""
        slices = self._list(ENDPOINT_SLICES, service, f"kubernetes.io/service-name={service.name}")
        endpoints = (endpoint for each in slices for endpoint in each.get("endpoints") or ())
        return any((endpoint.get("conditions") or {}).get("ready") is not False for endpoint in endpoints)

    def _list(self, type_: ResourceType, service: ServiceName, selector: str) -> list[Body]:
        try:
            answers = self.reader.list_all([ListQuery(type_, service.namespace, selector)], "")
            return [item for _, items in answers for item in items]
        except NotFoundError:
            return []


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def root_certificate(reader: ClusterReader, root_namespace: str) -> str:
    """The root certificates that istiod publishes, in PEM; "" where they are not there or may not be read."""
    name, field = ROOT_CERTIFICATE
    try:
        body = _config_map(reader, root_namespace, name)
    except ForbiddenError:
        return ""
    return str(((body or {}).get("data") or {}).get(field, ""))


def _config_map(reader: ClusterReader, namespace: str, name: str) -> Body | None:
    """Got by its name or, by whoever may only list, found by the label that istiod gives it."""
    try:
        return reader.get(CONFIG_MAPS, Key("", "configmaps", namespace, name))
    except ForbiddenError:
        answers = reader.list_all([ListQuery(CONFIG_MAPS, namespace, PUBLISHED_BY_ISTIOD)], "")
        found = (item for _, items in answers for item in items if item["metadata"]["name"] == name)
        return next(found, None)
