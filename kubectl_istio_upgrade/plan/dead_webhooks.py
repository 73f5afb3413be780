"""Which webhooks of the mesh cannot answer, and why: from the live objects and what the cluster says of services."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..models.objects import Body, Key, MeshObject, State
from ..models.webhooks import Backing, DeadWebhook, ServiceName
from ..normalise.encoding import from_base64
from ..rules.fields import WEBHOOKS

ISTIOD_PATCHES = "istio.io/rev"
"""The label by which istiod finds the webhook configurations whose CA it keeps current."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Surrounding:
    """What the objects themselves do not tell."""

    backings: Mapping[ServiceName, Backing] = field(default_factory=dict)
    """What stands behind the services; one that is not here could not be looked at and counts as well."""
    root_certificate: str = ""
    """The mesh's root certificates in PEM, as istiod publishes them; "" when that is not known."""


def called_services(live: State) -> tuple[ServiceName, ...]:
    """The services that webhooks of the mesh call, sorted."""
    services = {service_of(hook) for _, hook in _webhooks(live)}
    return tuple(sorted(service for service in services if service))


def hook_count(live: State) -> int:
    """How many webhooks there are that call a service."""
    return sum(1 for _, hook in _webhooks(live) if service_of(hook))


def dead_webhooks(live: State, around: Surrounding) -> tuple[DeadWebhook, ...]:
    """Webhooks whose service is gone or has nothing ready behind it, or whose CA is not the mesh's.

    A webhook that is called by URL is out of sight, and one that somebody else serves has another CA: neither counts.
    """
    found = (_dead(configuration, hook, around) for configuration, hook in _webhooks(live))
    return tuple(hook for hook in found if hook)


def service_of(hook: Body) -> ServiceName | None:
    """The service that a webhook calls; None when it is called by URL."""
    service = hook.get("clientConfig", {}).get("service")
    return ServiceName(service["namespace"], service["name"]) if service else None


def _webhooks(live: State) -> Iterator[tuple[MeshObject, Body]]:
    keys: list[Key] = sorted(key for key in live.versions if key.resource in WEBHOOKS)
    for obj in live.load(keys).values():
        for hook in obj.body.get("webhooks") or ():
            yield obj, hook


def _dead(configuration: MeshObject, hook: Body, around: Surrounding) -> DeadWebhook | None:
    service = service_of(hook)
    if service is None:
        return None
    backing = around.backings.get(service, Backing())
    why = _why(service, backing) or _stale_ca(configuration, hook, around.root_certificate)
    if not why:
        return None
    return DeadWebhook(
        configuration=configuration.key,
        webhook=str(hook.get("name")),
        failure_policy=str(hook.get("failurePolicy", "Fail")),
        rules=tuple(hook.get("rules") or ()),
        why=why,
        service=service,
        needs_service=not backing.exists,
        needs_workload=backing.exists or not backing.ready,
        object_selector=hook.get("objectSelector"),
        namespace_selector=hook.get("namespaceSelector"),
    )


def _why(service: ServiceName, backing: Backing) -> str:
    if not backing.exists:
        return f"its service {service} does not exist"
    return "" if backing.ready else f"its service {service} has no ready endpoint"


def _stale_ca(configuration: MeshObject, hook: Body, root: str) -> str:
    if ISTIOD_PATCHES not in configuration.labels:
        return ""
    mesh, bundle = _certificates(root), _certificates(_decoded(hook["clientConfig"].get("caBundle") or ""))
    return "its caBundle does not have the mesh's root certificate" if mesh and not mesh & bundle else ""


def _decoded(bundle: str) -> str:
    try:
        return from_base64(bundle).decode("ascii", errors="replace")
    except ValueError:
        return ""


def _certificates(pem: str) -> frozenset[str]:
    return frozenset("".join(block.split()) for block in _CERTIFICATE.findall(pem))
