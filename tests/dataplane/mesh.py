"""A mesh with traffic: a real istiod, real proxies, and an application that clients reach through them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from string import Template
from types import TracebackType
from urllib.parse import urlsplit

from tests.controlplane import ControlPlane, IstiodFollower, install_istio
from tests.controlplane.kwok import PROXIED

from .follower import Front, ProxyFollower
from .traffic import App, Stream

MANIFEST = Path(__file__).with_name("mesh.yaml")
GATEWAY_LABELS = {"istio": "ingressgateway"}
PROXIES = 3
"""Of client, server and gateway."""

INSTALL = (
    # Upstream's Envoy refuses a configuration with filters that only Istio's own build has.
    "--set=values.pilot.env.PILOT_ENABLE_METADATA_EXCHANGE=false",
    "--set=values.pilot.env.PILOT_ENABLE_ALPN_FILTER=false",
    "--set=values.telemetry.enabled=false",
    "--set=components.ingressGateways[0].name=istio-ingressgateway",
    "--set=components.ingressGateways[0].enabled=true",
    f"--set=components.ingressGateways[0].k8s.podAnnotations.{PROXIED}=real",
)
"""What an installation needs so that its proxies can really run."""


class RunningMesh:
    """Istio of one release with a client, a gateway and a server, between which nothing but mutual TLS passes.

    `sidecar` leads through the client's sidecar, `gateway` through the ingress gateway, both to the server's sidecar
    and the application; `server` is that sidecar itself, for those who have no certificate. Restarts and upgrades are
    the test's business: proxies follow the pods.
    """

    def __init__(self) -> None:
        """Nothing runs before the `with` block."""
        self._running = ExitStack()
        self.plane = ControlPlane("nodes")
        at = self.plane.addresses
        gateway, client, server = ((at.fixed(number), 8080) for number in (2, 3, 4))
        self.gateway, self.sidecar, self.server = (f"http://{host}:{port}/" for host, port in (gateway, client, server))
        self.istiod = IstiodFollower(self.plane)
        self.app = App()
        fronts = (Front(gateway, GATEWAY_LABELS, "gateway.sock"), Front(client, {"app": "client"}, "client.sock"))
        self.proxies = ProxyFollower(self.plane, fronts)

    def __enter__(self) -> RunningMesh:
        """Start the control plane and the followers; `install` and `deploy` come next."""
        self._running.callback(self.app.stop)
        for part in (self.plane, self.istiod, self.proxies):
            self._running.enter_context(part)
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: BaseException | TracebackType | None) -> None:
        """End everything."""
        self._running.close()

    def install(self, version: str, *arguments: str) -> None:
        """Install Istio, or upgrade to this release in place: istiod and the gateway, but no sidecar."""
        install_istio(self.plane, version, *INSTALL, *arguments)
        self.istiod.wait_ready(version)

    def deploy(self) -> None:
        """Client, server and what leads to them, once Istio is there."""
        text = Template(MANIFEST.read_text()).substitute(
            CLIENT=self._address(self.sidecar), SERVER=self._address(self.server), APP=str(self.app.port)
        )
        self.plane.kubectl("apply", "--server-side", "-f-", input=text)
        self.wait_rolled_out()
        self.proxies.wait_ready(PROXIES)

    @staticmethod
    def _address(url: str) -> str:
        return urlsplit(url).hostname or ""

    def restart(self, *deployments: str) -> None:
        """Restart workloads of the shop, so that they get the sidecar of the present istiod."""
        for name in deployments or ("server", "client"):
            self.plane.kubectl("rollout", "restart", f"deployment/{name}", "-n", "shop")
        self.wait_rolled_out()

    def wait_rolled_out(self) -> None:
        """Until every Deployment is as it should be, by Kubernetes' own word."""
        for where in (("istio-system", "istio-ingressgateway"), ("shop", "server"), ("shop", "client")):
            namespace, name = where
            self.plane.kubectl("rollout", "status", f"deployment/{name}", "-n", namespace, "--timeout=90s")

    def stream(self, urls: Sequence[str] = (), interval: float = 0.1) -> Stream:
        """Requests through sidecar and gateway, for as long as a `with` block."""
        return Stream(tuple(urls) or (self.sidecar, self.gateway), interval)
