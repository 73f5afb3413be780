"""Through the real krew and the real kubectl: installed, used on a cluster, upgraded, removed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.mesh import Mesh, virtual_service
from tests.cli.program import Program, Result, clean_environment

from .conftest import Release, Server

pytestmark = [pytest.mark.package, pytest.mark.cluster]

PLUGIN = "istio-upgrade"


@dataclass(frozen=True)
class User:
    """Somebody with kubectl, krew and a cluster, and nothing else."""

    root: Path
    index: Path
    environment: dict[str, str]

    def kubectl(self, *arguments: str) -> Result:
        return Program(self.environment, ("kubectl",))(*arguments)

    def plugin(self, *arguments: str) -> Result:
        return self.kubectl(PLUGIN, *arguments)

    def krew(self, *arguments: str) -> Result:
        return self.kubectl("krew", *arguments).done()

    def publish(self, release: Release, base: str) -> None:
        """Into the index that this user's krew takes for krew's own."""
        release.manifest(base, self.index / "plugins")
        _git(self.index, "add", "--all")
        _git(self.index, "commit", "--quiet", f"--message={release.tag}")


@pytest.fixture
def user(krew_programs: dict[str, Path], mesh: Mesh, tmp_path: Path) -> Iterator[User]:
    root, tools = tmp_path / "krew", tmp_path / "tools"
    (root / "bin").mkdir(parents=True)
    tools.mkdir()
    (tools / "kubectl-krew").symlink_to(krew_programs["krew"])
    for name in ("kubectl", "git"):
        (tools / name).symlink_to(str(shutil.which(name)))
    index = tmp_path / "index"
    (index / "plugins").mkdir(parents=True)
    _git(index, "init", "--quiet")
    _git(index, "commit", "--quiet", "--allow-empty", "--message=empty")
    environment = clean_environment(
        tmp_path,
        KREW_ROOT=str(root),
        KREW_DEFAULT_INDEX_URI=f"file://{index}",
        KREW_NO_UPGRADE_CHECK="1",
        KUBECONFIG=str(mesh.plane.kubeconfig),
        ISTIO_UPGRADE_STORE=str(tmp_path / "store.git"),
    )
    environment["PATH"] = os.pathsep.join([str(root / "bin"), str(tools), "/usr/bin", "/bin"])
    user = User(root, index, environment)
    user.krew("update")
    yield user
    mesh.remove_made()
    mesh.drop_lease()


def test_its_manifest_is_valid(user: User, krew_programs: dict[str, Path], release: Release, server: Server) -> None:
    """By the validator of krew's own index, which downloads and installs every platform."""
    manifest = release.manifest(server.url)
    command = [str(krew_programs["validate-krew-manifest"]), "-manifest", str(manifest)]
    done = subprocess.run(command, env=user.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "all 1 spec.platforms installed fine" in done.stderr


def test_the_manifest_of_all_platforms_is_valid(
    krew_programs: dict[str, Path], release: Release, tmp_path: Path
) -> None:
    """Its structure: the selectors are known to krew, and none overlaps another."""
    dist = tmp_path / "dist"
    dist.mkdir()
    suffixes = ("linux-amd64.tar.gz", "linux-arm64.tar.gz", "darwin-amd64.tar.gz", "darwin-arm64.tar.gz")
    for suffix in (*suffixes, "windows-amd64.zip"):
        (dist / f"kubectl-istio_upgrade-{release.tag}-{suffix}").write_text(suffix)
    manifest = Release(release.tag, dist, dist).manifest("https://example.com")
    assert manifest.read_text().count("sha256: ") == 5
    assert "{{" not in manifest.read_text()
    command = [str(krew_programs["validate-krew-manifest"]), "-skip-install", "-manifest", str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no overlapping" in done.stderr


def test_installed_from_a_file_and_used_on_a_cluster(user: User, release: Release, mesh: Mesh, tmp_path: Path) -> None:
    manifest = release.manifest("https://example.com")
    said = user.krew("install", f"--manifest={manifest}", f"--archive={release.archive}")
    assert "git 2.36 or newer must be on the PATH" in said.err
    assert user.plugin("--version").done().out == f"kubectl istio-upgrade {release.tag[1:]}\n"
    listed = user.kubectl("plugin", "list").done()
    assert "kubectl-istio_upgrade" in listed.out
    assert "warning" not in (listed.out + listed.err).lower()
    changed, added = virtual_service("changed", "then"), virtual_service("added")
    mesh.add(changed)
    assert user.plugin("snapshot", "--name", "friday").done().out.startswith("snapshot ")
    mesh.patch(changed, {"spec": {"hosts": ["now"]}})
    mesh.add(added)
    assert "VirtualService shop/added" in user.plugin("diff").done(1).out
    user.plugin("rollback", "friday").failed(3, "refusing to roll back")
    assert "proved: " in user.plugin("rollback", "friday", "--yes").done().out
    assert mesh.get(added) is None
    user.plugin("diff", "friday").done()
    user.plugin("report", "--html", str(tmp_path / "report.html")).done()
    assert "<style>" in (tmp_path / "report.html").read_text("utf-8")
    assert user.plugin("status", "-o", "json").done().json["unfinished"] is None
    user.plugin("completion", "--install").done()
    assert (user.root / "bin" / "kubectl_complete-istio_upgrade").exists()
    assert "friday\t" in user.kubectl("__complete", PLUGIN, "rollback", "fri").done().out
    user.kubectl("plugin", "list").done()
    user.krew("uninstall", PLUGIN)
    assert user.plugin("--version").code == 1


def test_upgraded_from_an_index(user: User, releases: tuple[Release, Release], server: Server) -> None:
    """An index of our own in the place of krew's; archives over HTTP, checked by their sums."""
    first, second = releases
    user.publish(first, server.url)
    user.krew("update")
    user.krew("install", PLUGIN)
    assert user.plugin("--version").done().out == f"kubectl istio-upgrade {first.tag[1:]}\n"
    user.plugin("snapshot", "-q", "--name", "friday").done()
    user.plugin("completion", "--install").done()
    user.publish(second, server.url)
    assert f"Upgraded plugin: {PLUGIN}" in user.krew("upgrade", PLUGIN).err
    assert user.plugin("--version").done().out == f"kubectl istio-upgrade {second.tag[1:]}\n"
    assert "friday" in user.plugin("history").done().out
    assert "friday\t" in user.kubectl("__complete", PLUGIN, "show", "fri").done().out
    user.krew("uninstall", PLUGIN)
    assert not list((user.root / "store").glob(f"{PLUGIN}/*"))


def test_an_archive_that_was_tampered_with_is_not_installed(user: User, release: Release, tmp_path: Path) -> None:
    archive = tmp_path / release.archive.name
    archive.write_bytes(release.archive.read_bytes() + b"\0")
    arguments = ("install", f"--manifest={release.manifest('https://example.com')}", f"--archive={archive}")
    refused = user.kubectl("krew", *arguments)
    assert refused.code != 0
    assert "checksum does not match" in refused.err


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com", "-c", "init.defaultBranch=master")
    subprocess.run(["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True)
