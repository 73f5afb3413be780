"""Crashes, full disks and rotten ones: the old tip or the new one, and never a wrong answer."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, writing
from kubectl_istio_upgrade.adapters.store.gitio import Git
from kubectl_istio_upgrade.canonical import to_yaml
from kubectl_istio_upgrade.errors import ExitCode, StoreError
from kubectl_istio_upgrade.models.snapshots import SnapshotInfo

from .children import BRANCH, run
from .meshes import by_key, config_map, draft, large_mesh, small_mesh
from .plain_git import loosen, object_file, plain_git


def check_old_tip(path: Path, tip: SnapshotInfo) -> None:
    """The store opens, has the old snapshot whole, and takes the next one."""
    with GitStore.open(path) as store:
        assert store.resolve(BRANCH, "latest").commit == tip.commit
        assert store.state(tip).load(by_key(small_mesh())) == by_key(small_mesh())
        assert store.commit(BRANCH, draft(small_mesh(), minutes=9)).changed == 0
    plain_git(path, "fsck", "--full", "--strict")
    leftovers = [*path.glob("fast_import_crash_*"), *path.rglob("tmp_*"), *path.rglob("*.lock")]
    assert leftovers == []


@pytest.mark.parametrize("when", ["objects", "refs"])
def test_a_killed_program_leaves_the_old_tip(store: GitStore, when: str) -> None:
    tip = store.commit(BRANCH, draft(small_mesh()))

    done = run("commit-and-die", store.path, when)

    assert done.returncode == -signal.SIGKILL
    check_old_tip(store.path, tip)


def test_a_killed_git_leaves_the_old_tip(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    tip = store.commit(BRANCH, draft(small_mesh()))
    importers: list[Any] = []
    start, spell, count = Git.start, to_yaml, itertools.count()

    def remember(self: Git, *arguments: str, **options: Any) -> Any:
        process = start(self, *arguments, **options)
        importers.extend([process] if arguments[0] == "fast-import" else [])
        return process

    def kill(value: Any) -> str:
        if next(count) == 3_000:
            os.kill(importers[0].pid, signal.SIGKILL)
        return spell(value)

    monkeypatch.setattr(Git, "start", remember)
    monkeypatch.setattr(writing, "to_yaml", kill)

    with pytest.raises(StoreError, match="the store could not be written: git was killed by SIGKILL"):
        store.commit(BRANCH, draft(large_mesh(), minutes=1))

    monkeypatch.undo()
    check_old_tip(store.path, tip)


def test_too_little_space_leaves_the_old_tip(store: GitStore) -> None:
    tip = store.commit(BRANCH, draft(small_mesh()))

    done = run("commit-with-little-space", store.path, "300000")

    answer = json.loads(done.stdout)
    assert answer["message"].startswith("the store could not be written: ")
    assert "is there space left" in answer["hint"]
    assert answer["code"] == ExitCode.STORE
    check_old_tip(store.path, tip)


def test_a_full_disk_leaves_the_old_tip(store: GitStore, tmp_path: Path) -> None:
    tip = store.commit(BRANCH, draft(small_mesh()))
    if os.environ.get("ISTIO_UPGRADE_NO_SMALL_DISK"):
        pytest.skip("ISTIO_UPGRADE_NO_SMALL_DISK is set; the test with a file size limit has to do")
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.fail("a small disk needs user namespaces (`unshare -rm`); set ISTIO_UPGRADE_NO_SMALL_DISK to do without")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        'mount -t tmpfs -o size=1m none "$1" && cp -r "$0" "$1" && shift && "$@"; '
        'rm -r "$0" && cp -r "$DISK/store" "$0"'  # the mount ends with the namespace
    )
    prefix = ("env", f"DISK={disk}", "unshare", "-rm", "sh", "-c", script, str(store.path), str(disk))

    done = run("commit", disk / "store", prefix=prefix)

    answer = json.loads(done.stdout)
    assert answer["message"].startswith("the store could not be written: ")
    assert "space" in answer["message"]
    assert answer["code"] == ExitCode.STORE
    check_old_tip(store.path, tip)


def test_a_flipped_byte_is_noticed_or_does_not_matter(store: GitStore) -> None:
    info = store.commit(BRANCH, draft(small_mesh()))
    (pack,) = (store.path / "objects" / "pack").glob("*.pack")
    good = pack.read_bytes()
    pack.chmod(0o600)
    noticed = 0

    for position in range(12, len(good), len(good) // 60):
        pack.write_bytes(good[:position] + bytes([good[position] ^ 0xFF]) + good[position + 1 :])
        try:
            with GitStore.open(store.path) as damaged:
                read = damaged.resolve(BRANCH, "latest")
                assert read.meta == info.meta
                assert damaged.state(read).load(damaged.state(read).versions) == by_key(small_mesh())
        except StoreError:
            noticed += 1

    assert noticed > 50


def test_a_journal_that_did_not_begin_is_swept_away(store: GitStore) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    begun = store.path / "istio-upgrade" / "journals" / BRANCH / ".new"
    begun.parent.mkdir(parents=True)
    begun.write_text('{"entry": "ope')
    assert store.unfinished(BRANCH) is None
    store.commit(BRANCH, draft(small_mesh(), minutes=1))
    assert not begun.exists()


@pytest.mark.parametrize("damage", ["emptied", "deleted", "scribbled"])
def test_a_lost_file_is_named(store: GitStore, git: Callable[..., str], damage: str) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    info = store.commit(BRANCH, draft(small_mesh(), minutes=1))
    loosen(store.path)
    file = object_file(store.path, git("rev-parse", f"{BRANCH}:snapshot.yaml").strip())
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "emptied" else b"scribble")

    with GitStore.open(store.path) as damaged, pytest.raises(StoreError) as caught:
        damaged.resolve(BRANCH, "latest")

    assert caught.value.message.startswith(f"snapshot {info.short}: snapshot.yaml is ")
    assert "`kubectl istio-upgrade store verify`" in (caught.value.hint or "")


def test_of_many_files_the_damaged_one_is_named(store: GitStore, git: Callable[..., str]) -> None:
    objects = small_mesh()
    store.commit(BRANCH, draft(objects))
    objects[-1] = config_map("istio", {"mesh": "changed"}, version=2)
    info = store.commit(BRANCH, draft(objects, minutes=1))
    path = "objects/core/configmaps/istio-system/istio.yaml"
    loosen(store.path)
    file = object_file(store.path, git("rev-parse", f"{BRANCH}:{path}").strip())
    file.write_bytes(b"scribble")

    with GitStore.open(store.path) as damaged, pytest.raises(StoreError, match=f"snapshot {info.short}: {path} is "):
        damaged.state(info).load(by_key(objects))


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("snapshot.yaml", "format: 2\n", "has format 2, this program reads 1"),
        ("snapshot.yaml", "format: true\n", "has format True, this program reads 1"),
        ("snapshot.yaml", "format: 1\n", "snapshot.yaml is damaged: "),
        ("snapshot.yaml", "- format\n", "snapshot.yaml is damaged: "),
        ("types.yaml", "types: {}\n---\n", "types.yaml is damaged: 2 documents instead of one"),
        (
            "objects/core/configmaps/istio-system/istio.yaml",
            "a: [\n",
            "istio-system/istio.yaml is damaged: line 2, column 1",
        ),
        ("objects/core/configmaps/istio-system/istio.yaml", "- a\n", "istio.yaml is damaged: not a mapping"),
        ("objects/core/configmaps/istio-system/istio.yaml", None, "istio-system/istio.yaml is missing"),
        ("managers/core/configmaps/istio-system.json", "{", "istio-system.json is damaged: "),
        ("managers/core/configmaps/istio-system.json", "[]", "istio-system.json is damaged: not a mapping"),
        ("managers/core/configmaps/more/istio.json", "{}", "more/istio.json is not a file of a snapshot"),
        ("inventory/workloads.yaml", "workloads: [1]\n", "workloads.yaml is damaged: "),
    ],
)
def test_a_snapshot_that_somebody_else_wrote_is_not_trusted(
    store: GitStore, path: str, content: str | None, message: str
) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    change = f"D {path}\n" if content is None else f"M 100644 inline {path}\ndata {len(content)}\n{content}\n"
    head = f"commit refs/heads/{BRANCH}\ncommitter a <a@b> 1800000000 +0000\ndata 1\nx\nfrom refs/heads/{BRANCH}^0\n"
    subprocess.run(["git", "-C", str(store.path), "fast-import", "--quiet"], input=(head + change).encode(), check=True)

    with pytest.raises(StoreError) as caught:
        info = store.resolve(BRANCH, "latest")
        store.state(info).load(store.state(info).versions)
        store.workloads(info)

    assert message in caught.value.message


def test_the_environment_of_git_has_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoy = tmp_path / "decoy"
    subprocess.run(["git", "init", "--quiet", str(decoy)], check=True)
    (tmp_path / ".gitconfig").write_text("[core]\n\tbare = maybe\n[broken\n")
    files = {file: file.read_bytes() for file in decoy.rglob("*") if file.is_file()}
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_DIR": str(decoy / ".git"),
        "GIT_COMMON_DIR": str(decoy / ".git"),
        "GIT_WORK_TREE": str(decoy),
        "GIT_INDEX_FILE": str(decoy / "index"),
        "GIT_OBJECT_DIRECTORY": str(decoy / ".git" / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(decoy / ".git" / "objects"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_SHALLOW_FILE": str(decoy / "shallow"),
        "GIT_GRAFT_FILE": str(decoy / "grafts"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "maybe",
        "GIT_CONFIG_PARAMETERS": "'core.bare'='maybe'",
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_TRACE": "2",
        "LC_ALL": "de_DE.UTF-8",
    }.items():
        monkeypatch.setenv(name, value)

    with GitStore.open(tmp_path / "store", create=True) as store:
        info = store.commit(BRANCH, draft(small_mesh()), name="a")
        assert store.state(info).load(by_key(small_mesh())) == by_key(small_mesh())
        assert [seen.commit for seen in store.history(BRANCH)] == [info.commit]

    assert {file: file.read_bytes() for file in decoy.rglob("*") if file.is_file()} == files
    assert (store.path / "refs" / "heads" / BRANCH).read_text().strip() == info.commit
    assert not (store.path / "logs").exists()
    assert not (store.path / "index").exists()


def test_no_process_of_git_outlives_the_store(store: GitStore) -> None:
    info = store.commit(BRANCH, draft(small_mesh()))
    store.state(info).load(by_key(small_mesh()))
    reader = store.files._reader._process

    store.close()

    assert reader.proc.returncode is not None
    assert store.tip(BRANCH) is not None  # and it may be used on
