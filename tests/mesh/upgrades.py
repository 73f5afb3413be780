"""What the tests of `upgrade` share: a mesh with settings of its own, and the tools of both releases on the PATH."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.controlplane import ControlPlane, IstiodFollower, install_istio, istioctl_path, wait_webhooks
from tests.support.cli import Plugin

from .comparison import Dump
from .mesh import NEW, OLD, SCENARIO, Mesh

SETTINGS = (
    "--set", f"values.pilot.tag={OLD}",
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
    with _nodes(folder) as mesh:
        install_istio(mesh.plane, OLD, *settings)
        _settle(mesh)
        yield mesh


@contextmanager
def installed_by_manifests(folder: Path, *settings: str) -> Iterator[Mesh]:
    """The same by `istioctl manifest generate` and `kubectl apply`: no istioctl leaves its labels, or its defaults."""
    with _nodes(folder) as mesh:
        mesh.kubectl("create", "namespace", "istio-system")
        mesh.kubectl("apply", "-f-", manifest=rendered(mesh, OLD, *settings))
        mesh.istiod.wait_ready(OLD)
        wait_webhooks(mesh.plane)
        _settle(mesh)
        yield mesh


def rendered(mesh: Mesh, version: str, *settings: str) -> str:
    """What `istioctl manifest generate` of a release prints with these settings."""
    image = ("--set", "hub=docker.io/istio", "--set", f"tag={version}")
    return mesh.plane.istioctl(version, "manifest", "generate", *image, *settings)


@contextmanager
def _nodes(folder: Path) -> Iterator[Mesh]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane("nodes"))
        istiod = stack.enter_context(IstiodFollower(plane))
        yield Mesh(plane, istiod, Plugin(plane.kubeconfig, folder / "store.git", tools(folder / "bin")))


def _settle(mesh: Mesh) -> None:
    mesh.istiod.wait_ready(OLD)
    mesh.kubectl("apply", "--server-side", "--filename", str(SCENARIO))
    mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")


def check_settings(upgraded: Dump) -> None:
    """`SETTINGS` are what the new release runs with."""
    istiod = upgraded["deployments.apps istio-system/istiod"]["spec"]["template"]["spec"]
    assert istiod["containers"][0]["image"].endswith(f":{NEW}")
    assert istiod["containers"][0]["resources"] == {"requests": {"cpu": "10m", "memory": "100Mi"}}
    assert istiod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    mesh = upgraded["configmaps istio-system/istio"]["data"]["mesh"]
    assert "accessLogFile: /dev/stdout" in mesh
    assert "holdApplicationUntilProxyStarts: true" in mesh
    assert upgraded["services istio-system/istio-ingressgateway"]["spec"]["type"] == "ClusterIP"
    account = upgraded["serviceaccounts istio-system/istiod"]
    assert account["imagePullSecrets"] == [{"name": "registry"}]
