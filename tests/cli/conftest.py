"""The product's console script, run against a real API server with Istio's definitions in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import control_plane as control_plane
from tests.controlplane.plane import ControlPlane

from .mesh import Json, Mesh, virtual_service
from .moments import MANY
from .program import Program, clean_environment
from .proxy import Proxy


@pytest.fixture(scope="package")
def installed(control_plane: ControlPlane) -> Mesh:
    """Istio's objects, once."""
    mesh = Mesh(control_plane)
    mesh.install()
    return mesh


@pytest.fixture
def mesh(installed: Mesh) -> Iterator[Mesh]:
    """The mesh; what a test adds is removed after it."""
    yield installed
    installed.remove_made()
    installed.drop_lease()  # a program that was killed leaves it for its term


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where the store of the test is, or will be."""
    return tmp_path / "store"


@pytest.fixture
def offline(tmp_path: Path, store: Path) -> Program:
    """The product without any cluster."""
    missing = str(tmp_path / "no-kubeconfig")
    return Program(clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(store), KUBECONFIG=missing))


@pytest.fixture
def program(offline: Program, mesh: Mesh) -> Program:
    """The product, as administrator of the mesh."""
    return offline.having(KUBECONFIG=str(mesh.plane.kubeconfig))


@pytest.fixture(scope="package")
def template(installed: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one snapshot of the mesh, called `friday`."""
    folder = tmp_path_factory.mktemp("template")
    environment = clean_environment(folder, KUBECONFIG=str(installed.plane.kubeconfig))
    program = Program({**environment, "ISTIO_UPGRADE_STORE": str(folder / "store")})
    program("snapshot", "--quiet", "--name", "friday").done()
    return folder / "store"


@pytest.fixture
def taken(program: Program, template: Path, store: Path) -> Program:
    """The product, with a copy of that store."""
    shutil.copytree(template, store)
    return program


@pytest.fixture
def drifted(program: Program, mesh: Mesh) -> Json:
    """An object that has changed since a snapshot: something to take back."""
    body = virtual_service("drifted", "then")
    mesh.add(body)
    program("snapshot", "-q").done()
    mesh.patch(body, {"spec": {"hosts": ["now"]}})
    return body


@pytest.fixture
def many_drifted(program: Program, mesh: Mesh) -> list[Json]:
    """A mesh with a snapshot, and many objects that have changed since."""
    bodies = [virtual_service(f"drifted-{number}", "then") for number in range(MANY)]
    for body in bodies:
        mesh.add(body)
    program("snapshot", "-q", "--name", "then").done()
    for body in bodies:
        mesh.patch(body, {"spec": {"hosts": ["now"]}})
    return bodies


@pytest.fixture
def proxy(mesh: Mesh) -> Iterator[Proxy]:
    """What can hold requests on their way to the API server."""
    proxy = Proxy(mesh.plane)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied(program: Program, proxy: Proxy, tmp_path: Path) -> Program:
    """The product behind that."""
    return program.having(KUBECONFIG=str(proxy.kubeconfig(tmp_path / "proxied.kubeconfig")))


@dataclass(frozen=True)
class StoreView:
    """A store as plain git sees it."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git in it."""
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout

    @property
    def refs(self) -> str:
        """Every branch and name with its commit."""
        return self.git("for-each-ref") if self.path.exists() else ""

    def check(self) -> None:
        """What git itself says of it."""
        self.git("fsck", "--full", "--strict")


@pytest.fixture
def view(store: Path) -> StoreView:
    """The test's store, as plain git sees it."""
    return StoreView(store)


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., str]:
    """Write objects, or text, into a file."""

    def write(*documents: Json | str, name: str = "manifest.yaml") -> str:
        texts = [body if isinstance(body, str) else yaml.safe_dump(body) for body in documents]
        path = tmp_path / name
        path.write_text("---\n".join(texts), "utf-8")
        return str(path)

    return write
