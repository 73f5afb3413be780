"""One pod's proxy: Istio's own pilot-agent, which runs an Envoy."""

from __future__ import annotations

import http.client
import os
import shlex
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.controlplane.access import Access
from tests.controlplane.build import ensure_built, files_of
from tests.controlplane.pods import Json
from tests.controlplane.processes import Process, TestbedError, free_ports

from . import proxy_pod
from .envoy import envoy_path

RESTART_SECONDS = 3.0
TOKEN_SECONDS = 86400
LEASH = Path(__file__).with_name("leash.py")


@dataclass
class Agent:
    """A running pilot-agent, in a folder that is the root of its container's files."""

    pod: Json
    release: str
    folder: Path
    process: Process
    status_port: int
    admin_port: int
    started: float = field(default_factory=time.monotonic)
    ready: bool = False

    @classmethod
    def of(cls, plane: Access, pod: Json, release: str) -> Agent:
        """Start one. Raises ApiError or TestbedError where the cluster is not ready for it yet."""
        folder = plane.folder / "proxies" / pod["metadata"]["uid"][:8]  # short: sockets are in there
        shutil.rmtree(folder, ignore_errors=True)
        _write_identity(plane, pod, folder)
        program = f"pilot-agent-{release}"
        admin_port, status_port = free_ports(2)
        place = proxy_pod.Place(_leashed(folder), admin_port, status_port)
        own = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        istiod = _cluster_ip(plane, *proxy_pod.istiod_of(pod))
        name = pod["metadata"]["name"]
        process = Process(
            f"proxy of {name}",
            [ensure_built(program)[program], *proxy_pod.arguments(pod, _template(program, pod, folder))],
            plane.folder / f"{name}.log",
            env={**own, **proxy_pod.environment(pod, istiod, place)},
            cwd=folder,
        )
        return cls(pod, release, folder, process, status_port, admin_port)

    def probe(self) -> bool:
        """The readiness probe that injection writes, asked of the agent itself."""
        return self.process.running() and _answers(self.status_port, "/healthz/ready")

    def crashed_a_while_ago(self) -> bool:
        """Whether a kubelet would start the container again."""
        return not self.process.running() and time.monotonic() - self.started > RESTART_SECONDS


def _write_identity(plane: Access, pod: Json, folder: Path) -> None:
    """What a kubelet would mount: the pod's token for istiod, the mesh's root certificate, labels and annotations."""
    about = pod["metadata"]
    namespace, account = about["namespace"], pod["spec"].get("serviceAccountName", "default")
    roots = plane.api.get(f"/api/v1/namespaces/{namespace}/configmaps/istio-ca-root-cert")
    if roots is None:
        raise TestbedError(f"istiod has not yet written its root certificate into {namespace}")
    bound = {"kind": "Pod", "apiVersion": "v1", "name": about["name"], "uid": about["uid"]}
    wanted = {"audiences": ["istio-ca"], "expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    files = {
        "var/run/secrets/tokens/istio-token": plane.api.request("POST", path, request)["status"]["token"],
        "var/run/secrets/istio/root-cert.pem": roots["data"]["root-cert.pem"],
        **{f"etc/istio/pod/{name}": text for name, text in proxy_pod.downward(pod).items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _leashed(folder: Path) -> Path:
    """A program in the proxy's folder that is Envoy."""
    program = folder / "envoy"
    command = shlex.join([sys.executable, "-I", "-S", str(LEASH), str(envoy_path())])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    return program


def _template(program: str, pod: Json, folder: Path) -> Path:
    """Istio's own bootstrap, with the listeners for health and metrics on the pod's address instead of on all."""
    text = (files_of(program) / "envoy_bootstrap.json").read_text()
    path = folder / "envoy_bootstrap.json"
    path.write_text(text.replace("{{ .wildcard }}", pod["status"]["podIP"]))
    return path


def _cluster_ip(plane: Access, namespace: str, name: str) -> str:
    service = plane.api.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    if service is None:
        raise TestbedError(f"there is no Service {namespace}/{name}")
    return str(service["spec"]["clusterIP"])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
