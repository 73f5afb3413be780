"""The level above the API server: controllers, a scheduler, and a node on which kwok pretends that pods run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from . import kwok
from .access import Access
from .build import ensure_built, files_of
from .processes import Process, accepts_connections, free_ports, wait_until

NODE = "testbed-node"
NEVER = "24h"
"""When a node that is silent counts as dead. kwok gives a sign of life 20 to 45 seconds after its start, and may be
started anew before that, again and again; by default 50 seconds are enough for every pod to become unready."""
PROGRAMS = ("kube-controller-manager", "kube-scheduler", "kwok")


def start_nodes(plane: Access) -> Iterator[Process]:
    """Start everything above the API server, yielding each process as soon as it exists."""
    paths = ensure_built(*PROGRAMS)
    manager_port, scheduler_port, kubelet_port = free_ports(3)
    commands = {
        "kube-controller-manager": _controller_manager(plane, manager_port),
        "kube-scheduler": [*_common(plane), "--leader-elect=false", f"--secure-port={scheduler_port}"],
        "kwok": _kwok(plane, kubelet_port),
    }
    started = {}
    for name, arguments in commands.items():
        started[name] = Process(name, [paths[name], *arguments], plane.folder / f"{name}.log")
        yield started[name]
    ports = {"kube-controller-manager": manager_port, "kube-scheduler": scheduler_port, "kwok": kubelet_port}
    for name, port in ports.items():
        wait_until(lambda port=port: accepts_connections("127.0.0.1", port), started[name])  # type: ignore[misc]
    _create_node(plane)
    wait_until(lambda: _node_ready(plane), started["kwok"])
    _announce_kubelet(plane, kubelet_port)
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    wait_until(lambda: plane.api.get(account) is not None, started["kube-controller-manager"])


def _common(plane: Access) -> list[str]:
    uses = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
    return ["--bind-address=127.0.0.1", *(f"--{use}={plane.kubeconfig}" for use in uses)]


def _controller_manager(plane: Access, port: int) -> list[str]:
    return [
        *_common(plane),
        f"--secure-port={port}",
        "--leader-elect=false",
        f"--node-monitor-grace-period={NEVER}",
        "--controllers=*,-bootstrapsigner,-tokencleaner,-nodeipam",
        f"--service-account-private-key-file={plane.folder / 'signing.key'}",
        f"--root-ca-file={plane.authority}",
    ]


def _kwok(plane: Access, port: int) -> list[str]:
    return [
        f"--kubeconfig={plane.kubeconfig}",
        f"--config={write_kwok_config(plane, {})}",
        "--manage-all-nodes",
        pod_addresses(plane, 0),
        "--node-ip=127.0.0.1",
        f"--node-port={port}",
        f"--server-address=127.0.0.1:{port}",
        f"--tls-cert-file={plane.authority}",
        f"--tls-private-key-file={plane.authority.with_suffix('.key')}",
    ]


def pod_addresses(plane: Access, start: int) -> str:
    """Kwok's argument that says which addresses it gives to pods after its start of this number."""
    return f"--cidr={plane.addresses.pods(start)}"


def write_kwok_config(plane: Access, istiods: Mapping[str, str]) -> Path:
    """Write what kwok reads when it starts; port forwards to these pods lead to their own addresses."""
    path = plane.folder / "kwok.yaml"
    documents = [*kwok.stages(files_of("kwok")), *kwok.port_forwards(plane.addresses.istiod, istiods)]
    path.write_text(yaml.safe_dump_all(documents))
    return path


def _create_node(plane: Access) -> None:
    labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
    plane.api.request("POST", "/api/v1/nodes", node)


def _announce_kubelet(plane: Access, kubelet_port: int) -> None:
    """Say where the node's kubelet answers: kwok's server, for port forwards; kwok's first status would undo it."""
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
    }
    patch = "application/merge-patch+json"
    plane.api.request("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, patch)


def _node_ready(plane: Access) -> bool:
    node = plane.api.get(f"/api/v1/nodes/{NODE}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    tainted = node.get("spec", {}).get("taints")
    return not tainted and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
