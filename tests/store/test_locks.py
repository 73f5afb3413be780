"""One writer at a time, and a dead one does not count."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.errors import ExitCode, StoreError

from .children import ROOT, command
from .meshes import draft, small_mesh


def test_the_holder_is_named_and_its_death_frees_the_lock(store: GitStore) -> None:
    holder = subprocess.Popen(command("hold", store.path, "rollback"), cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == b"held\n"

        with pytest.raises(StoreError) as caught, store.lock("apply"):
            pytest.fail("two holders")
        with pytest.raises(StoreError, match="the store is in use by rollback"):
            store.commit("prod-1", draft(small_mesh()))
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()

    assert caught.value.message.startswith("the store is in use by rollback of ")
    assert f"(process {holder.pid}, since 20" in caught.value.message
    assert caught.value.exit_code is ExitCode.STORE
    store.commit("prod-1", draft(small_mesh()))


def test_the_holder_may_commit(store: GitStore) -> None:
    with store.lock("upgrade"):
        store.commit("prod-1", draft(small_mesh()))
        with GitStore.open(store.path) as other:
            assert other.tip("prod-1") is not None  # readers need no lock
            with pytest.raises(StoreError, match="in use by upgrade"):
                other.commit("prod-1", draft(small_mesh()))
    store.commit("prod-1", draft(small_mesh()))


def test_git_does_not_inherit_the_lock(store: GitStore) -> None:
    with store.lock("upgrade"):
        store.tip("prod-1")
        info = store.commit("prod-1", draft(small_mesh()))
        store.workloads(info)  # its git process lives on

    with GitStore.open(store.path) as other, other.lock("apply"):
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_holder_that_cannot_be_read_is_another_process(store: GitStore, text: str) -> None:
    with store.lock("upgrade"):
        (store.path / "istio-upgrade" / "lock").write_text(text)
        with (
            pytest.raises(StoreError, match="the store is in use by another process"),
            GitStore.open(store.path).lock("x"),
        ):
            pass


def test_a_file_system_without_locks_is_an_error_that_says_so(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StoreError, match="the store cannot be locked: No locks available") as caught:
        store.commit("prod-1", draft(small_mesh()))
    assert caught.value.hint is not None
    assert "--store" in caught.value.hint


def test_a_disk_without_room_for_the_holders_name_does_not_keep_from_the_lock(store: GitStore) -> None:
    """A limit on the size of files is as good as a full disk."""
    holder = subprocess.Popen(command("hold-without-room", store.path), cwd=ROOT, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="the store is in use by another process"), store.lock("apply"):
            pytest.fail("two holders")
        os.kill(holder.pid, signal.SIGKILL)
    with store.lock("apply"):
        pass
