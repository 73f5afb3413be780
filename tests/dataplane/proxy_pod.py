"""What a pod asks of its proxy, read from its JSON and moved to this machine; no input or output here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane.components import RELEASES
from tests.controlplane.kwok import PROXIED
from tests.controlplane.pods import Json, variables
from tests.controlplane.processes import TestbedError

_IMAGE = re.compile(r"(?:^|/)proxyv2:(?P<release>[^@]+?)(?:-distroless|-debug)?(?:@.*)?$")
_SERVICE = re.compile(r"(?P<name>[a-z0-9.-]+?)\.(?P<namespace>[a-z0-9-]+)\.svc(?:\.[a-z0-9.-]+)?:(?P<port>\d+)")
_XDS = "istiod.istio-system.svc:15012"
"""Where istiod is unless the pod says otherwise."""

DRAIN = "2s"
"""How long a proxy lets its requests end; Istio's own 5 s are as much as the test bed gives a program to end."""


@dataclass(frozen=True)
class Place:
    """What is different for each proxy on this machine."""

    envoy: Path
    admin_port: int
    status_port: int


def container_of(pod: Json) -> Json | None:
    """The proxy's container: that of a gateway, of a sidecar, or of a sidecar that is an init container."""
    containers = (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    return next((each for each in containers if each["name"] == "istio-proxy" and _IMAGE.search(each["image"])), None)


def release_of(pod: Json) -> str | None:
    """The Istio release of this pod's proxy, if it is marked to be really run and of a release that we can run."""
    if PROXIED not in pod["metadata"].get("annotations", {}):
        return None
    container = container_of(pod)
    match = _IMAGE.search(container["image"]) if container else None
    return match["release"] if match and match["release"] in RELEASES else None


def arguments(pod: Json, template: Path) -> list[str]:
    """The container's own, with its variables filled in."""
    container = container_of(pod) or {}
    own = variables(pod, container)
    filled = [re.sub(r"\$\((\w+)\)", lambda match: own.get(match[1], match[0]), arg) for arg in container["args"]]
    return [*filled, f"--templateFile={template}"]


def istiod_of(pod: Json) -> tuple[str, str]:
    """Namespace and name of the Service of the istiod that the pod's proxy belongs to: that of its revision."""
    match = _SERVICE.fullmatch(_xds(variables(pod, container_of(pod) or {})))
    if not match:
        raise TestbedError(f"the proxy of {pod['metadata']['name']} belongs to no istiod of this cluster")
    return match["namespace"], match["name"]


def environment(pod: Json, istiod: str, place: Place) -> dict[str, str]:
    """The container's own variables, with istiod's Service at this address: there is no DNS here.

    Nor is there an iptables, hence the interception mode; and upstream's Envoy has none of Istio's own extensions.
    """
    own = variables(pod, container_of(pod) or {})
    host, _, port = _xds(own).rpartition(":")
    config = {
        **_config(own),
        "discoveryAddress": f"{istiod}:{port}",
        "binaryPath": str(place.envoy),
        "proxyAdminPort": place.admin_port,
        "statusPort": place.status_port,
        "concurrency": 1,
        "terminationDrainDuration": DRAIN,
    }
    del own["CA_ADDR"]  # istiod as well; for an address of its own the agent would not take another name
    return {
        **own,
        "ISTIOD_SAN": host,
        "PROXY_CONFIG": json.dumps(config),
        "ISTIO_META_INTERCEPTION_MODE": "NONE",
        "ISTIO_META_UNPRIVILEGED_POD": "false",  # else istiod leaves out port 0, which stands for a socket's file
        "PEER_METADATA_DISCOVERY": "false",
        "PROXY_XDS_DEBUG_VIA_AGENT": "false",
    }


def downward(pod: Json) -> dict[str, str]:
    """The files of the downward API below `etc/istio/pod`."""
    return {name: _lines(pod["metadata"].get(name, {})) for name in ("labels", "annotations")}


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key}={json.dumps(value)}\n" for key, value in values.items())


def _config(own: Mapping[str, str]) -> Json:
    config: Json = json.loads(own.get("PROXY_CONFIG") or "{}")
    return config


def _xds(own: Mapping[str, str]) -> str:
    return str(_config(own).get("discoveryAddress", _XDS))
