"""A store that is none, damaged, of another time, or that cannot be written: exit code 6, the cluster is left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Mesh, virtual_service
from .program import Program

pytestmark = pytest.mark.cluster

READS = (["history"], ["show", "latest"], ["diff"])
SOME = (["history"], ["snapshot"], ["rollback", "--yes"])


@pytest.fixture(autouse=True)
def untouched(request: pytest.FixtureRequest) -> Iterator[None]:
    """The cluster is as before, whatever happened to the store."""
    mesh: Mesh = request.getfixturevalue("mesh")
    with mesh.unchanged():
        yield


def test_no_store_yet(program: Program, store: Path) -> None:
    for arguments in READS:
        program(*arguments).failed(6, f"there is no store at {store}", hint="kubectl istio-upgrade snapshot")
        assert not store.exists(), "reading made a store"


def test_a_folder_with_other_files(program: Program, store: Path) -> None:
    store.mkdir()
    (store / "letter.txt").write_text("dear diary", "utf-8")
    for arguments in SOME:
        program(*arguments).failed(6, f"{store} is not a store of this program", hint="another folder")
    assert [file.name for file in store.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("arguments", "bare"), [(["history"], True), (["snapshot"], True), (["snapshot"], False)])
def test_a_plain_git_repository(program: Program, view: StoreView, arguments: list[str], bare: bool) -> None:
    view.path.mkdir()
    view.git("init", "--quiet", *(["--bare"] if bare else []))
    before = sorted(view.path.rglob("*"))
    program(*arguments).failed(6, f"{view.path} is not a store of this program")
    assert sorted(view.path.rglob("*")) == before


def test_a_file(program: Program, store: Path) -> None:
    store.write_text("not a folder", "utf-8")
    program("snapshot").failed(6, f"{store} is not a store")


def test_a_store_of_a_newer_format(taken: Program, view: StoreView) -> None:
    refs = view.refs
    view.git("config", "--file", str(view.path / "config"), "istioupgrade.format", "99")
    for arguments in SOME:
        assert taken(*arguments).failed(6, "99").hints
    assert view.refs == refs


@pytest.fixture
def damaged(taken: Program, view: StoreView) -> Callable[[str], None]:
    """Flip one byte of a file of the newest snapshot, inside the pack."""

    def flip(path: str) -> None:
        commit = view.git("for-each-ref", "--format=%(objectname)", "refs/heads").strip()
        blob = view.git("rev-parse", f"{commit}:{path}").strip()
        [pack] = (view.path / "objects/pack").glob("*.pack")
        listing = view.git("verify-pack", "-v", str(pack.with_suffix(".idx"))).splitlines()
        offset, size = next((int(line.split()[4]), int(line.split()[3])) for line in listing if line.startswith(blob))
        pack.chmod(0o600)
        content = bytearray(pack.read_bytes())
        content[offset + size // 2] ^= 0xFF
        pack.write_bytes(content)

    return flip


def test_a_corrupt_store(program: Program, damaged: Callable[[str], None]) -> None:
    damaged("snapshot.yaml")
    for arguments in (*SOME, ["show", "latest"], ["diff"]):
        program(*arguments).failed(6, "snapshot.yaml is damaged", hint="store verify")


def test_a_corrupt_object_is_named(program: Program, damaged: Callable[[str], None]) -> None:
    path = "objects/core/configmaps/istio-system/istio.yaml"
    damaged(path)
    program("history").done()
    program("show", "latest", "configmap/istio").failed(6, f"{path} is damaged")
    program("show", "latest", "-o", "yaml").failed(6, f"{path} is damaged")


@pytest.fixture
def damaged_alone(taken: Program, view: StoreView, tmp_path: Path) -> Callable[[str], None]:
    """Flip one byte of a file of the newest snapshot, and nothing else: none is stored as a change of it."""

    def flip(path: str) -> None:
        [pack] = (view.path / "objects/pack").glob("*.pack")
        moved = shutil.move(pack, tmp_path / "loose.pack")
        with Path(moved).open("rb") as stream:
            subprocess.run(["git", "-C", str(view.path), "unpack-objects", "-q"], stdin=stream, check=True)
        commit = view.git("for-each-ref", "--format=%(objectname)", "refs/heads").strip()
        blob = view.git("rev-parse", f"{commit}:{path}").strip()
        file = view.path / "objects" / blob[:2] / blob[2:]
        file.chmod(0o600)
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)

    return flip


@pytest.mark.parametrize("option", ["--dry-run", "--yes"])
def test_a_rollback_to_a_snapshot_with_a_damaged_object_writes_nothing(
    program: Program, damaged_alone: Callable[[str], None], mesh: Mesh, option: str
) -> None:
    """Not even one that has nothing to do with the object: nobody knows what else is damaged."""
    path = "objects/core/serviceaccounts/istio-system/istiod.yaml"
    damaged_alone(path)
    added = virtual_service("added-since")
    mesh.add(added)
    with mesh.unchanged():
        program("rollback", "friday", option).failed(6, f"{path} is damaged", hint="store verify")
    mesh.delete(added)


def test_no_git(program: Program, tmp_path: Path, store: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    for arguments in SOME:
        missing = program.having(PATH=str(empty))(*arguments)
        missing.failed(6, "git is not installed, or not on PATH", hint="install git")
    assert not store.exists()


@pytest.mark.parametrize("operation", ["snapshot", "apply"])
def test_a_disk_that_is_full(program: Program, view: StoreView, manifest: Callable[..., str], operation: str) -> None:
    """By the limit of a file's size: it needs no privileges, and git dies of it in the middle of its pack."""
    program("snapshot", "-q", "--exclude-type", "customresourcedefinitions.apiextensions.k8s.io").done()
    refs = view.refs
    limited = program.under("bash", "-c", 'ulimit -f 24; exec "$@"', "bash")
    file = manifest(virtual_service("full"))
    arguments = ["snapshot"] if operation == "snapshot" else ["apply", "-f", file, "--yes"]
    limited(*arguments).failed(6, "the store could not be written", hint="space")
    assert view.refs == refs
    view.check()
    assert not list(view.path.glob("objects/pack/tmp_*"))
    program("history").done()


@pytest.mark.parametrize("operation", ["snapshot", "apply"])
def test_a_small_file_system(
    program: Program, view: StoreView, manifest: Callable[..., str], tmp_path: Path, operation: str
) -> None:
    """The real thing, where this user may make one: the last block is gone in the middle of a commit."""
    if os.environ.get("ISTIO_UPGRADE_NO_SMALL_DISK"):
        pytest.skip("ISTIO_UPGRADE_NO_SMALL_DISK is set; the tests with a file size limit have to do")
    if os.system("unshare --user --map-root-user --mount true 2>/dev/null"):
        pytest.fail("a small disk needs user namespaces (`unshare -rm`); set ISTIO_UPGRADE_NO_SMALL_DISK to do without")
    program("snapshot", "-q", "--exclude-type", "customresourcedefinitions.apiextensions.k8s.io").done()
    refs, saved = view.refs, tmp_path / "saved"
    arguments = "snapshot" if operation == "snapshot" else f"apply --yes -f {manifest(virtual_service('full'))}"
    script = f"""
        cp -a {view.path} {saved}; mount -t tmpfs -o size=4m none {view.path}
        cp -a {saved}/. {view.path} || exit 99
        cat /dev/zero >{view.path}/filler 2>/dev/null; truncate -s -16K {view.path}/filler
        "$0" {arguments}; code=$?
        rm -rf {saved} {view.path}/filler; cp -a {view.path} {saved}; exit $code"""
    small = program.under("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script)
    small().failed(6, "the store could not be written", hint="space")
    after = StoreView(saved)
    assert after.refs == refs
    after.check()
    shutil.rmtree(saved)


@pytest.mark.parametrize("operation", ["snapshot", "apply"])
def test_a_store_that_may_only_be_read(
    taken: Program, view: StoreView, manifest: Callable[..., str], operation: str
) -> None:
    refs = view.refs
    modest = taken.under("setpriv", "--bounding-set", "-dac_override") if os.geteuid() == 0 else taken
    folders = [view.path, *(path for path in view.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        file = manifest(virtual_service("full"))
        arguments = ["snapshot"] if operation == "snapshot" else ["apply", "-f", file, "--yes"]
        modest(*arguments).failed(6, "the store")
        modest("history").done()
        modest("show", "latest").done()
        modest("diff", "latest", "latest").done()
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert view.refs == refs


def test_a_store_where_no_folder_can_be_made(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    program("snapshot", "--store", str(tmp_path / "file" / "store")).failed(6, "cannot be made")


def test_a_store_in_use(taken: Program, view: StoreView) -> None:
    refs = view.refs
    busy = taken.under("flock", str(view.path / "istio-upgrade" / "lock"))
    busy("snapshot").failed(6, "in use by", hint="wait")
    assert view.refs == refs
