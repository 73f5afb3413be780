"""`store gc`: what stays is what it was, commit by commit; what goes is gone; nothing in between at any instant."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, retention
from kubectl_istio_upgrade.adapters.store.glance import Glance
from kubectl_istio_upgrade.errors import Interrupted, StoreError, UnfinishedError, UnknownReferenceError
from kubectl_istio_upgrade.models.operations import Opening
from kubectl_istio_upgrade.models.retention import Policy
from kubectl_istio_upgrade.models.snapshots import SnapshotInfo
from kubectl_istio_upgrade.operations import retaining

from ..unit.silence import Silence
from .children import BRANCH, run
from .meshes import CLUSTER, START, by_key, config_map, draft, small_mesh
from .plain_git import loosen, object_file, plain_git
from .test_verify import verified


def content(number: int) -> dict[str, str]:
    """Not to be compressed, so that its size shows."""
    return {"x": f"{number}", "noise": "".join(f"{(number * 7919 + i) ** 5:x}" for i in range(400))}


def fill(store: GitStore, count: int, names: tuple[int, ...] = (), start: int = 0) -> list[SnapshotInfo]:
    """Oldest first; each is one minute after the other, and has an object of its own."""
    taken = []
    for number in range(start, start + count):
        objects = [*small_mesh(), config_map("own", content(number), version=number)]
        name = f"n{number}" if number in names else None
        taken.append(store.commit(BRANCH, draft(objects, minutes=number), name=name))
    return taken


def tidy(store: GitStore, **policy: int) -> retaining.Tidied:
    prepared = retaining.prepare(store, Policy(**policy), Silence())
    return retaining.carry_out(store, prepared, lambda _: True, Silence())


def listed(path: Path) -> list[str]:
    with GitStore.open(path) as store:
        return [info.commit for info in store.history(BRANCH)]


def check(path: Path, stay: list[SnapshotInfo]) -> None:
    """These are the snapshots of the store, newest last, whole and as they were."""
    assert listed(path) == [info.commit for info in reversed(stay)]
    found = verified(path)
    assert found.faults == ()
    assert [snapshot.commit for snapshot in found.snapshots] == [info.commit for info in reversed(stay)]
    plain_git(path, "fsck", "--full", "--strict")
    with GitStore.open(path) as store:
        for info in stay:
            seen = store.resolve(BRANCH, info.short)
            assert (seen.commit, seen.meta, seen.names) == (info.commit, info.meta, info.names)
            assert store.state(seen).load(by_key(small_mesh())) == by_key(small_mesh())


def is_there(path: Path, commit: str) -> bool:
    return subprocess.run(["git", "-C", str(path), "cat-file", "-e", commit], capture_output=True).returncode == 0


def test_what_stays_keeps_its_commit_and_what_goes_is_gone(store: GitStore) -> None:
    taken = fill(store, 12, names=(3, 7))
    size = sum(file.stat().st_size for file in store.path.rglob("*.pack"))

    tidied = tidy(store, keep_last=2)

    assert (tidied.removed, tidied.kept) == (8, 4)
    assert tidied.freed is not None
    assert tidied.freed.bytes > size / 4
    check(store.path, [taken[3], taken[7], taken[10], taken[11]])
    assert not any(is_there(store.path, info.commit) for info in taken[4:7])
    assert verified(store.path).notes == ()


def test_snapshots_that_nothing_leads_to_any_more_have_a_ref(store: GitStore, git: Callable[..., str]) -> None:
    taken = [
        store.commit(BRANCH, draft([*small_mesh(), config_map("own", content(n), version=n)], minutes=n * 60 * 12))
        for n in range(8)
    ]

    tidy(store, keep_daily=3)

    days = {info.meta.created.date(): info for info in taken}
    stay = list(days.values())[-3:]
    check(store.path, stay)
    assert git("for-each-ref", "--format=%(refname)").splitlines() == [
        f"refs/heads/{BRANCH}", *sorted(f"refs/kept/{BRANCH}/{info.commit}" for info in stay[:-1]),
    ]  # fmt: skip
    assert (store.path / "shallow").read_text().split() == sorted(info.commit for info in stay)


def test_references_count_what_is_left(store: GitStore) -> None:
    taken = fill(store, 6, names=(1,))
    tidy(store, keep_last=2)
    assert store.resolve(BRANCH, "latest~2").commit == taken[1].commit
    assert store.resolve(BRANCH, "n1~0").commit == taken[1].commit
    with pytest.raises(UnknownReferenceError, match="there is no snapshot"):
        store.resolve(BRANCH, taken[2].commit)
    history = list(store.history(BRANCH))
    assert [info.changed for info in history] == [1, None, None]
    seen = Glance(store.path, lambda: "prod", explicit=False).snapshots
    assert [(one.commit, one.names) for one in seen] == [(info.commit, info.names) for info in history]


def test_it_goes_on_from_there(store: GitStore) -> None:
    taken = fill(store, 6, names=(1,))
    tidy(store, keep_last=2)
    taken += fill(store, 3, start=6)
    check(store.path, [taken[1], *taken[4:]])

    tidy(store, keep_last=1)
    check(store.path, [taken[1], taken[8]])
    again = tidy(store, keep_last=1)
    assert again.removed == 0
    check(store.path, [taken[1], taken[8]])


def test_a_kept_ref_goes_with_what_it_was_for(store: GitStore, git: Callable[..., str]) -> None:
    taken = [
        store.commit(BRANCH, draft([*small_mesh(), config_map("own", content(n), version=n)], minutes=n * 60 * 12))
        for n in range(8)
    ]
    tidy(store, keep_daily=3)
    tidy(store, keep_last=1)
    check(store.path, taken[-1:])
    assert git("for-each-ref", "refs/kept") == ""
    assert (store.path / "shallow").read_text().split() == [taken[-1].commit]


def test_where_everything_stays_only_what_nothing_leads_to_goes(store: GitStore, git: Callable[..., str]) -> None:
    taken = fill(store, 3)
    lost = fill(store, 1, start=3)[0]
    git("update-ref", f"refs/heads/{BRANCH}", taken[-1].commit)

    tidied = tidy(store)

    assert (tidied.removed, tidied.kept) == (0, 3)
    assert not is_there(store.path, lost.commit)
    check(store.path, taken)
    assert not (store.path / "shallow").exists()


def test_each_cluster_has_its_own_count(store: GitStore) -> None:
    fill(store, 4)
    other = replace(CLUSTER, uid="77777777-8a51-4d0e-9a57-0d9a2c1b7f11", context="staging")
    for minutes in range(4):
        store.commit("staging-77777777", draft(small_mesh(), cluster=other, minutes=minutes))
    tidied = tidy(store, keep_last=1)
    assert (tidied.removed, tidied.kept) == (6, 2)
    assert verified(store.path).intact


def test_a_branch_of_a_later_format_loses_nothing(store: GitStore, git: Callable[..., str]) -> None:
    taken = fill(store, 4)
    git("update-ref", "refs/heads/prod-5d0c1f7e.v2", taken[2].commit)
    tidy(store, keep_last=1)
    assert git("rev-list", "prod-5d0c1f7e.v2").split() == [info.commit for info in reversed(taken[:3])]
    check(store.path, taken)


def test_nothing_goes_while_an_operation_is_unfinished(store: GitStore) -> None:
    taken = fill(store, 4)
    before = taken[0].commit
    store.begin(BRANCH, Opening("20261123-120000-1a2b3c", "rollback", before, "x", before, START, {})).close()
    with pytest.raises(UnfinishedError, match="is unfinished"):
        tidy(store, keep_last=1)
    assert listed(store.path) == [info.commit for info in reversed(taken)]


def test_interrupted_it_says_what_is_there(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = fill(store, 4)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupting, pytest.raises(Interrupted, match="all that was to stay is there"):
        interrupting.setattr(retention, "pack", interrupt)
        tidy(store, keep_last=2)

    assert verified(store.path).faults == ()
    assert listed(store.path) == [taken[3].commit, taken[2].commit]
    tidy(store)
    check(store.path, taken[2:])


def test_nothing_goes_from_a_store_with_damage(store: GitStore) -> None:
    taken = fill(store, 4)
    loosen(store.path)
    path = "objects/core/configmaps/istio-system/own.yaml"
    object_file(store.path, plain_git(store.path, "rev-parse", f"{taken[1].commit}:{path}").strip()).unlink()
    with pytest.raises(StoreError, match="the store is damaged: nothing is removed from it"):
        tidy(store, keep_last=1)
    assert listed(store.path) == [info.commit for info in reversed(taken)]


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SnapshotInfo]]:
    """A store that retention has been at, so that kept refs come and go, with what must be there after the next."""
    path = tmp_path_factory.mktemp("cut") / "store"
    with GitStore.open(path, create=True) as store:
        taken = [
            store.commit(BRANCH, draft([*small_mesh(), config_map("own", content(n), version=n)], minutes=n * 60 * 8))
            for n in range(9)
        ]
        with store.lock("test"):
            store.retain({BRANCH: [taken[n].commit for n in (0, 1, 2, 4, 6, 7, 8)]})
    return path, [taken[n] for n in (1, 4, 7, 8)]


STEPS = 8
"""New kept refs, shallow, given-up, old kept refs, packed-refs, packs, what is loose, given-up no more."""


@pytest.mark.parametrize("number", range(STEPS))
def test_killed_anywhere_it_leaves_what_stays_and_the_next_one_ends_it(
    cut_once: tuple[Path, list[SnapshotInfo]], tmp_path: Path, number: int
) -> None:
    template, stay = cut_once
    path = tmp_path / "store"
    shutil.copytree(template, path)
    commits = ",".join(info.commit for info in stay)

    done = run("retain-and-die", path, f"{number}:{commits}")

    found = verified(path)
    assert found.faults == ()
    assert {info.commit for info in stay} <= set(listed(path))
    assert done.returncode == -signal.SIGKILL, done.stderr
    with GitStore.open(path) as store:
        store.retain({BRANCH: [info.commit for info in stay]})
    check(path, stay)
    assert verified(path).notes == ()
    leftovers = [*path.rglob("*.lock"), *path.rglob("*.new"), *path.rglob("tmp_*"), path / "istio-upgrade" / "given-up"]
    assert [file for file in leftovers if file.exists()] == []


def test_the_killer_reaches_every_step(cut_once: tuple[Path, list[SnapshotInfo]], tmp_path: Path) -> None:
    """There is no step after the last one above."""
    template, stay = cut_once
    shutil.copytree(template, tmp_path / "store")
    commits = ",".join(info.commit for info in stay)
    assert run("retain-and-die", tmp_path / "store", f"{STEPS}:{commits}").returncode == 0
