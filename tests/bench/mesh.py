"""A large mesh, generated: the same objects on every machine, of the kinds and sizes that real meshes have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

Body = dict[str, Any]

NAMESPACES_OF = 50
"""Objects in one namespace: 10,000 objects make 200 namespaces."""

_KINDS = (
    ("networking.istio.io/v1", "VirtualService", "virtualservices", 15),
    ("networking.istio.io/v1", "DestinationRule", "destinationrules", 15),
    ("security.istio.io/v1", "AuthorizationPolicy", "authorizationpolicies", 10),
    ("networking.istio.io/v1", "ServiceEntry", "serviceentries", 8),
    ("security.istio.io/v1", "PeerAuthentication", "peerauthentications", 2),
)
"""API version, kind, resource, and how many of the objects in a namespace."""

PLURALS = {kind: plural for _, kind, plural, _ in _KINDS}


def namespaces(count: int) -> list[str]:
    """The namespaces of a mesh of this many objects."""
    return [f"team-{number:03}" for number in range(-(-count // NAMESPACES_OF))]


def objects(count: int) -> Iterator[Body]:
    """The mesh. Kinds alternate, so that any stretch of it has all of them."""
    order = _interleaved()
    for number, (api_version, kind) in enumerate(islice(cycle(order), count)):
        namespace, service = f"team-{number // NAMESPACES_OF:03}", f"{kind.lower()}-{number % NAMESPACES_OF:02}"
        yield {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {
                "name": service,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/name": service, "app.kubernetes.io/managed-by": "bench"},
                "annotations": {"example.com/owner": f"{namespace}@example.com", "example.com/ticket": f"OPS-{number}"},
            },
            "spec": _SPECS[kind](f"{service}.{namespace}.svc.cluster.local", number),
        }


def path_of(body: Body, *, collection: bool = False) -> str:
    """The object's URL path, or that of the collection it is created in."""
    namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
    path = f"/apis/{body['apiVersion']}/namespaces/{namespace}/{PLURALS[body['kind']]}"
    return path if collection else f"{path}/{name}"


def spread(bodies: list[Body], count: int) -> list[Body]:
    """This many of them, far apart: a change seldom stays in one namespace."""
    step = max(1, len(bodies) // count)
    return bodies[::step][:count]


def change_of(body: Body, turn: int) -> Body:
    """A merge patch of the object's spec that no other turn makes."""
    labels = {"app": f"changed-in-turn-{turn}"}
    match body["kind"]:
        case "VirtualService":
            return {"hosts": [*body["spec"]["hosts"], f"turn-{turn}.example.com"]}
        case "DestinationRule":
            return {"host": f"turn-{turn}.example.com"}
        case "ServiceEntry":
            return {"hosts": [*body["spec"]["hosts"], f"turn-{turn}.example.com"]}
        case _:
            return {"selector": {"matchLabels": labels}}


def _interleaved() -> list[tuple[str, str]]:
    slots = [(index / share, kind) for *kind, _, share in _KINDS for index in range(share)]
    return [(kind[0], kind[1]) for _, kind in sorted(slots)]


def _virtual_service(host: str, number: int) -> Body:
    def route(index: int) -> Body:
        return {
            "match": [{"uri": {"prefix": f"/api/v{index}/{number}"}, "headers": {"x-tier": {"exact": f"t{index}"}}}],
            "rewrite": {"uri": f"/v{index}"},
            "route": [
                {"destination": {"host": host, "subset": "stable", "port": {"number": 8080}}, "weight": 95},
                {"destination": {"host": host, "subset": "canary", "port": {"number": 8080}}, "weight": 5},
            ],
            "timeout": "5s",
            "retries": {"attempts": 3, "perTryTimeout": "2s", "retryOn": "5xx,reset,connect-failure"},
        }

    return {"hosts": [host], "gateways": ["mesh"], "http": [route(1), route(2)]}


def _destination_rule(host: str, number: int) -> Body:
    pool = {"tcp": {"maxConnections": 100 + number % 50}, "http": {"http2MaxRequests": 1000}}
    outliers = {"consecutive5xxErrors": 5, "interval": "30s", "baseEjectionTime": "60s", "maxEjectionPercent": 50}
    subsets = [
        {
            "name": name,
            "labels": {"track": name},
            "trafficPolicy": {"loadBalancer": {"simple": "LEAST_REQUEST"}, "connectionPool": pool},
        }
        for name in ("stable", "canary")
    ]
    return {"host": host, "trafficPolicy": {"connectionPool": pool, "outlierDetection": outliers}, "subsets": subsets}


def _authorization_policy(host: str, number: int) -> Body:
    name = host.partition(".")[0]
    callers = [f"cluster.local/ns/team-{(number + step) % 200:03}/sa/client-{step}" for step in range(6)]
    paths = [f"/api/v{version}/{number}/*" for version in range(4)]
    return {
        "selector": {"matchLabels": {"app": name}},
        "action": "ALLOW",
        "rules": [
            {
                "from": [{"source": {"principals": callers}}],
                "to": [{"operation": {"methods": ["GET", "HEAD", "POST"], "paths": paths, "ports": ["8080"]}}],
                "when": [{"key": "request.auth.claims[iss]", "values": ["https://accounts.example.com"]}],
            }
        ],
    }


def _service_entry(_host: str, number: int) -> Body:
    return {
        "hosts": [f"partner-{number}-{index}.example.com" for index in range(4)],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "ports": [
            {"name": "https", "number": 443, "protocol": "TLS"},
            {"name": "http", "number": 80, "protocol": "HTTP"},
        ],
        "endpoints": [
            {"address": f"203.0.113.{index}", "labels": {"zone": f"z{index}"}, "ports": {"https": 8443, "http": 8080}}
            for index in range(1, 5)
        ],
    }


def _peer_authentication(host: str, number: int) -> Body:
    ports = {str(9000 + (number + index) % 900): {"mode": "PERMISSIVE"} for index in range(4)}
    selector = {"matchLabels": {"app": host.partition(".")[0]}}
    return {"selector": selector, "mtls": {"mode": "STRICT"}, "portLevelMtls": ports}


_SPECS = {
    "VirtualService": _virtual_service,
    "DestinationRule": _destination_rule,
    "AuthorizationPolicy": _authorization_policy,
    "ServiceEntry": _service_entry,
    "PeerAuthentication": _peer_authentication,
}
