"""The wheel, for those who have Python: installed by pip into an environment of its own, as pipx does."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kubectl_istio_upgrade import __version__
from tests.cli.program import Program, clean_environment

from .conftest import ROOT

pytestmark = pytest.mark.package


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel in it, and the versions that were locked."""
    folder = tmp_path_factory.mktemp("pipx")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pins = folder / "pins.txt"
    lock = (ROOT / "requirements" / "package.txt").read_text()
    pins.write_text(
        "".join(f"{line.split()[0]}\n" for line in lock.splitlines() if "==" in line[:60].partition("#")[0])
    )
    subprocess.run([*pip, f"--constraint={pins}", str(wheel)], check=True, capture_output=True)
    return folder / "bin"


def test_what_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    data = (path for path in (ROOT / "kubectl_istio_upgrade").rglob("*") if path.is_file())
    assert {str(path.relative_to(ROOT)) for path in data if path.suffix != ".pyc"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "release/"))]


def test_kubectl_finds_it(environment: Path, tmp_path: Path) -> None:
    variables = clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(tmp_path / "store"))
    variables["PATH"] = f"{environment}:{variables['PATH']}"
    kubectl = Program(variables, ("kubectl", "istio-upgrade"))
    assert kubectl("--version").done().out == f"kubectl istio-upgrade {__version__}\n"
    kubectl("store", "init").done()
    kubectl("snapshot").failed(2, "no kubeconfig")
    assert subprocess.run([environment / "pip", "check"], capture_output=True, text=True).returncode == 0
