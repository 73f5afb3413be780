"""What completion sees of a store is what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.adapters.store.glance import Glance
from kubectl_istio_upgrade.models.objects import ResourceType
from kubectl_istio_upgrade.models.snapshots import ClusterIdentity

from .meshes import CLUSTER, TYPES, config_map, draft, small_mesh

AWKWARD = (
    ResourceType(
        "", "v1", "Yes", "no", namespaced=False, verbs=frozenset({"get"}), singular="null", short_names=("on",)
    ),
    ResourceType("1e3.example.com", "v1", "Thing", "things", namespaced=True, short_names=("th", "123")),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    with GitStore.open(path, create=True) as store:
        branch = store.branch_of(CLUSTER)
        store.commit(branch, draft(small_mesh()), name="first")
        store.commit(branch, draft([*small_mesh(), config_map("odd:näme", {})], minutes=1, types=(*TYPES, *AWKWARD)))
    return path


def glance(path: Path, context: str = "prod", *, explicit: bool = False) -> Glance:
    return Glance(path, lambda: context, explicit=explicit)


def test_snapshots_types_objects_and_namespaces(path: Path) -> None:
    seen = glance(path)
    with GitStore.open(path) as store:
        infos = list(store.history(store.branches()[0]))
        state = store.state(infos[0])
    assert [(one.commit, one.names) for one in seen.snapshots] == [(info.commit, info.names) for info in infos]
    assert [one.time for one in seen.snapshots] == [int(info.meta.created.timestamp()) for info in infos]
    assert seen.types == infos[0].meta.types
    for type_ in seen.types:
        names = {(key.namespace, key.name) for key in state.versions if key.resource == type_.resource}
        assert set(seen.objects(type_)) == names
    assert seen.namespaces == {key.namespace for key in state.versions if key.namespace}


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\x0b", "\x0c", "\x1e", "\r"])
def test_a_message_with_another_line_end_in_it_hides_no_snapshot(path: Path, character: str) -> None:
    with GitStore.open(path) as store:
        store.commit(store.branch_of(CLUSTER), draft(small_mesh(), minutes=2, message=f"before{character}friday"))
    newest, *others = glance(path).snapshots
    assert (newest.subject, len(others)) == (f"before{character}friday", 2)


def test_the_branch_is_that_of_the_context(path: Path) -> None:
    other = ClusterIdentity("99999999-0000-4000-8000-000000000000", "staging")
    with GitStore.open(path) as store:
        store.commit(store.branch_of(other), draft([], cluster=other), name="theirs")
    assert [one.names for one in glance(path, "staging").snapshots] == [("theirs",)]
    assert len(glance(path, "prod").snapshots) == 2
    assert glance(path, "elsewhere").snapshots == ()


def test_the_only_branch_is_meant_unless_a_context_was_named(path: Path) -> None:
    assert len(glance(path, "elsewhere").snapshots) == 2
    assert glance(path, "elsewhere", explicit=True).snapshots == ()
    assert glance(path, "elsewhere", explicit=True).types == ()
    assert glance(path, "elsewhere", explicit=True).namespaces == set()


def test_of_contexts_that_look_alike_the_exact_one(path: Path) -> None:
    alike = ClusterIdentity("88888888-0000-4000-8000-000000000000", "PROD")
    with GitStore.open(path) as store:
        store.commit(store.branch_of(alike), draft([], cluster=alike), name="alike")
    assert [one.names for one in glance(path, "PROD").snapshots] == [("alike",)]
    assert len(glance(path, "prod").snapshots) == 2


def test_the_users_git_has_no_say(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, "/nowhere")
    assert len(glance(path).snapshots) == 2
