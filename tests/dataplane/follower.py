"""Runs a real proxy for each pretended pod that is marked for it."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.controlplane.access import Access
from tests.controlplane.api import ApiError
from tests.controlplane.pods import Json, report_readiness, runs
from tests.controlplane.processes import TestbedError, tail
from tests.controlplane.service_proxy import Backend, Endpoint, ServiceProxy

from . import proxy_pod
from .agent import Agent

POLL_SECONDS = 0.3
LINGER_SECONDS = 1.0
"""How long a proxy stays whole after its pod has gone, as with a grace period: others hear of it with a delay."""
_TRANSIENT = (ApiError, OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Front:
    """A way in: where connections are taken, and to which pods' socket they are led, as kube-proxy would do it."""

    address: Endpoint
    labels: Mapping[str, str]
    socket: str
    """The file's name in the proxy's folder."""


@dataclass
class ProxyFollower:
    """Does for proxies what a kubelet does: an agent for each running pod with the annotation `testbed-proxy`.

    The pod is ready when its proxy says so, so a rollout takes as long as proxies take to start. A crashed proxy is
    started again; that of a deleted pod gets no new connections any more and ends a little later, with its requests
    served. Everything ends with the `with` block.
    """

    plane: Access
    fronts: Sequence[Front] = ()
    last_error: Exception | None = None
    _agents: dict[str, Agent] = field(default_factory=dict)
    _leaving: list[threading.Thread] = field(default_factory=list)
    _proxy: ServiceProxy = field(default_factory=ServiceProxy)
    _ended: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; proxies come and go from now on."""
        self._thread = threading.Thread(target=self._follow, name="proxy-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all proxies."""
        self._ended.set()
        if self._thread:
            self._thread.join()
        for agent in self._agents.values():
            agent.process.kill()
        for thread in self._leaving:
            thread.join()
        self._proxy.stop()

    def __enter__(self) -> ProxyFollower:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        """Stop, whatever happened."""
        self.stop()

    def agents(self) -> list[Agent]:
        """Those of all pods that are there."""
        with self._turn:
            return list(self._agents.values())

    def versions(self) -> dict[str, str]:
        """The release of each proxy that is ready, by `NAME.NAMESPACE`, as istioctl calls them."""
        return {_name(agent.pod): agent.release for agent in self.agents() if agent.ready}

    def wait_ready(self, count: int, timeout: float = 60.0) -> None:
        """Wait until so many proxies are there, and all of them are ready."""
        deadline = time.monotonic() + timeout
        while not (len(agents := self.agents()) == count and all(agent.ready for agent in agents)):
            if time.monotonic() > deadline:
                raise TestbedError(f"not {count} proxies ready after {timeout:.0f} s; {self._explain(agents)}")
            time.sleep(POLL_SECONDS)

    def _follow(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                with self._turn:
                    self._step()
            except _TRANSIENT as error:
                self.last_error = error

    def _step(self) -> None:
        """One look at the cluster, one round of what follows from it."""
        listed = self.plane.api.request("GET", "/api/v1/pods")["items"]
        wanted = {pod["metadata"]["uid"]: pod for pod in listed if proxy_pod.release_of(pod) and runs(pod)}
        gone = [self._agents.pop(uid) for uid in set(self._agents) - set(wanted)]
        self._lead()
        for agent in gone:
            self._dismiss(agent)
        for uid, pod in wanted.items():
            try:
                self._keep_running(uid, pod)
            except (*_TRANSIENT, TestbedError) as error:
                self.last_error = error  # such as a namespace without the root certificate: not yet
        self._lead()

    def _keep_running(self, uid: str, pod: Json) -> None:
        agent = self._agents.get(uid)
        if agent is None or agent.crashed_a_while_ago():
            if agent:
                agent.process.stop()
            agent = self._agents[uid] = Agent.of(self.plane, pod, proxy_pod.release_of(pod) or "")
        agent.ready = agent.probe()
        report_readiness(self.plane.api, pod, agent.ready)

    def _lead(self) -> None:
        """Lead connections to ready pods, the newest first."""
        newest_first = sorted(self._agents.values(), key=lambda agent: agent.started, reverse=True)
        table: dict[Endpoint, list[Backend]] = {}
        for front in self.fronts:
            table[front.address] = [
                agent.folder / front.socket
                for agent in newest_first
                if agent.ready and front.labels.items() <= agent.pod["metadata"].get("labels", {}).items()
            ]
        self._proxy.update(table)

    def _dismiss(self, agent: Agent) -> None:
        thread = threading.Thread(target=_end, args=(agent,), name=f"ending {_name(agent.pod)}")
        thread.start()
        self._leaving = [each for each in self._leaving if each.is_alive()] + [thread]

    def _explain(self, agents: Sequence[Agent]) -> str:
        pods = ", ".join(f"{_name(agent.pod)} {'ready' if agent.ready else 'not ready'}" for agent in agents)
        logs: list[Path] = [agent.process.log for agent in agents if not agent.ready]
        shown = [f"{log}:\n{tail(log)}" for log in logs]
        return "\n".join([f"pods: {pods or 'none'}; last error: {self.last_error}", *shown])


def _end(agent: Agent) -> None:
    time.sleep(LINGER_SECONDS)
    agent.process.stop()


def _name(pod: Json) -> str:
    return f"{pod['metadata']['name']}.{pod['metadata']['namespace']}"
