"""Looking after a store, as users do it: without any cluster."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.models.operations import Opening
from tests.store.meshes import START, config_map, draft, small_mesh
from tests.store.plain_git import loosen, object_file
from tests.support.web import Web, says

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


@pytest.fixture
def grown(filled: Program, store: Path) -> Program:
    """The same, a day and then two later."""
    with GitStore.open(store) as opened:
        for number in range(4):
            opened.commit(
                BRANCH, draft([*small_mesh(), config_map("new", {"a": f"{number}"})], minutes=720 + number * 720)
            )
    return filled


def test_old_snapshots_are_shown_and_then_removed(grown: Program, view: StoreView) -> None:
    newest, friday = view.git("rev-parse", BRANCH, f"{BRANCH}/friday").split()
    refs = view.refs

    shown = grown("store", "gc", "--keep-last", "1", "--keep-daily", "2", "--dry-run").done()

    lines = [line.split() for line in shown.out.splitlines()]
    assert shown.out.startswith(f"{BRANCH}: 3 of 6 snapshots would go\n")
    assert lines[2][:1] + lines[2][3:] == [newest[:7], "stays", "-", "newest,", "last,", "daily"]
    assert lines[7][:1] + lines[7][3:] == [friday[:7], "stays", "friday", "named"]
    assert [line[3] for line in lines[2:8]].count("goes") == 3
    assert shown.out.endswith("dry run: 3 snapshots would go, 3 stay; nothing was changed\n")
    assert all(len(line) <= 80 for line in shown.out.splitlines())
    assert view.refs == refs

    done = grown("store", "gc", "--keep-last", "1", "--keep-daily", "2", "--yes").done()

    assert done.out.startswith("removed 3 snapshots, kept 3; ")
    assert f"{BRANCH}: 3 of 6 snapshots would go" in done.err
    assert [line.split()[0] for line in grown("history").done().out.splitlines()[1:]][::2] == [newest[:7], friday[:7]]
    assert grown("show", friday[:7]).done().out.count("friday") == 1
    assert grown("store", "verify", "--quiet").done().out == "3 snapshots on 1 branch, all intact\n"
    view.check()


def test_nothing_is_removed_without_a_word(grown: Program, view: StoreView) -> None:
    refs = view.refs
    grown("store", "gc", "--keep-last", "1").failed(3, "refusing to remove snapshots without", hint="--dry-run")
    grown("store", "gc", "--keep-last", "0").failed(2, "0 is not in the range")
    grown("store", "gc", "--keep-weekly", "1").failed(2, "no such option")
    assert view.refs == refs
    assert grown("store", "gc", "--quiet").done().out.startswith("removed 0 snapshots, kept 6; ")
    assert len(grown("history", "-o", "name").done().out.split()) == 6


def test_what_was_removed_as_data(grown: Program, view: StoreView) -> None:
    newest = view.git("rev-parse", BRANCH).strip()
    data = grown("store", "gc", "--keep-last", "1", "--yes", "--quiet", "-o", "json").done().json
    assert (data["removed"], data["kept"], data["dryRun"]) == (4, 2, False)
    assert data["freedBytes"] >= 0
    (branch,) = data["branches"]
    first, named = branch["kept"]
    assert (first["snapshot"], first["reasons"]) == (newest, ["newest", "last"])
    assert named["reasons"] == ["named"]
    assert len(branch["removed"]) == 4


def test_nothing_is_removed_while_an_operation_is_unfinished(grown: Program, store: Path, view: StoreView) -> None:
    before = view.git("rev-parse", BRANCH).strip()
    with GitStore.open(store) as opened:
        opening = Opening("20261123-120000-1a2b3c", "rollback", before, "snapshot x", before, START, {})
        opened.begin(BRANCH, opening).close()
    grown("store", "gc", "--keep-last", "1", "--yes").failed(4, "rollback to snapshot x", hint="resume")
    assert len(grown("history", "-o", "name").done().out.split()) == 6


def test_nothing_is_removed_while_somebody_writes(grown: Program, store: Path) -> None:
    with GitStore.open(store) as opened, opened.lock("upgrade"):
        grown("store", "gc", "--keep-last", "1", "--yes").failed(6, "in use by upgrade of")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A repository on a server, so to say."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "mesh.git")], check=True)
    return tmp_path / "mesh.git"


@pytest.fixture
def elsewhere(offline: Program, tmp_path: Path) -> Program:
    """The product on another machine, without a store."""
    return offline.having(ISTIO_UPGRADE_STORE=str(tmp_path / "elsewhere"))


def test_another_machine_reads_what_was_pushed(filled: Program, elsewhere: Program, remote: Path) -> None:
    sent = filled("store", "push", str(remote), "--quiet").done()
    assert sent.out == f"{BRANCH}: 2 snapshots and 1 name, a new branch\n2 snapshots sent to {remote}\n"
    assert sent.err == ""
    assert filled("store", "push", str(remote), "--quiet").done().out.startswith(f"{BRANCH}: nothing new\n")

    got = elsewhere("store", "pull", str(remote), "--quiet").done()

    assert got.out == f"{BRANCH}: 2 snapshots and 1 name, a new branch\n2 snapshots taken over from {remote}\n"
    assert elsewhere("history").done().out == filled("history").done().out
    assert elsewhere("show", "friday").done().out == filled("show", "friday").done().out
    difference = elsewhere("diff", "friday", "latest").done(1)
    assert "+" in difference.out
    assert difference.out == filled("diff", "friday", "latest").done(1).out
    assert elsewhere("store", "verify", "--quiet").done().out == "2 snapshots on 1 branch, all intact\n"


def test_the_remote_is_configured(filled: Program, elsewhere: Program, remote: Path, tmp_path: Path) -> None:
    filled("store", "push").failed(2, "there is no remote to go to", hint="`remote` in the configuration")
    filled.having(ISTIO_UPGRADE_REMOTE=str(remote))("store", "push").done()
    config = tmp_path / "config.yaml"
    config.write_text(f"remote: {remote}\n")
    elsewhere = elsewhere.having(ISTIO_UPGRADE_CONFIG=str(config))
    data = elsewhere("store", "pull", "--quiet", "-o", "json").done().json
    assert data["remote"] == str(remote)
    assert [(one["branch"], one["course"], one["snapshots"]) for one in data["branches"]] == [(BRANCH, "new", 2)]


def test_a_remote_that_is_not_there(filled: Program, elsewhere: Program, view: StoreView, tmp_path: Path) -> None:
    refs, missing = view.refs, str(tmp_path / "missing.git")
    for action in ("push", "pull"):
        filled("store", action, missing, "--quiet").failed(6, f"the remote {missing} cannot be read", hint="git init")
    assert view.refs == refs
    elsewhere("store", "pull", missing, "--quiet").failed(6, "cannot be read")
    elsewhere("store", "push", missing).failed(6, "there is no store at")
    assert not (tmp_path / "elsewhere").exists()
    filled("store", "push", "a", "b").failed(2, "unexpected extra argument")


def test_a_remote_that_wants_a_password_asks_nobody(filled: Program) -> None:
    web = Web(says('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'))
    try:
        for who in ("", "somebody:secret@"):
            address = f"http://{who}127.0.0.1:{web.port}/mesh.git"
            for verbose in ({}, {"GIT_CURL_VERBOSE": "1", "GIT_TRACE_CURL": "1"}):
                result = filled.having(**verbose)("store", "push", address, "--quiet")
                result.failed(6, "cannot be read", hint="nobody is asked")
                assert "secret" not in result.err
                assert len(result.err.splitlines()) == 2
    finally:
        web.close()


def test_a_name_that_means_two_things_is_told(
    filled: Program, elsewhere: Program, remote: Path, tmp_path: Path
) -> None:
    filled("store", "push", str(remote)).done()
    with GitStore.open(tmp_path / "elsewhere", create=True) as opened:
        opened.commit(BRANCH, draft(small_mesh(), minutes=3), name="friday")
    got = elsewhere("store", "pull", str(remote), "--quiet").done(1)
    first, second, last = got.out.splitlines()
    assert first == f"{BRANCH}: 2 snapshots, both sides had snapshots of their own: one history now"
    assert second.startswith("  name friday: ")
    assert second.endswith("; left as it is")
    assert last == f"2 snapshots taken over from {remote}"
    assert len(elsewhere("history", "-o", "name").done().out.split()) == 3


def test_signatures_are_told(filled: Program, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (tmp_path / ".gitconfig").write_text(f"[commit]\ngpgSign = 1\n[gpg]\nformat = ssh\n[user]\nsigningKey = {key}\n")
    with monkeypatch.context() as signing, GitStore.open(store) as opened:
        signing.setenv("HOME", str(tmp_path))
        opened.commit(BRANCH, draft(small_mesh(), minutes=5), name="signed")
    assert "signed:" in filled("show", "signed").done().out
    assert "signed:" not in filled("show", "friday").done().out
    assert [one["signed"] for one in filled("history", "-o", "json").done().json] == [True, False, False]
    assert filled("store", "verify", "--quiet").done().out.endswith("; 1 signed: 1 unchecked\n")
