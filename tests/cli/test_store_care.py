"""Looking after a store, as users do it: without any cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.adapters.store import GitStore
from tests.store.meshes import config_map, draft, small_mesh
from tests.store.plain_git import loosen, object_file

from .conftest import StoreView
from .program import Program

BRANCH = "prod-5d0c1f7e"
ISTIO = "objects/core/configmaps/istio-system/istio.yaml"


@pytest.fixture
def filled(offline: Program, store: Path) -> Program:
    """The product, with a store of two snapshots, the older one called `friday`."""
    with GitStore.open(store, create=True) as opened:
        opened.commit(BRANCH, draft(small_mesh()), name="friday")
        opened.commit(BRANCH, draft([*small_mesh(), config_map("new", {"a": "1"})], minutes=1))
    return offline


def test_a_store_is_said_to_be_intact(filled: Program) -> None:
    result = filled("store", "verify", "--quiet").done()
    assert result.out == "2 snapshots on 1 branch, all intact\n"
    assert result.err == ""


def test_what_is_damaged_is_named_with_the_snapshots_that_have_it(filled: Program, view: StoreView) -> None:
    loosen(view.path)
    new = "objects/core/configmaps/istio-system/new.yaml"
    object_file(view.path, view.git("rev-parse", f"{BRANCH}:{new}").strip()).unlink()
    newest, friday = view.git("rev-parse", BRANCH, f"{BRANCH}~1").split()

    result = filled("store", "verify").done(1)

    lines = result.out.splitlines()
    assert lines[:2] == [f"damaged: {new}: it is missing", f"  in 1 snapshot: {newest[:7]}"]
    rows = [line.split() for line in lines[3:6]]
    assert [row[:2] for row in rows] == [["SNAPSHOT", "STATE"], [newest[:7], "damaged"], [friday[:7], "intact"]]
    assert rows[2][-1] == "friday"
    assert lines[-1] == "1 of 2 snapshots damaged, 1 intact"
    assert all(len(line) <= 80 for line in lines)
    data = filled("store", "verify", "-o", "json").done(1).json
    assert data["intact"] is False
    assert data["faults"] == [{"place": new, "why": "it is missing", "snapshots": [newest]}]
    assert [(one["snapshot"], one["intact"]) for one in data["snapshots"]] == [(newest, False), (friday, True)]


def test_a_store_that_is_intact_as_data(filled: Program, view: StoreView) -> None:
    data = yaml.safe_load(filled("store", "verify", "-o", "yaml").done().out)
    assert (data["intact"], data["faults"], data["branches"]) == (True, [], [BRANCH])
    assert data["store"] == str(view.path)
    assert data["snapshots"][1]["names"] == ["friday"]


def test_nothing_to_verify(offline: Program, store: Path) -> None:
    offline("store", "verify").failed(6, f"there is no store at {store}")
    offline("store", "verify", "more").failed(2, "unexpected extra argument")
    assert not store.exists()


def test_an_identity_that_is_none(filled: Program, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key\n")
    (tmp_path / "key").chmod(0o600)
    filled("store", "verify", "--identity", str(tmp_path / "key")).failed(2, "no identity")


def test_where_the_store_is(offline: Program, store: Path) -> None:
    assert offline("store", "path").done().out == f"{store}\n"
    assert not store.exists()
