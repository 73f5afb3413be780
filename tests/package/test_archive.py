"""The archive: what is in it, and that every command runs from it."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from release.archive import NAME, ReleaseError, pack
from release.entry import give_back
from release.smoke import smoke

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
