"""Runs the real istiod for each of its pretended pods."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from . import istiod_pod, pods
from .access import Access
from .api import ApiError
from .build import ensure_built
from .credentials import User
from .istiod_pod import Endpoint
from .kwok import ISTIO_PORTS, NAMESPACE
from .pods import Json
from .processes import Process, TestbedError, accepts_connections, tail
from .service_proxy import ServiceProxy

POLL_SECONDS = 0.3
RESTART_SECONDS = 3.0
TOKEN_SECONDS = 86400
OVERLAP_SECONDS = 6.0


@dataclass
class Instance:
    """One pod's istiod."""

    pod: str
    uid: str
    release: str
    address: str
    process: Process
    started: float = field(default_factory=time.monotonic)
    ready: bool = False

    def crashed_a_while_ago(self) -> bool:
        """Whether a kubelet would start the container again."""
        return not self.process.running() and time.monotonic() - self.started > RESTART_SECONDS

    def probe(self) -> bool:
        """The Deployment's readiness probe, and that webhooks are served."""
        return self.process.running() and _answers(self.address) and accepts_connections(self.address, 15017)


class IstiodFollower:
    """Does for istiod what kubelet and kube-proxy do: a process for each running pod, and a way to it for each Service.

    The process is the pilot-discovery of the release in the pod's image tag, with the container's own arguments and
    variables, as the pod's own service account, on the pod's own IP. The pod is ready when that process says so; it
    ends when the pod goes, and a crashed one is started again.
    """

    def __init__(self, plane: Access, namespace: str = NAMESPACE) -> None:
        """Follow istiod in this namespace of a control plane of level "nodes"."""
        if plane.state.level != "nodes":
            raise TestbedError('istiod needs a control plane of level "nodes": it runs where its pods run')
        self._plane = plane
        self._namespace = namespace
        self._instances: dict[str, Instance] = {}
        self._proxy = ServiceProxy()
        self._forwarded: dict[str, str] = {}
        self._dead = False
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="istiod-follower", daemon=True)
        self.last_error: Exception | None = None

    def start(self) -> None:
        """Begin; istiods come and go from now on."""
        _check_privileges(self._plane.addresses.istiod)
        self._thread.start()

    def stop(self) -> None:
        """End all istiods."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._crash_all()
        self._proxy.stop()

    def __enter__(self) -> IstiodFollower:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        """Stop, whatever happened."""
        self.stop()

    def versions(self) -> list[str]:
        """The releases of all istiods that are ready."""
        with self._turn:
            return sorted(each.release for each in self._instances.values() if each.ready)

    def wait_ready(self, version: str, timeout: float = 90.0) -> None:
        """Wait until an istiod of this release is ready, none is still starting, and each has its own port forwards."""
        deadline = time.monotonic() + timeout
        while not self._settled(version):
            if time.monotonic() > deadline:
                raise TestbedError(f"istiod {version} not ready after {timeout:.0f} s; {self._explain()}")
            time.sleep(POLL_SECONDS)

    def _settled(self, version: str) -> bool:
        with self._turn:
            instances = list(self._instances.values())
        told_apart = len(instances) == 1 or all(each.pod in self._forwarded for each in instances)
        ready = all(each.ready for each in instances)
        return told_apart and ready and any(each.release == version for each in instances)

    def kill_istiod(self) -> None:
        """Crash every istiod and keep it down until `revive`: its webhooks are now served by nobody."""
        with self._turn:
            self._dead = True
            self._crash_all()
            self._step()

    def revive(self) -> None:
        """Let istiod run again."""
        with self._turn:
            self._dead = False

    def _follow(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                with self._turn:
                    self._step()
            except (ApiError, OSError, http.client.HTTPException, TestbedError) as error:
                self.last_error = error

    def _step(self) -> None:
        """One look at the cluster, one round of what follows from it."""
        running = [pod for pod in self._list("pods") if istiod_pod.release_of(pod) and pods.runs(pod)]
        wanted = {} if self._dead else {pod["metadata"]["uid"]: pod for pod in running}
        for uid in set(self._instances) - set(wanted):
            self._instances.pop(uid).process.stop()
        for uid, pod in wanted.items():
            self._keep_running(uid, pod)
        for pod in running:
            instance = self._instances.get(pod["metadata"]["uid"])
            pods.report_readiness(self._plane.api, pod, instance is not None and instance.ready)
        self._route([pod for uid, pod in wanted.items() if uid in self._instances and self._instances[uid].ready])

    def _list(self, plural: str) -> list[Json]:
        found = self._plane.api.get(f"/api/v1/namespaces/{self._namespace}/{plural}")
        return list(found["items"]) if found else []

    def _keep_running(self, uid: str, pod: Json) -> None:
        instance = self._instances.get(uid)
        if instance is None or instance.crashed_a_while_ago():
            if instance:
                instance.process.stop()
            instance = self._instances[uid] = self._run(uid, pod)
        instance.ready = instance.probe()

    def _run(self, uid: str, pod: Json) -> Instance:
        release = istiod_pod.release_of(pod) or ""
        name = pod["metadata"]["name"]
        program = f"pilot-discovery-{release}"
        path = ensure_built(program)[program]
        folder = self._plane.folder / "istiod" / name
        folder.mkdir(parents=True, exist_ok=True)
        kubeconfig = self._kubeconfig(folder, pod["spec"].get("serviceAccountName", "default"))
        own = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        process = Process(
            f"istiod {release}",
            [path, *istiod_pod.arguments(pod, kubeconfig)],
            self._plane.folder / f"{name}.log",
            env={**own, **istiod_pod.environment(pod)},
            cwd=folder,
        )
        return Instance(name, uid, release, pod["status"]["podIP"], process)

    def _kubeconfig(self, folder: Path, account: str) -> Path:
        """A kubeconfig for istiod's own service account, so that its own roles decide what it may do."""
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        answer = self._plane.api.request("POST", path, {**request, "spec": {"expirationSeconds": TOKEN_SECONDS}})
        kubeconfig = folder / "kubeconfig"
        self._plane.write_kubeconfig(kubeconfig, User(account, (), answer["status"]["token"]))
        return kubeconfig

    def _route(self, ready: list[Json]) -> None:
        """Lead cluster IPs to ready pods, and port forwards to the newest of them."""
        newest_first = sorted(ready, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
        table: dict[Endpoint, list[Endpoint]] = istiod_pod.routes(self._list("services"), newest_first)
        for port in ISTIO_PORTS:
            table[(self._plane.addresses.istiod, port)] = [(pod["status"]["podIP"], port) for pod in newest_first]
        self._proxy.update(table)
        self._tell_apart([each for each in self._instances.values() if each.ready])

    def _tell_apart(self, ready: list[Instance]) -> None:
        """Give each pod port forwards of its own once several stay, as with two revisions.

        That restarts kwok, so it is not done for the moment in which a rolling update has two pods.
        """
        old_enough = time.monotonic() - OVERLAP_SECONDS
        stay = [each for each in ready if each.started < old_enough]
        known = {each.pod: each.address for each in stay}
        if len(known) > 1 and not known.items() <= self._forwarded.items():
            self._plane.forward_ports(known)
            self._forwarded = known

    def _crash_all(self) -> None:
        while self._instances:
            _, instance = self._instances.popitem()
            instance.process.kill()

    def _explain(self) -> str:
        with self._turn:
            instances = list(self._instances.values())
        pods = ", ".join(f"{each.pod} {'ready' if each.ready else 'not ready'}" for each in instances)
        logs = [f"{each.process.log}:\n{tail(each.process.log)}" for each in instances if not each.ready]
        return "\n".join([f"pods: {pods or 'none'}; last error: {self.last_error}", *logs])


def _check_privileges(address: str) -> None:
    """Find out at once whether we may serve webhooks, which Istio's Service has on port 443."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, 443))
        except OSError as error:
            hint = "run as root, or `sysctl net.ipv4.ip_unprivileged_port_start=443`; Linux only"
            raise TestbedError(f"cannot listen on {address}:443 ({error}): {hint}") from error


def _answers(address: str) -> bool:
    connection = http.client.HTTPConnection(address, 8080, timeout=1)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
