"""Builds what a test needs, once, into a cache outside the checkout."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .components import GROUPS, OLDEST_GO, Files, Group, expand, group_of
from .processes import TestbedError

CHARTS = {"base": "base", "istiod": "istio-control/istio-discovery", "ztunnel": "ztunnel", "gateway": "gateway"}
"""Folders of Istio's charts in its sources."""


def ensure_built(*components: str) -> dict[str, Path]:
    """Paths of these programs, building what is missing; without names, everything.

    A group's name stands for all of its programs. Programs in KUBEBUILDER_ASSETS are taken from there.
    """
    names = components or tuple(group.name for group in GROUPS)
    paths: dict[str, Path] = {}
    for name in names:
        expanded = expand(name)
        if not expanded:
            known = ", ".join(dict.fromkeys(name for group in GROUPS for name in (group.name, *group.binaries)))
            raise TestbedError(f"unknown component {name!r}; known: {known}")
        for component in expanded:
            paths[component] = _provide(component)
    return paths


def istioctl_path(version: str) -> Path:
    """The istioctl of this release, built if need be."""
    return ensure_built(f"istioctl-{version}")[f"istioctl-{version}"]


def files_of(component: str) -> Path:
    """The folder of the files that were copied out of a program's module when it was built."""
    ensure_built(component)
    group = group_of(component)
    assert group is not None
    assert group.files is not None
    return group_cache(group) / group.files.folder


def chart_path(version: str, chart: str) -> Path:
    """Istio's own chart of this release, packaged as its releases are: in the sources it has no version."""
    group = group_of(f"istioctl-{version}")
    assert group is not None
    path = group_cache(group) / "charts" / f"{chart}-{version}.tgz"
    helm = ensure_built("helm")["helm"]
    with _lock(group):
        if not path.exists():
            described = json.loads(_run_go(_go(), group, ["mod", "download", "-json", "istio.io/istio"]))
            source = Path(described["Dir"]) / "manifests" / "charts" / CHARTS[chart]
            versions = (f"--version={version}", f"--app-version={version}")
            package = [str(helm), "package", str(source), *versions, f"--destination={path.parent}"]
            subprocess.run(package, capture_output=True, check=True)
    return path


def cache_root() -> Path:
    """Where builds are kept: ISTIO_UPGRADE_TESTBED_CACHE, or a folder of ours in the user's cache folder."""
    if own := os.environ.get("ISTIO_UPGRADE_TESTBED_CACHE"):
        return Path(own).expanduser()
    user = os.environ.get("XDG_CACHE_HOME")
    base = Path(user) if user else Path.home() / ".cache"
    return base / "kubectl-istio-upgrade" / "testbed"


def group_cache(group: Group) -> Path:
    """The group's folder in the cache; another go.mod, go.sum or flag is another folder."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((group.folder / name).read_bytes())
    digest.update(json.dumps(group.flags).encode())
    return cache_root() / f"{group.name}-{digest.hexdigest()[:16]}"


def _provide(component: str) -> Path:
    group = group_of(component)
    assert group is not None
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and group.from_assets and os.access(Path(assets) / component, os.X_OK):
        return Path(assets) / component
    path = group_cache(group) / component
    if not path.exists():
        _build(group)
    return path


def _build(group: Group) -> None:
    """Build the whole group unless another process has done so while we waited for the lock."""
    target = group_cache(group)
    with _lock(group):
        if all((target / binary).exists() for binary in group.binaries):
            return
        go = _go()
        _say(f"building {', '.join(group.binaries)}: about {group.minutes:g} min the first time, into {target}")
        started = time.monotonic()
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=target) as scratch:
            _run_go(go, group, ["build", *group.flags, "-o", f"{scratch}{os.sep}", *group.packages])
            if group.files:
                _copy(go, group, group.files, target / group.files.folder)
            for package, binary in zip(group.packages, group.binaries, strict=True):
                (Path(scratch) / _file_of(package)).replace(target / binary)
        _say(f"built {group.name} in {time.monotonic() - started:.0f} s")


def _file_of(package: str) -> str:
    """The name the go command gives a program: the last path element that is not a major version."""
    return next(part for part in reversed(package.split("/")) if not re.fullmatch(r"v\d+", part))


def _copy(go: str, group: Group, files: Files, folder: Path) -> None:
    """Copy files beside the programs, before the programs, so that whoever sees those finds them too."""
    module = Path(_run_go(go, group, ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", files.module]).strip())
    folder.mkdir(exist_ok=True)
    for path in files.paths:
        shutil.copyfile(module / path, folder / Path(path).name)


def _go() -> str:
    """The go command, new enough: an older one would try to fetch another toolchain half-way."""
    go = shutil.which("go")
    wanted = ".".join(map(str, OLDEST_GO))
    if not go:
        raise TestbedError(f"building the test bed needs Go {wanted} or newer, and there is no `go` on the PATH")
    asked = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True, env=_environment())
    match = re.match(r"go(\d+)\.(\d+)", asked.stdout)
    if match and tuple(map(int, match.groups())) < OLDEST_GO:
        raise TestbedError(f"building the test bed needs Go {wanted} or newer; {go} is {asked.stdout.strip()}")
    return go


def _run_go(go: str, group: Group, arguments: list[str]) -> str:
    done = subprocess.run([go, *arguments], cwd=group.folder, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        end = "\n".join(done.stderr.splitlines()[-25:])
        raise TestbedError(f"`go {arguments[0]}` failed in {group.folder}:\n{end}")
    return done.stdout


def _environment() -> dict[str, str]:
    """The user's environment, so that a proxy of theirs is used, without what would change the result."""
    return {**os.environ, "GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}


@contextlib.contextmanager
def _lock(group: Group) -> Iterator[None]:
    """One builder of a group at a time, whatever process it is in; the lock goes with its process."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{group.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"waiting for another process that builds {group.name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr, flush=True)
