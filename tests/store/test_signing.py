"""Signed commits, by real ssh keys."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, copies
from kubectl_istio_upgrade.errors import ExitCode, StoreError
from kubectl_istio_upgrade.models.verification import Signature

from ..unit.silence import Silence
from .meshes import by_key, config_map, draft, small_mesh
from .plain_git import plain_git
from .test_verify import verified

BRANCH = "prod-5d0c1f7e"


class Signer:
    """Somebody whose git signs commits."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.key = home / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f", str(self.key)]
        subprocess.run(command, check=True)
        self.configure()

    def configure(self, more: Mapping[str, str] = {}, *, trusting: bool = True) -> None:
        trusted = self.home / "trusted"
        trusted.write_text(f"kubectl-istio-upgrade@localhost {self.key.with_suffix('.pub').read_text()}")
        settings = {"commit.gpgSign": "true", "gpg.format": "ssh", "user.signingKey": str(self.key)} | dict(more)
        if trusting:
            settings["gpg.ssh.allowedSignersFile"] = str(trusted)
        (self.home / ".gitconfig").unlink(missing_ok=True)
        for name, value in settings.items():
            subprocess.run(["git", "config", "--file", str(self.home / ".gitconfig"), name, value], check=True)


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signer:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return Signer(home)


def test_snapshots_are_signed_where_commits_are(store: GitStore, signer: Signer) -> None:
    first = store.commit(BRANCH, draft(small_mesh(), message="why\n\n  and how\n"), name="friday")
    second = store.commit(BRANCH, draft([*small_mesh(), config_map("a", {})], minutes=1))

    assert first.signed
    assert [info.signed for info in store.history(BRANCH)] == [True, True]
    for info in (first, second):
        plain_git(store.path, "verify-commit", info.commit)
    assert store.resolve(BRANCH, "friday").commit == first.commit
    assert store.state(second).load(by_key(small_mesh())) == by_key(small_mesh())
    found = verified(store.path)
    assert [snapshot.signature for snapshot in found.snapshots] == [Signature.GOOD, Signature.GOOD]
    assert (found.faults, found.notes) == ((), ())
    plain_git(store.path, "fsck", "--full", "--strict")
    assert [folder for folder in (store.path / "objects").iterdir() if len(folder.name) == 2] == []


def test_a_signed_commit_says_what_an_unsigned_one_says(store: GitStore, signer: Signer, tmp_path: Path) -> None:
    what = draft(small_mesh(), message="why — and how\n\n  indented\n# not a comment")
    with_signature = store.commit(BRANCH, what)
    (signer.home / ".gitconfig").unlink()
    with GitStore.open(tmp_path / "plain", create=True) as plain:
        without = plain.commit(BRANCH, what)
        assert not without.signed
        text = plain_git(plain.path, "cat-file", "commit", without.commit)
    lines = plain_git(store.path, "cat-file", "commit", with_signature.commit).split("\n")
    start, end = lines.index("gpgsig -----BEGIN SSH SIGNATURE-----"), lines.index(" -----END SSH SIGNATURE-----")
    assert "\n".join(lines[:start] + lines[end + 1 :]) == text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gpg.ssh.program": "/bin/false"}, "git ended with status 1"),
        ({"gpg.ssh.program": "/no/such/program"}, "/no/such/program"),
        ({"user.signingKey": "/no/such/key"}, "/no/such/key"),
    ],
)
def test_a_signer_that_fails_changes_nothing(
    store: GitStore, signer: Signer, settings: dict[str, str], words: str
) -> None:
    first = store.commit(BRANCH, draft(small_mesh()))
    before = plain_git(store.path, "for-each-ref")
    signer.configure(settings)

    with pytest.raises(StoreError, match="the snapshot could not be signed: ") as caught:
        store.commit(BRANCH, draft([*small_mesh(), config_map("a", {})], minutes=1), name="friday")

    assert words in caught.value.message
    assert "commit.gpgSign" in str(caught.value.hint)
    assert caught.value.exit_code is ExitCode.STORE
    assert plain_git(store.path, "for-each-ref") == before
    if settings.get("gpg.ssh.program") != "/bin/false":  # which says that signatures are bad, if it is asked
        assert verified(store.path).intact
    signer.configure()
    assert [info.commit for info in store.history(BRANCH)] == [first.commit]
    assert store.commit(BRANCH, draft(small_mesh(), minutes=2)).signed


def test_signatures_that_cannot_be_checked_here_are_noted(store: GitStore, signer: Signer) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    signer.configure(trusting=False)
    found = verified(store.path)
    assert found.intact
    assert found.snapshots[0].signature is Signature.UNCHECKED
    assert "1 signatures could not be checked: git lacks their keys, or whom to trust" in found.notes


def test_merges_are_signed_as_well_and_gc_leaves_signatures_alone(
    store: GitStore, signer: Signer, tmp_path: Path
) -> None:
    store.commit(BRANCH, draft(small_mesh()))
    shutil.copytree(store.path, tmp_path / "other")
    store.commit(BRANCH, draft([*small_mesh(), config_map("a", {})], minutes=1))
    with GitStore.open(tmp_path / "other") as other:
        other.commit(BRANCH, draft([*small_mesh(), config_map("b", {})], minutes=2))
        copies.pull(store, copies.Remote.at(str(other.path)), Silence())
    merge = plain_git(store.path, "rev-parse", BRANCH).strip()
    assert plain_git(store.path, "rev-list", "--merges", BRANCH).split() == [merge]
    plain_git(store.path, "verify-commit", merge)
    store.retain({BRANCH: [info.commit for info in store.history(BRANCH, limit=2)]})
    found = verified(store.path)
    assert [snapshot.signature for snapshot in found.snapshots] == [Signature.GOOD, Signature.GOOD]
    assert (found.faults, found.notes) == ((), ())
    plain_git(store.path, "verify-commit", merge)


def test_a_bad_signature_is_not_taken_over(store: GitStore, signer: Signer, tmp_path: Path) -> None:
    with GitStore.open(tmp_path / "other", create=True) as other:
        info = other.commit(BRANCH, draft(small_mesh(), message="true"))
        text = plain_git(other.path, "cat-file", "commit", info.commit).replace("true", "false")
        command = ["git", "-C", str(other.path), "hash-object", "-w", "-t", "commit", "--stdin"]
        forged = subprocess.run(command, input=text.encode(), check=True, capture_output=True).stdout.decode().strip()
        plain_git(other.path, "update-ref", f"refs/heads/{BRANCH}", forged)
        assert any(fault.why == "its signature is bad" for fault in verified(other.path).faults)
        with pytest.raises(StoreError, match=f"commit {forged[:7]}: its signature is bad"):
            copies.pull(store, copies.Remote.at(str(other.path)), Silence())
    assert plain_git(store.path, "for-each-ref") == ""
