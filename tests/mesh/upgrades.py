"""What the tests of `upgrade` share: a mesh with settings of its own, and the tools of both releases on the PATH."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.controlplane import ControlPlane, IstiodFollower, install_istio, istioctl_path
from tests.support.cli import Plugin

from .mesh import NEW, OLD, SCENARIO, Mesh

SETTINGS = (
    "--set", "meshConfig.accessLogFile=/dev/stdout",
    "--set", "meshConfig.defaultConfig.holdApplicationUntilProxyStarts=true",
    "--set", "values.gateways.istio-ingressgateway.type=ClusterIP",
    "--set", "values.global.imagePullSecrets[0]=registry",
    "--set", "components.pilot.k8s.resources.requests.cpu=10m",
    "--set", "components.pilot.k8s.resources.requests.memory=100Mi",
    "--set", "components.pilot.k8s.nodeSelector.kubernetes\\.io/os=linux",
)  # fmt: skip
"""Some that istioctl records in the mesh as values, and some that it records nowhere."""


def tools(folder: Path, *versions: str) -> dict[str, str]:
    """An environment in which istioctl of these releases, or of both, is found by its name."""
    folder.mkdir(exist_ok=True)
    for version in versions or (OLD, NEW):
        link = folder / f"istioctl-{version}"
        if not link.exists():
            link.symlink_to(istioctl_path(version))
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def installed_by_istioctl(folder: Path, *settings: str) -> Iterator[Mesh]:
    """The old release with these settings, and an application in it."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane("nodes"))
        istiod = stack.enter_context(IstiodFollower(plane))
        mesh = Mesh(plane, istiod, Plugin(plane.kubeconfig, folder / "store.git", tools(folder / "bin")))
        install_istio(plane, OLD, *settings)
        istiod.wait_ready(OLD)
        mesh.kubectl("apply", "--server-side", "--filename", str(SCENARIO))
        mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
        yield mesh
