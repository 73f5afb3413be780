"""A real mesh for the tests of this folder, shared between them for as long as it is as new."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.controlplane import ControlPlane, IstiodFollower, install_istio
from tests.support.cli import Plugin

from .comparison import Dump, compare, dump

OLD, NEW = "1.28.3", "1.29.1"
ACCESS_LOG = ("--set", "meshConfig.accessLogFile=/dev/stdout")
SCENARIO = Path(__file__).with_name("scenario.yaml")
START = "start"
"""The name of the snapshot that every test begins with."""


@dataclass(frozen=True)
class Mesh:
    """What a test works with: the mesh, and the plugin with a store of the test's own."""

    plane: ControlPlane
    istiod: IstiodFollower
    plugin: Plugin

    def dump(self) -> Dump:
        """Every object of the cluster."""
        with closing(_Getter(self.plane)) as getter:
            return dump(getter)

    def install(self, version: str) -> None:
        """Install Istio, or upgrade to this release, as one does it: with istioctl."""
        install_istio(self.plane, version, *ACCESS_LOG)
        self.istiod.wait_ready(version)

    def kubectl(self, *args: str, manifest: str | None = None) -> str:
        """Run kubectl."""
        return self.plane.kubectl(*args, input=manifest)

    def patch(self, kind: str, name: str, patch: str, *, namespace: str = "shop", how: str = "merge") -> None:
        """Change an object by hand."""
        self.kubectl("patch", kind, name, "-n", namespace, f"--type={how}", f"--patch={patch}")


class _Getter:
    """GET as the administrator, over one connection: a dump is a hundred requests."""

    def __init__(self, plane: ControlPlane) -> None:
        context = ssl.create_default_context(cafile=str(plane.authority))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._connection = http.client.HTTPSConnection("127.0.0.1", plane.state.port, timeout=60, context=context)
        self._headers = {"Authorization": f"Bearer {plane.state.tokens['admin']}", "Accept": "application/json"}

    def __call__(self, path: str) -> Any:
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        text = response.read()
        assert response.status == 200, f"GET {path}: {text.decode()}"
        return json.loads(text)

    def close(self) -> None:
        self._connection.close()


class Bed:
    """A control plane with the old release and the scenario: lent to one test after another, and made anew after a
    test that could not leave it as it was."""

    def __init__(self) -> None:
        """Nothing runs before it is needed."""
        self._running = ExitStack()
        self._built: tuple[ControlPlane, IstiodFollower, Dump] | None = None

    @contextmanager
    def lend(self, store: Path) -> Iterator[Mesh]:
        """The mesh as new, with a snapshot of it in a new store. Afterwards it is rolled back to that, and checked."""
        plane, istiod, new = self._built = self._built or self._build()
        mesh = Mesh(plane, istiod, Plugin(plane.kubeconfig, store))
        mesh.plugin.ok("snapshot", "--name", START)
        try:
            yield mesh
        finally:
            if not _is_as_new(mesh, new) and not self._restored(mesh, new):
                self.close()

    def close(self) -> None:
        """End everything."""
        self._built = None
        self._running.close()

    def _restored(self, mesh: Mesh, new: Dump) -> bool:
        mesh.istiod.revive()
        ran = mesh.plugin("rollback", START, "--yes", "--timeout", "60")
        if ran.code:
            print(ran)
        return ran.code == 0 and _is_as_new(mesh, new)

    def _build(self) -> tuple[ControlPlane, IstiodFollower, Dump]:
        plane = self._running.enter_context(ControlPlane("nodes"))
        istiod = self._running.enter_context(IstiodFollower(plane))
        mesh = Mesh(plane, istiod, Plugin(plane.kubeconfig, plane.folder / "unused"))
        mesh.install(OLD)
        mesh.kubectl("apply", "--server-side", "--filename", str(SCENARIO))
        mesh.kubectl("rollout", "status", "deployment/web", "-n", "shop", "--timeout=60s")
        return plane, istiod, settled(mesh)


def install_definitions(plane: ControlPlane, version: str) -> None:
    """Those of a release alone: the first step of an upgrade with Helm."""
    options = ("--server-side", "--force-conflicts", "--field-manager=istio-operator")
    plane.kubectl("apply", *options, "-f-", input=definitions_of(plane, version))


def definitions_of(plane: ControlPlane, version: str) -> str:
    """The definitions of a release, as manifests."""
    documents = plane.istioctl(version, "manifest", "generate").split("\n---\n")
    return "\n---\n".join(document for document in documents if "kind: CustomResourceDefinition" in document)


def settled(mesh: Mesh, timeout: float = 60.0) -> Dump:
    """Every object, once two looks in a row find the same: controllers have caught up."""
    deadline = time.monotonic() + timeout
    last = mesh.dump()
    while True:
        time.sleep(1.0)
        now = mesh.dump()
        if compare(last, now).counts == (0, 0, 0, 0):
            return now
        assert time.monotonic() < deadline, f"the cluster does not settle: {compare(last, now)}"
        last = now


def _is_as_new(mesh: Mesh, new: Dump) -> bool:
    return compare(new, mesh.dump()).counts[:3] == (0, 0, 0)
