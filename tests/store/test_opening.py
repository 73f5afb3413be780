"""What is a store, and what is not."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.errors import ExitCode, StoreError

from .meshes import draft, small_mesh
from .plain_git import plain_git


def refusal(path: Path, *, create: bool = False) -> StoreError:
    with pytest.raises(StoreError) as caught:
        GitStore.open(path, create=create)
    assert caught.value.exit_code is ExitCode.STORE
    return caught.value


def test_a_new_store_is_bare_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store"

    GitStore.open(path, create=True).close()
    GitStore.open(path).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert plain_git(path, "rev-parse", "--is-bare-repository").strip() == "true"
    assert plain_git(path, "config", "core.fsync").strip() == "all"
    assert plain_git(path, "config", "gc.auto").strip() == "0"
    assert [file.name for file in path.parent.iterdir()] == ["store"]


def test_creating_what_is_there_changes_nothing(tmp_path: Path) -> None:
    with GitStore.open(tmp_path / "s", create=True) as store:
        info = store.commit("prod-1", draft(small_mesh()))

    with GitStore.open(tmp_path / "s", create=True) as store:
        assert store.resolve("prod-1", "latest").commit == info.commit


def test_an_empty_folder_becomes_a_store(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir(mode=0o755)

    GitStore.open(tmp_path / "s", create=True).close()

    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700


def test_nothing_is_no_store(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none")

    assert error.message == f"there is no store at {tmp_path / 'none'}"
    assert error.hint == "the first `kubectl istio-upgrade snapshot` makes one"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("create", [True, False])
def test_what_cannot_be_looked_at_is_told_and_not_made(tmp_path: Path, create: bool) -> None:
    path = tmp_path / ("x" * 300)

    assert refusal(path, create=create).message == f"the store {path} cannot be opened: file name too long"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("create", [True, False])
def test_what_is_something_else_is_left_alone(tmp_path: Path, create: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious").write_text("x")
    (tmp_path / "file").write_text("x")
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "bare")], check=True)

    for name in ("folder", "file", "bare"):
        error = refusal(tmp_path / name, create=create)
        assert error.message == f"{tmp_path / name} is not a store of this program"
    assert (tmp_path / "folder" / "precious").read_text() == "x"


@pytest.mark.parametrize(("version", "hint"), [("2", "upgrade kubectl-istio-upgrade"), ("0", None), ("one", None)])
def test_another_format_is_refused(store: GitStore, version: str, hint: str | None) -> None:
    plain_git(store.path, "config", "istioupgrade.format", version)

    error = refusal(store.path)

    assert error.message == f"the store {store.path} has format {version}, this program reads 1"
    assert error.hint == hint


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    error = refusal(tmp_path / "s", create=True)

    assert (error.message, error.hint) == ("git is not installed, or not on PATH", "install git 2.36 or newer")


def test_an_old_git(store: GitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho git version 2.30.2\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))

    error = refusal(store.path)

    assert error.message == "git 2.30.2 is too old"
    assert error.hint == "install git 2.36 or newer, which can write durably"


def test_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    error = refusal(tmp_path / "file" / "s", create=True)

    assert error.message.startswith(f"the store cannot be made at {tmp_path / 'file' / 's'}: ")
