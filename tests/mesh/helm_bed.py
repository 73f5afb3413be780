"""What the tests of `upgrade` on a Helm mesh share: base, istiod and a gateway, with values of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyrage

from tests.controlplane import chart_path, wait_webhooks
from tests.controlplane.build import ensure_built
from tests.support.cli import Plugin

from .helm_story import IMAGES, NAMESPACE, HelmMesh
from .mesh import NEW, OLD
from .upgrades import tools

ASTRAY = {
    "HELM_KUBECONTEXT": "no-such-context",
    "HELM_KUBEAPISERVER": "https://127.0.0.1:1",
    "HELM_KUBETOKEN": "of-nobody",
    "HELM_NAMESPACE": "elsewhere",
    "ISTIOCTL_XDS_ADDRESS": "127.0.0.1:1",
    "ISTIOCTL_ISTIONAMESPACE": "elsewhere",
}
"""In a shell that is set up for another cluster: helm and istioctl would go there."""

RELEASES = {"istio-base": "base", "istiod": "istiod", "istio-ingress": "gateway"}


def variables(folder: Path) -> dict[str, str]:
    """An environment in which helm and istioctl of both releases are found."""
    return {**tools(folder), "HELM": str(ensure_built("helm")["helm"])}


def install(mesh: HelmMesh) -> None:
    """The old release with two istiods and a gateway, and everything of it ready."""
    install_control_plane(mesh, "--set", "autoscaleMin=2")
    _install(mesh, "istio-ingress", "--set", "service.type=ClusterIP")
    mesh.kubectl("rollout", "status", "deployment/istio-ingress", "-n", NAMESPACE, "--timeout=120s")
    scaled = ("--for=jsonpath={.spec.replicas}=2", "--timeout=120s")
    mesh.kubectl("wait", "deployment/istiod", "-n", NAMESPACE, *scaled)  # by its autoscaler, in its own time
    mesh.kubectl("rollout", "status", "deployment/istiod", "-n", NAMESPACE, "--timeout=120s")


def install_control_plane(mesh: HelmMesh, *values: str) -> None:
    """The old release of base and istiod, ready."""
    mesh.kubectl("create", "namespace", NAMESPACE)
    _install(mesh, "istio-base", "--set", "defaultRevision=default")
    images = (*IMAGES, f"global.tag={OLD}")
    _install(mesh, "istiod", *images, "--set", "meshConfig.accessLogFile=/dev/stdout", *values)
    mesh.kubectl("rollout", "status", "deployment/istiod", "-n", NAMESPACE, "--timeout=120s")
    mesh.istiod.wait_ready(OLD)
    wait_webhooks(mesh.plane)


def _install(mesh: HelmMesh, release: str, *options: str) -> None:
    chart = str(chart_path(OLD, RELEASES[release]))
    mesh.plane.helm("upgrade", "--install", release, chart, "-n", NAMESPACE, *options)


def sealed_store(plugin: Plugin, folder: Path) -> Path:
    """Make the store, with the values of Secrets in it; the answer is the identity that opens them."""
    identity = pyrage.x25519.Identity.generate()
    key = folder / "identity.txt"
    key.touch(mode=0o600)
    key.write_text(f"{identity}\n")
    plugin.ok("store", "init", "--recipient", str(identity.to_public()))
    return key


def charts(folder: Path) -> Path:
    """The charts of the new release, as a user has them who fetched them."""
    folder.mkdir()
    for chart in RELEASES.values():
        (folder / f"{chart}-{NEW}.tgz").symlink_to(chart_path(NEW, chart))
    return folder


def of_people(names: Iterable[str]) -> set[str]:
    """Without what the API server itself makes for each Service, and removes with it."""
    return {name for name in names if not name.startswith("ipaddresses.networking.k8s.io ")}
