"""What is released: built once, from a clean copy of the source, as `make package` does it."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from release.archive import NAME
from release.smoke import installed
from tests.cli.mesh import Mesh
from tests.cluster.conftest import control_plane as control_plane
from tests.controlplane.build import ensure_built
from tests.controlplane.plane import ControlPlane

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-package" / "bin" / "python"
VERSIONS = ("0.1.0", "0.1.1")


@dataclass(frozen=True)
class Release:
    """One version and its archive."""

    tag: str
    dist: Path
    archive: Path

    def manifest(self, base: str, folder: Path | None = None) -> Path:
        """krew's manifest of it, of an archive that is at `base`."""
        command = [str(PYTHON), "-m", "release.manifest", f"--dist={self.dist}", f"--tag={self.tag}", f"--base={base}"]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        path = Path(done.stdout.strip())
        return Path(shutil.copy(path, folder)) if folder else path


def _released(version: str, folder: Path) -> Release:
    source = folder / "source"
    source.mkdir()
    for name in ("kubectl_istio_upgrade", "release"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "LICENSE", source)
    file = source / "kubectl_istio_upgrade" / "__init__.py"
    file.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', file.read_text()))
    build = [str(PYTHON), "-m", "release.build", f"--source={source}", f"--dist={folder / 'dist'}"]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Release(f"v{version}", folder / "dist", Path(done.stdout.strip()))


@pytest.fixture(scope="package")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, Release]:
    """Two versions, one after the other."""
    subprocess.run(["make", ".venv-package/.ready"], cwd=ROOT, check=True, capture_output=True)
    first, second = (_released(version, tmp_path_factory.mktemp(version)) for version in VERSIONS)
    return first, second


@pytest.fixture(scope="package")
def release(releases: tuple[Release, Release]) -> Release:
    return releases[0]


@pytest.fixture(scope="package")
def unpacked(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the archive, linked to as krew does it; its folder belongs on a PATH."""
    link = installed(release.archive, tmp_path_factory.mktemp("unpacked"))
    assert link.name == NAME
    return link


@pytest.fixture(scope="package")
def mesh(control_plane: ControlPlane) -> Mesh:
    """Istio's objects on a real API server."""
    mesh = Mesh(control_plane)
    mesh.install()
    return mesh


@pytest.fixture(scope="package")
def krew_programs() -> dict[str, Path]:
    """krew and the validator of its index."""
    return ensure_built("krew", "validate-krew-manifest")


@dataclass(frozen=True)
class Server:
    """Serves the archives of all versions."""

    folder: Path
    url: str


@pytest.fixture(scope="package")
def server(releases: tuple[Release, Release], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    for release in releases:
        os.link(release.archive, folder / release.archive.name)
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield Server(folder, f"http://127.0.0.1:{running.server_address[1]}")
        running.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
