"""A mesh that Helm installed: upgraded, taken back by the plugin, its records put right, and upgraded again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyrage

from tests.controlplane import ControlPlane, IstiodFollower, chart_path, wait_webhooks
from tests.support.cli import Plugin, Ran

from .comparison import Dump
from .mesh import NEW, OLD, START, Mesh, settled

NAMESPACE = "istio-system"
CHARTS = {"istio-base": "base", "istiod": "istiod", "istio-ingress": "gateway"}
"""Releases, by the names that Istio's guide gives them, and their charts, in the order of the guide."""
IMAGES = ("--set", "global.hub=docker.io/istio", "--set")
OPTIONS = {
    "istio-base": ("--set", "defaultRevision="),
    "istiod": ("--set", "global.configValidation=false"),
    "istio-ingress": ("--set", "service.type=ClusterIP"),
}
"""Without validating webhooks: istiod changes their `failurePolicy`, which Helm takes for a conflict with or without
this tool."""


@dataclass(frozen=True)
class HelmMesh(Mesh):
    """A mesh whose releases Helm has installed."""

    def helm_upgrade(self, version: str, release: str, *options: str) -> str:
        """`helm upgrade --install`, server-side, as Helm 4 does by default; nothing forced unless asked for."""
        chart = str(chart_path(version, CHARTS[release]))
        images = (*IMAGES, f"global.tag={version}") if release == "istiod" else ()
        return self.plane.helm("upgrade", "--install", release, chart, "-n", NAMESPACE, *images, *options)

    def upgrade(self, version: str) -> None:
        """Every release, in the order of Istio's guide: gateways get their proxy from the new istiod."""
        for release, options in OPTIONS.items():
            self.helm_upgrade(version, release, *options)
            if release != "istio-base":
                self.kubectl("rollout", "status", f"deployment/{release}", "-n", NAMESPACE, "--timeout=120s")
            if release == "istiod":
                self.istiod.wait_ready(version)
                wait_webhooks(self.plane)

    def history(self, release: str) -> list[dict[str, Any]]:
        """What Helm says of a release, oldest revision first."""
        found: list[dict[str, Any]] = json.loads(self.plane.helm("history", release, "-n", NAMESPACE, "-o", "json"))
        return found


@dataclass(frozen=True)
class HelmStory:
    """How it was at each point."""

    mesh: HelmMesh
    before: Dump
    upgraded: Dump
    rollback: Ran
    back: Dump
    histories: dict[str, list[dict[str, Any]]]
    """After the commands that the plan told to run."""
    put_right: Dump
    again: Dump
    """After the next upgrade with Helm, nothing forced: a conflict with anybody would have ended it."""


@dataclass(frozen=True)
class SealedStory:
    """The same with a store that holds the values of Secrets, encrypted: first with the identity, then without."""

    before: Dump
    upgraded: Dump
    rollback: Ran
    back: Dump
    histories: dict[str, list[dict[str, Any]]]
    again: Dump
    """After the next upgrade, the very next thing that happens: nobody has put anything right in between."""
    without: Ran
    """The rollback of that, of which nobody gave the identity."""
    histories_without: dict[str, list[dict[str, Any]]]
    """After the commands that its plan told to run."""
    end: Dump


@contextmanager
def empty(store: Path, variables: Mapping[str, str] = MappingProxyType({})) -> Iterator[HelmMesh]:
    """A cluster that nothing is installed in yet; `variables` are in the plugin's environment."""
    with ControlPlane("nodes") as plane, IstiodFollower(plane) as istiod:
        yield HelmMesh(plane, istiod, Plugin(plane.kubeconfig, store, variables))


def begin(stack: ExitStack, folder: Path) -> HelmMesh:
    """A control plane with the old release on it."""
    mesh = stack.enter_context(empty(folder / "store.git"))
    mesh.kubectl("create", "namespace", NAMESPACE)
    mesh.upgrade(OLD)
    mesh.kubectl("create", "namespace", "shop")
    mesh.kubectl("label", "namespace", "shop", "istio-injection=enabled")
    return mesh


def tell(mesh: HelmMesh) -> HelmStory:
    """Upgrade with Helm, roll back with the plugin, do what its plan tells to do, and upgrade with Helm again."""
    before = settled(mesh)
    mesh.plugin.ok("snapshot", "--name", START)
    mesh.upgrade(NEW)
    mesh.kubectl("label", "namespace", "shop", "istio-injection=disabled", "--overwrite")
    mesh.kubectl("delete", "serviceaccount", "istio-reader-service-account", "-n", NAMESPACE)
    upgraded = settled(mesh)
    rollback = mesh.plugin.ok("rollback", START, "--yes", "-o", "json")
    back = settled(mesh)
    _do(mesh, rollback)
    put_right = settled(mesh)
    histories = _histories(mesh)
    mesh.upgrade(NEW)
    return HelmStory(mesh, before, upgraded, rollback, back, histories, put_right, settled(mesh))


def tell_sealed(mesh: HelmMesh, folder: Path) -> SealedStory:
    """Another upgrade of all of it, to and fro, with the values of Helm's records in the store."""
    identity = pyrage.x25519.Identity.generate()
    key = folder / "identity.txt"
    key.touch(mode=0o600)
    key.write_text(f"{identity}\n")
    sealed = Plugin(mesh.plane.kubeconfig, folder / "sealed.git")
    sealed.ok("store", "init", "--recipient", str(identity.to_public()))
    before = settled(mesh)
    sealed.ok("snapshot", "--name", START)
    mesh.upgrade(OLD)
    upgraded = settled(mesh)
    rollback = sealed.ok("rollback", START, "--yes", "--identity", str(key), "-o", "json")
    back, histories = settled(mesh), _histories(mesh)
    mesh.upgrade(OLD)
    again = settled(mesh)
    without = sealed.ok("rollback", START, "--yes", "-o", "json")
    _do(mesh, without)
    return SealedStory(before, upgraded, rollback, back, histories, again, without, _histories(mesh), settled(mesh))


def _histories(mesh: HelmMesh) -> dict[str, list[dict[str, Any]]]:
    return {release: mesh.history(release) for release in CHARTS}


def _do(mesh: HelmMesh, rollback: Ran) -> None:
    """What the plan tells to run."""
    for follow_up in rollback.data["plan"]["followUps"]:
        program, *arguments = follow_up["command"].split()
        assert program == "helm", follow_up
        mesh.plane.helm(*arguments)
