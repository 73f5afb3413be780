"""What istiod's pods and Services ask for, read from their JSON; no input or output here."""

from __future__ import annotations

import re
from pathlib import Path

from .components import RELEASES
from .pods import Json, variables

Endpoint = tuple[str, int]
_PILOT = re.compile(r"(?:^|/)pilot:(?P<release>[^@]+?)(?:-distroless|-debug)?(?:@.*)?$")
_OWN_ADDRESS = "--monitoringAddr"
_NOT_HERE = ("KUBECONFIG",)


def container_of(pod: Json) -> Json | None:
    """The container that runs istiod."""
    return next((each for each in pod["spec"]["containers"] if _PILOT.search(each["image"])), None)


def release_of(pod: Json) -> str | None:
    """The Istio release that this pod runs, if it is istiod's and a release that we can run."""
    container = container_of(pod)
    match = _PILOT.search(container["image"]) if container else None
    return match["release"] if match and match["release"] in RELEASES else None


def arguments(pod: Json, kubeconfig: Path) -> list[str]:
    """The container's own arguments, with every address moved from "all interfaces" to the pod's own."""
    container = container_of(pod) or {}
    own = [arg for arg in container.get("args", []) if not arg.startswith(_OWN_ADDRESS)]
    address = pod["status"]["podIP"]
    return [
        *(own or ["discovery"]),
        f"--kubeconfig={kubeconfig}",
        f"--httpAddr={address}:8080",
        f"--httpsAddr={address}:15017",
        f"--grpcAddr={address}:15010",
        f"--secureGRPCAddr={address}:15012",
        f"--monitoringAddr={address}:15014",
        f"--ctrlz_address={address}",
        "--shutdownDuration=1s",
    ]


def environment(pod: Json) -> dict[str, str]:
    """The container's own variables, but for those that name files of the container."""
    own = variables(pod, container_of(pod) or {})
    return {name: value for name, value in own.items() if name not in _NOT_HERE}


def routes(services: list[Json], pods: list[Json]) -> dict[Endpoint, list[Endpoint]]:
    """For each cluster IP and port, the addresses of the given pods that its Service selects."""
    result: dict[Endpoint, list[Endpoint]] = {}
    for service in services:
        spec = service["spec"]
        selector = spec.get("selector") or {}
        address = spec.get("clusterIP")
        chosen = [pod for pod in pods if selector and selector.items() <= pod["metadata"].get("labels", {}).items()]
        if not chosen or address in (None, "", "None"):
            continue
        for port in spec.get("ports", []):
            targets = [(pod["status"]["podIP"], _target_port(pod, port)) for pod in chosen]
            result[(address, port["port"])] = [(ip, number) for ip, number in targets if number]
    return result


def _target_port(pod: Json, port: Json) -> int:
    """The number of a Service's target port, 0 for a name that the pod does not have."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    named = (each for container in pod["spec"]["containers"] for each in container.get("ports", []))
    return next((int(each["containerPort"]) for each in named if each.get("name") == target), 0)
