"""Damage is an error for every command, and never "there are no snapshots yet"; and nothing is built upon it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.errors import StoreError
from kubectl_istio_upgrade.models.snapshots import SnapshotInfo

from .meshes import CLUSTER, config_map, draft, small_mesh
from .plain_git import loosen, object_file

BRANCH = "prod-5d0c1f7e"
Action = Callable[[GitStore], object]

ACTIONS: dict[str, Action] = {
    "tip": lambda store: store.tip(BRANCH),
    "resolve": lambda store: store.resolve(BRANCH, "latest"),
    "history": lambda store: list(store.history(BRANCH)),
    "branch_of": lambda store: store.branch_of(CLUSTER),
    "commit": lambda store: store.commit(BRANCH, draft(small_mesh(), minutes=9)),
    "read_ahead": lambda store: store.read_ahead(BRANCH),
}


@pytest.fixture
def tip(store: GitStore) -> SnapshotInfo:
    store.commit(BRANCH, draft(small_mesh()), name="first")
    return store.commit(BRANCH, draft(small_mesh(), minutes=1))


def branch_file(store: GitStore) -> Path:
    return store.path / "refs" / "heads" / BRANCH


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
@pytest.mark.parametrize("text", ["", "nonsense\n", "0" * 39 + "\n"])
def test_a_ref_that_cannot_be_read_is_not_an_empty_branch(
    store: GitStore, tip: SnapshotInfo, action: Action, text: str
) -> None:
    branch_file(store).write_text(text)

    with pytest.raises(StoreError, match="ignoring broken ref") as caught:
        action(store)
    assert "store verify" in (caught.value.hint or "")
    assert branch_file(store).read_text() == text


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_tip_that_is_missing_is_not_an_empty_branch(store: GitStore, tip: SnapshotInfo, action: Action) -> None:
    loosen(store.path)
    object_file(store.path, tip.commit).unlink()

    with GitStore.open(store.path) as damaged, pytest.raises(StoreError, match=tip.commit[:7]):
        action(damaged)
    assert branch_file(store).read_text().strip() == tip.commit


@pytest.mark.parametrize("evidence", ["name", "journal"])
@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_branch_that_is_gone_is_missed(store: GitStore, action: Action, evidence: str) -> None:
    store.commit(BRANCH, draft(small_mesh()), name="first" if evidence == "name" else None)
    if evidence == "journal":
        folder = store.path / "istio-upgrade" / "journals" / BRANCH
        folder.mkdir(parents=True)
        (folder / "20261123-120000-1a2b3c.jsonl").write_text("")
    branch_file(store).unlink()

    with pytest.raises(StoreError, match=f"the branch {BRANCH} is missing from the store"):
        action(store)


@pytest.mark.parametrize("how", ["missing", "scribbled"])
def test_no_snapshot_is_built_on_a_damaged_one(store: GitStore, git: Callable[..., str], how: str) -> None:
    """The file would be taken over without a look: the next snapshot would be as damaged."""
    info = store.commit(BRANCH, draft([*small_mesh(), config_map("a", {"x": "1"})]))
    path = "objects/core/configmaps/istio-system/a.yaml"
    loosen(store.path)
    file = object_file(store.path, git("rev-parse", f"{BRANCH}:{path}").strip())
    file.unlink()
    if how == "scribbled":
        file.write_bytes(b"scribble")

    with GitStore.open(store.path) as damaged:
        for action in (ACTIONS["commit"], ACTIONS["read_ahead"], lambda store: store.check(info)):
            with pytest.raises(StoreError, match=f"snapshot {info.short}: {path} is "):
                action(damaged)
    assert git("rev-parse", BRANCH).strip() == info.commit


def test_a_whole_snapshot_is_whole(store: GitStore, tip: SnapshotInfo) -> None:
    store.check(tip)
    store.check(store.resolve(BRANCH, "first"))
