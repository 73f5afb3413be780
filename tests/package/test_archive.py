"""The archive: what is in it, that every command runs from it, and that children get the user's environment."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from release.archive import NAME, ReleaseError, pack
from release.entry import give_back
from release.smoke import smoke
from tests.cli.mesh import Mesh
from tests.cli.program import Program, clean_environment

from .conftest import ROOT, Release

pytestmark = pytest.mark.package


def members(archive: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(archive) as packed:
        return packed.getmembers()


def test_what_krew_would_refuse_is_not_in_it(release: Release) -> None:
    found = members(release.archive)
    assert all(member.isreg() for member in found)
    assert not any(".." in member.name or member.name.startswith("/") for member in found)
    assert {"LICENSE", NAME} <= {member.name for member in found}
    assert next(member.mode for member in found if member.name == NAME) == 0o755
    assert {member.mode for member in found} == {0o644, 0o755}


def test_licences_of_what_is_inside(release: Release) -> None:
    names = {member.name for member in members(release.archive)}
    for library in ("click", "kubernetes", "gitpython", "deepdiff", "rich", "pyyaml", "python"):
        assert any(name.startswith(f"licenses/{library}-") for name in names), library
    assert not any("readline" in name for name in names), "it is under the GPL"


def test_data_of_the_program_is_in_it(release: Release) -> None:
    """Style sheets and the like: what is no module is not found by looking at imports."""
    package = ROOT / "kubectl_istio_upgrade"
    data = {path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    names = {member.name for member in members(release.archive)}
    assert data
    for path in data:
        assert f"_internal/{path.relative_to(ROOT)}" in names


def test_two_builds_can_be_compared(releases: tuple[Release, Release]) -> None:
    first, second = (
        [(member.name, member.mode, member.uid, member.gid, member.mtime) for member in members(release.archive)]
        for release in releases
    )
    assert first == second
    assert first == sorted(first)


def test_checksums(release: Release) -> None:
    content = release.archive.read_bytes()
    expected = f"{hashlib.sha256(content).hexdigest()}  {release.archive.name}\n"
    assert (release.dist / "SHA256SUMS").read_text() == expected


def test_every_command_runs_from_it(release: Release) -> None:
    assert smoke(release.archive) > 20


def test_links_out_of_the_bundle_are_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "inside").write_text("x")
    (bundle / "link").symlink_to("inside")
    (bundle / "folder").mkdir()
    (bundle / "folder" / "file").write_text("y")
    (bundle / "folder-link").symlink_to("folder")
    pack(bundle, tmp_path / "a.tar.gz")
    assert [(member.name, member.isreg()) for member in members(tmp_path / "a.tar.gz")] == [
        ("folder/file", True),
        ("inside", True),
        ("link", True),
    ]
    (bundle / "out").symlink_to("/etc/hostname")
    with pytest.raises(ReleaseError, match="leads out of the bundle"):
        pack(bundle, tmp_path / "b.tar.gz")
    assert not (tmp_path / "b.tar.gz").exists()


def test_a_zip_for_windows(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    (bundle / "b").mkdir(parents=True)
    (bundle / "b" / "c").write_text("x")
    (bundle / "a.exe").write_text("y")
    (bundle / "a.exe").chmod(0o755)
    pack(bundle, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.namelist() == ["a.exe", "b/c"]
        assert [stat.filemode(info.external_attr >> 16) for info in packed.infolist()] == ["-rwxr-xr-x", "-rw-r--r--"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"LD_LIBRARY_PATH": "/bundle"}, {}),
        ({"LD_LIBRARY_PATH": "/bundle:/mine", "LD_LIBRARY_PATH_ORIG": "/mine"}, {"LD_LIBRARY_PATH": "/mine"}),
        ({"LD_LIBRARY_PATH": "/bundle", "LD_LIBRARY_PATH_ORIG": ""}, {"LD_LIBRARY_PATH": ""}),
        ({"_PYI_ARCHIVE_FILE": "x", "_PYI_PARENT_PROCESS_LEVEL": "1", "PATH": "p"}, {"PATH": "p"}),
    ],
)
def test_the_environment_is_given_back(before: dict[str, str], after: dict[str, str]) -> None:
    give_back(before)
    assert before == after


RECORDING = """\
#!/bin/sh
{{ env; echo; }} >> {log}
exec {command}
"""


def recorder(path: Path, log: Path, command: str) -> None:
    """A program that writes its environment down, and then does what it should."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECORDING.format(log=log, command=command))
    path.chmod(0o755)


def recorded(log: Path) -> list[dict[str, str]]:
    blocks = log.read_text().strip().split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def ours(environment: dict[str, str]) -> dict[str, str]:
    """Without what the shell of the recorder, and the store, set on purpose."""
    on_purpose = ("GIT_", "LC_ALL", "LANGUAGE", "SSH_ASKPASS_REQUIRE", "PWD", "OLDPWD", "SHLVL", "_", "KUBERNETES_EXEC")
    return {name: value for name, value in environment.items() if not name.startswith(on_purpose)}


@pytest.mark.parametrize("library_path", [None, "/opt/mine"])
def test_git_gets_the_users_environment(unpacked: Path, tmp_path: Path, library_path: str | None) -> None:
    log, tools = tmp_path / "log", tmp_path / "tools"
    git = shutil.which("git")
    recorder(tools / "git", log, f'{git} "$@"')
    environment = clean_environment(tmp_path, ISTIO_UPGRADE_STORE=str(tmp_path / "store"))
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    if library_path:
        environment["LD_LIBRARY_PATH"] = library_path
    program = Program(environment, (str(unpacked),))
    program("store", "init").done()
    program("__complete", "show", "").done()
    seen = recorded(log)
    assert len(seen) >= 3
    for one in seen:
        assert ours(one) == ours(environment)


@pytest.mark.cluster
def test_a_credential_plugin_gets_the_users_environment(unpacked: Path, mesh: Mesh, tmp_path: Path) -> None:
    log, plugin = tmp_path / "log", tmp_path / "plugins" / "credentials"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": mesh.plane.state.tokens["admin"]},
    }
    answer = tmp_path / "credential.json"
    answer.write_text(json.dumps(credential))
    recorder(plugin, log, f"cat {answer}")
    document = yaml.safe_load(mesh.plane.kubeconfig.read_text())
    document["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(document))
    environment = clean_environment(
        tmp_path, ISTIO_UPGRADE_STORE=str(tmp_path / "store"), KUBECONFIG=str(kubeconfig), LD_LIBRARY_PATH="/opt/mine"
    )
    Program(environment, (str(unpacked),))("snapshot", "-q").done()
    (seen,) = recorded(log)
    assert ours(seen) == ours(environment)
