"""What is written: everything that differs, nothing else, and nothing that cannot be read back exactly."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from kubectl_istio_upgrade.adapters.store import GitStore, codec
from kubectl_istio_upgrade.adapters.store.writing import SnapshotStream
from kubectl_istio_upgrade.canonical import same
from kubectl_istio_upgrade.errors import StoreError
from kubectl_istio_upgrade.models.objects import Key, MeshObject, ServerFields
from kubectl_istio_upgrade.models.snapshots import SnapshotDraft

from ..unit.json_values import AWKWARD, mappings, nested
from .meshes import CLUSTER, ISTIO, TYPES, VIRTUAL_SERVICES, config_map, crd, draft, large_mesh, routing, small_mesh
from .plain_git import size_of

BRANCH = "prod-5d0c1f7e"


def ids(git: Callable[..., str]) -> set[str]:
    return set(git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines())


@given(mappings)
@settings(max_examples=25, deadline=None)
def test_any_body_comes_back_as_it_was(content: dict[str, Any]) -> None:
    obj = config_map("any", content)
    with tempfile.TemporaryDirectory() as folder, GitStore.open(Path(folder) / "s", create=True) as store:
        info = store.commit(BRANCH, draft([obj]))

        (back,) = store.state(info).load([obj.key]).values()

    assert same(back.body, obj.body)
    assert back.server == obj.server


def test_awkward_bodies_and_names_come_back_as_they_were(store: GitStore) -> None:
    names = [text for text in AWKWARD if text and len(text) < 300]
    objects = {name: config_map(name, nested()) for name in names}

    info = store.commit(BRANCH, draft(objects.values()))
    state = store.state(info)

    assert set(state.versions) == {obj.key for obj in objects.values()}
    for obj in objects.values():
        assert same(state.load([obj.key])[obj.key].body, obj.body)


def test_an_unchanged_mesh_costs_three_objects(store: GitStore, git: Callable[..., str]) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    before = ids(git)

    info = store.commit(BRANCH, draft(small_mesh(), minutes=1))

    new = sorted(line.split()[1] for line in ids(git) - before)
    assert new == ["blob", "commit", "tree"]  # snapshot.yaml, the commit, the root
    assert info.changed == 0
    assert git("diff", "--name-only", f"{BRANCH}~1", BRANCH).split() == ["snapshot.yaml"]


def test_ten_changes_in_ten_thousand_objects_are_small(store: GitStore) -> None:
    objects = large_mesh()
    store.commit(BRANCH, draft(objects))
    before = size_of(store.path)
    for position in range(5, len(objects), len(objects) // 10):
        key = objects[position].key
        type_ = next(type_ for type_ in ISTIO if type_.plural == key.plural)
        objects[position] = routing(type_, key.namespace, key.name, version=2, host="changed.example.com")

    info = store.commit(BRANCH, draft(objects, minutes=1))

    assert info.changed == 10
    assert size_of(store.path) - before <= 100_000
    assert len(store.state(info).versions) == 10_005


def test_a_known_version_is_not_looked_at_again(store: GitStore) -> None:
    """Invariant 7: the object's text is not even made, so a body that could not be written does no harm."""
    obj = config_map("a", {"x": "1"})
    store.commit(BRANCH, draft([obj]))

    info = store.commit(BRANCH, draft([MeshObject(obj.key, {"bad": object()}, obj.server)], minutes=1))

    assert store.state(info).load([obj.key])[obj.key].body == obj.body


def test_a_version_proves_nothing_where_the_eyes_were_others(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same UID and resource version, but another CRD, API version, server, key or program: compared, so found."""
    service, definition = routing(VIRTUAL_SERVICES, "shop", "a"), crd(VIRTUAL_SERVICES)
    pruned = replace(service, body={**service.body, "spec": {}})
    first = draft([service, definition], secret_key_id="a" * 16)
    second = draft([pruned, definition], minutes=1, secret_key_id="a" * 16)
    v2 = tuple(replace(type_, version="v2") for type_ in TYPES)
    others = {
        "nothing": (second, 0),
        "crd": (draft([pruned, crd(VIRTUAL_SERVICES, version=2)], secret_key_id="a" * 16), 1),
        "crd gone": (draft([pruned], secret_key_id="a" * 16), 2),
        "api version": (replace(second, meta=replace(second.meta, types=v2)), 1),
        "type unknown": (replace(second, meta=replace(second.meta, types=())), 1),
        "server": (replace(second, meta=replace(second.meta, cluster=replace(CLUSTER, server_version="v1.35.0"))), 1),
        "key": (replace(second, meta=replace(second.meta, secret_key_id="b" * 16)), 1),
        "program": (second, 1),
    }

    for number, (why, (other, changed)) in enumerate(others.items()):
        branch = f"b-{number:08}"
        store.commit(branch, first)
        if why == "program":
            monkeypatch.setattr(codec, "__version__", "9.9.9")
        assert store.commit(branch, other).changed == changed, why


def test_objects_without_a_version_are_compared(store: GitStore) -> None:
    obj = replace(config_map("a", {"x": "1"}), server=ServerFields())
    store.commit(BRANCH, draft([obj]))

    assert store.commit(BRANCH, draft([obj], minutes=1)).changed == 0
    other = replace(obj, body={**obj.body, "data": {"x": "2"}})
    info = store.commit(BRANCH, draft([other], minutes=2))

    assert info.changed == 1
    assert store.state(info).versions == {obj.key: None}
    assert store.state(info).load([obj.key]) == {obj.key: other}


def test_what_is_gone_is_gone(store: GitStore) -> None:
    objects = small_mesh()
    store.commit(BRANCH, draft(objects, operation={"id": "1"}))

    info = store.commit(BRANCH, draft(objects[:3], minutes=1))

    assert info.changed == len(objects) - 3
    assert set(store.state(info).versions) == {obj.key for obj in objects[:3]}
    assert store.resolve(BRANCH, "latest").meta.operation is None
    assert store.resolve(BRANCH, "latest~1").meta.operation == {"id": "1"}
    assert set(store.state(store.resolve(BRANCH, "latest~1")).versions) == {obj.key for obj in objects}


def test_an_empty_mesh_is_a_snapshot(store: GitStore) -> None:
    info = store.commit(BRANCH, draft([]))

    assert store.state(info).versions == {}
    assert info.meta.counts == {}


def test_counts_are_counted(store: GitStore) -> None:
    info = store.commit(BRANCH, draft(small_mesh(), counts={"configmaps": 99}))

    assert info.meta.counts["configmaps"] == 1
    assert info.meta.counts["virtualservices.networking.istio.io"] == 3


def test_a_state_refuses_keys_it_does_not_have(store: GitStore) -> None:
    info = store.commit(BRANCH, draft(small_mesh()))

    with pytest.raises(KeyError):
        store.state(info).load([Key("", "configmaps", "x", "y")])


@pytest.mark.parametrize(
    "key",
    [
        Key("", "configmaps", "../x", "a"),
        Key("a/b", "as", "", "a"),
        Key("", "A b", "", "a"),
        Key("", "configmaps", "x", ""),
    ],
)
def test_keys_that_no_server_has_are_refused(store: GitStore, key: Key) -> None:
    meta = draft([]).meta

    with pytest.raises(StoreError, match="cannot be stored"):
        store.commit(BRANCH, SnapshotDraft(meta, {key: MeshObject(key, {})}))
    assert store.branches() == ()


def test_a_body_that_cannot_be_written_leaves_no_snapshot(store: GitStore) -> None:
    with pytest.raises(ValueError, match="not a JSON number"):
        store.commit(BRANCH, draft([config_map("a", {"x": float("nan")})]))

    assert store.branches() == ()
    store.commit(BRANCH, draft(small_mesh()))


def test_a_branch_has_one_cluster(store: GitStore) -> None:
    store.commit(BRANCH, draft(small_mesh()))

    with pytest.raises(StoreError, match="is of another cluster"):
        store.commit(BRANCH, draft(small_mesh(), cluster=replace(CLUSTER, uid="other")))


def test_a_branch_that_moved_meanwhile_is_not_moved_back(
    store: GitStore, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody pushed, who does not hold the lock."""
    first = store.commit(BRANCH, draft(small_mesh()))
    foreign = store.commit("tmp-5d0c1f7e", draft(small_mesh(), minutes=1))
    fill = SnapshotStream.__iter__

    def push(stream: SnapshotStream) -> Iterator[bytes]:
        git("update-ref", f"refs/heads/{BRANCH}", foreign.commit, first.commit)
        return fill(stream)

    monkeypatch.setattr(SnapshotStream, "__iter__", push)

    with pytest.raises(StoreError, match=r"the store could not be written: .*expected"):
        store.commit(BRANCH, draft(small_mesh()[1:], minutes=2), name="mine")
    assert git("rev-parse", BRANCH).strip() == foreign.commit
    assert git("tag") == ""
