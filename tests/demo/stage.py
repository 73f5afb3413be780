"""Where the demo plays: programs, a throwaway cluster and a store, all in one temporary folder."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane import ControlPlane, IstiodFollower, ensure_built

from .console import Console, DemoError

OLD, NEW = "1.28.3", "1.29.1"
PLUGIN = "kubectl-istio_upgrade"
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    *(f"{program}-{release}" for release in (OLD, NEW) for program in ("istioctl", "pilot-discovery")),
)


@dataclass(frozen=True)
class Stage:
    """A running cluster, the istiods in it, and the console."""

    plane: ControlPlane
    istiod: IstiodFollower
    console: Console


@contextmanager
def stage() -> Iterator[Stage]:
    """Build what is missing, start, and leave nothing behind."""
    plugin = find_plugin()
    print("Looking for the programs of the test bed; what is missing is built from source,", flush=True)
    print("once: up to 25 minutes for all of them on two cores.", flush=True)
    programs = ensure_built(*PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="istio-upgrade-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        print(f"Starting a throwaway Kubernetes in {folder}.", flush=True)
        with ControlPlane("nodes", folder / "cluster") as plane, IstiodFollower(plane) as istiod:
            path = [_tools(folder / "bin", programs), plugin.parent]
            console = Console(environment(folder, plane.kubeconfig, *path), Path(__file__).parent)
            yield Stage(plane, istiod, console)


def find_plugin() -> Path:
    """The plugin of this very virtual environment, and kubectl. Raises DemoError where one of the two is missing."""
    if not shutil.which("kubectl"):
        raise DemoError("kubectl is not on the PATH; the plugin is run through it")
    plugin = Path(sys.executable).with_name(PLUGIN)
    if not plugin.exists():
        raise DemoError(f"{plugin} is missing; `make demo` installs it")
    return plugin


def environment(folder: Path, kubeconfig: Path, *path: Path) -> dict[str, str]:
    """This process's environment, pointed at the folder: nothing of the user's is read or written."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", "")]),
        "KUBECONFIG": str(kubeconfig),
        "KUBECACHEDIR": str(folder / "kubectl-cache"),
        "ISTIO_UPGRADE_STORE": str(folder / "store.git"),
    }


def _tools(folder: Path, programs: dict[str, Path]) -> Path:
    """A folder with `istioctl-1.28.3` and `istioctl-1.29.1`, so that the commands are short."""
    folder.mkdir()
    for release in (OLD, NEW):
        name = f"istioctl-{release}"
        (folder / name).symlink_to(programs[name])
    return folder
