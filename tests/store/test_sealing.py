"""Values encrypted in snapshots: by real age, in real git; reused, verified, and opened only by whom they are for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pyrage
import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, layout
from kubectl_istio_upgrade.adapters.store.sealed import check_sealed, index_entry, sealed_document
from kubectl_istio_upgrade.errors import StoreError, UsageError
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.secrets import NO_VALUES
from kubectl_istio_upgrade.models.snapshots import SnapshotInfo
from kubectl_istio_upgrade.normalise.objects import split
from kubectl_istio_upgrade.normalise.secrets import without_values

from .meshes import SECRETS, config_map, draft, metadata
from .test_format import SCHEMA, check

CANARY = "canary-5f1d93ab"
Git = Callable[..., str]


class Key:
    """An age identity and its file."""

    def __init__(self, folder: Path, name: str) -> None:
        identity = pyrage.x25519.Identity.generate()
        self.public = str(identity.to_public())
        self.file = folder / f"{name}.txt"
        self.file.write_text(f"# public key: {self.public}\n{identity}\n")
        self.file.chmod(0o600)


@pytest.fixture
def me(tmp_path: Path) -> Key:
    return Key(tmp_path, "me")


@pytest.fixture
def other(tmp_path: Path) -> Key:
    return Key(tmp_path, "other")


@pytest.fixture
def sealing(store: GitStore, me: Key) -> GitStore:
    store.add_recipients([me.public])
    return store


def secret(store: GitStore, name: str = "app", *, value: str = "Y2FuYXJ5LTVmMWQ5M2Fi", version: int = 1) -> MeshObject:
    body = {"metadata": metadata(name, "istio-system", version=version), "data": {"password": value}}
    return without_values(split(body, SECRETS), store.digester())


def commit(store: GitStore, *objects: MeshObject, minutes: int = 0) -> SnapshotInfo:
    return store.commit("prod-1", draft(objects, minutes=minutes))


def sealed_blobs(git: Git, info: SnapshotInfo) -> dict[str, str]:
    lines = (line.split() for line in git("ls-tree", "-r", info.commit, "sealed/").splitlines())
    return {path: blob for _, _, blob, path in lines}


def test_without_recipients_nothing_is_sealed(store: GitStore, git: Git) -> None:
    info = commit(store, secret(store))
    assert sealed_blobs(git, info) == {}
    assert info.meta.recipients == ()
    assert secret(store).key not in store.sealed(info, [])
    assert store.sealed(info, []).open(secret(store).key) is NO_VALUES


def test_values_come_back_with_the_identity_and_only_with_it(sealing: GitStore, me: Key, other: Key) -> None:
    item = secret(sealing)
    info = commit(sealing, item, config_map("a", {"plain": "text"}))
    values = sealing.sealed(info, [other.file, me.file]).open(item.key)
    assert dict(values.items()) == dict(item.withheld.items())
    assert item.key in sealing.sealed(info, [])
    for identities in ([], [other.file]):
        assert not sealing.sealed(info, identities).open(item.key)
    assert info.meta.recipients == (me.public,)


def test_every_recipient_can_open_them(sealing: GitStore, me: Key, other: Key) -> None:
    assert sealing.add_recipients([other.public, me.public]) == (other.public,)
    item = secret(sealing)
    info = commit(sealing, item)
    for key in (me, other):
        assert sealing.sealed(info, [key.file]).open(item.key)


def test_an_ssh_key_will_do(store: GitStore, tmp_path: Path) -> None:
    file = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@home", "-f", str(file)], check=True)
    (new,) = store.add_recipients([file.with_suffix(".pub").read_text()])
    assert "me@home" not in new
    item = secret(store)
    assert store.sealed(commit(store, item), [file]).open(item.key)


def test_the_files_are_as_specified(sealing: GitStore, git: Git, me: Key) -> None:
    item = secret(sealing)
    info = commit(sealing, item)
    assert set(sealed_blobs(git, info)) == {
        "sealed/core/secrets/istio-system.json",
        "sealed/core/secrets/istio-system/app.age",
    }
    document = json.loads(sealed_document(item))
    jsonschema.validate(document, {"$ref": "#/$defs/sealedValues", "$defs": SCHEMA["$defs"]})
    for path in git("ls-tree", "-r", "--name-only", info.commit).splitlines():
        if not path.endswith(".age"):
            check(path, git("show", f"{info.commit}:{path}").encode())


def test_no_value_is_in_any_object_of_git(sealing: GitStore) -> None:
    commit(sealing, secret(sealing))
    command = ["git", "-C", str(sealing.path), "cat-file", "--batch-all-objects", "--batch"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    assert b"age-encryption.org/v1" in content
    assert CANARY.encode() not in content
    assert b"Y2FuYXJ5LTVmMWQ5M2Fi" not in content


def test_what_has_not_changed_is_not_encrypted_again(sealing: GitStore, git: Git, other: Key) -> None:
    first = commit(sealing, secret(sealing), secret(sealing, "b"))
    labelled = commit(sealing, secret(sealing, version=2), secret(sealing, "b"), minutes=1)
    assert sealed_blobs(git, labelled) == sealed_blobs(git, first)
    changed = commit(sealing, secret(sealing, value="eA==", version=3), secret(sealing, "b"), minutes=2)
    app, b = ("sealed/core/secrets/istio-system/app.age", "sealed/core/secrets/istio-system/b.age")
    assert sealed_blobs(git, changed)[app] != sealed_blobs(git, first)[app]
    assert sealed_blobs(git, changed)[b] == sealed_blobs(git, first)[b]
    sealing.add_recipients([other.public])
    again = commit(sealing, secret(sealing, value="eA==", version=3), secret(sealing, "b"), minutes=3)
    assert not set(sealed_blobs(git, again).values()) & set(sealed_blobs(git, first).values())
    gone = commit(sealing, secret(sealing, "b"), minutes=4)
    assert app not in sealed_blobs(git, gone)
    assert sealed_blobs(git, gone)[b] == sealed_blobs(git, again)[b]


def test_an_object_made_anew_is_sealed_anew(sealing: GitStore) -> None:
    item = secret(sealing)
    assert index_entry(item) != index_entry(replace(item, server=replace(item.server, uid="other")))


def test_snapshots_from_before_the_recipients_have_none(store: GitStore, me: Key) -> None:
    item = secret(store)
    before = commit(store, item)
    store.add_recipients([me.public])
    after = commit(store, item, minutes=1)
    assert item.key not in store.sealed(before, [me.file])
    assert store.sealed(after, [me.file]).open(item.key)


def test_recipients_outlive_the_process(sealing: GitStore, me: Key, git: Git) -> None:
    with GitStore.open(sealing.path) as again:
        assert again.recipients() == (me.public,)
        assert again.add_recipients([me.public]) == ()
    assert git("config", "--file", "config", "--get", "istioupgrade.format") == "1\n"
    assert not list(sealing.path.glob(".config.*"))


@pytest.mark.parametrize("text", ["", "age1xyz", "ssh-ed25519 AAAA", "somebody", "ecdsa-sha2-nistp256 AAAA"])
def test_what_is_no_recipient_is_refused(store: GitStore, text: str) -> None:
    with pytest.raises(UsageError, match="is not a recipient"):
        store.add_recipients([text])
    assert store.recipients() == ()


def test_a_secret_key_given_as_recipient_is_not_quoted(store: GitStore, me: Key) -> None:
    secret_key = me.file.read_text().splitlines()[-1]
    with pytest.raises(UsageError) as caught:
        store.add_recipients([secret_key])
    assert secret_key[:30] not in f"{caught.value}{caught.value.hint}"


def test_a_recipient_broken_by_hand_stops_the_snapshot(sealing: GitStore, git: Git) -> None:
    git("config", "--file", "config", "--add", "istioupgrade.recipient", "age1nobody")
    with pytest.raises(StoreError, match="a recipient in the store's configuration cannot be used"):
        commit(sealing, secret(sealing))
    assert git("for-each-ref") == ""


def bad_identities(folder: Path) -> Iterator[tuple[str, str, int, str]]:
    yield "open.txt", "AGE-SECRET-KEY-1", 0o640, "can be read by others"
    yield "empty.txt", "# nothing\n", 0o600, "holds no identity that can be used: it is empty"
    yield "wrong.txt", "AGE-SECRET-KEY-1ABC\n", 0o600, "holds no identity that can be used"
    yield "plugin.txt", "AGE-PLUGIN-YUBIKEY-1ABC\n", 0o600, "holds no identity that can be used"
    sealed = pyrage.passphrase.encrypt(b"AGE-SECRET-KEY-1", "correct horse").decode("latin-1")
    yield "locked.txt", sealed, 0o600, "is itself encrypted"
    file = folder / "ssh"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "correct horse", "-f", str(file)], check=True)
    yield "locked-ssh", file.read_text(), 0o600, "ssh key must be decrypted first"


def test_an_identity_file_that_cannot_be_used_is_refused_before_it_is_needed(store: GitStore, tmp_path: Path) -> None:
    info = commit(store, secret(store))
    with pytest.raises(UsageError, match="cannot read the identity file"):
        store.sealed(info, [tmp_path / "none"])
    for name, text, mode, words in bad_identities(tmp_path):
        file = tmp_path / name
        file.write_bytes(text.encode("latin-1"))
        file.chmod(mode)
        with pytest.raises(UsageError, match=words) as caught:
            store.sealed(info, [file])
        assert "ABC" not in str(caught.value), "it quotes the file"


def test_an_identity_may_come_through_a_pipe(sealing: GitStore, me: Key) -> None:
    info = commit(sealing, secret(sealing))
    reading, writing = os.pipe()
    os.write(writing, me.file.read_bytes())
    os.close(writing)
    assert sealing.sealed(info, [Path(f"/dev/fd/{reading}")]).open(secret(sealing).key)
    os.close(reading)


class Tampered:
    """A snapshot whose files were changed by somebody who knows git."""

    def __init__(self, store: GitStore, git: Git, me: Key) -> None:
        self.store, self.git, self.me = store, git, me
        self.objects = [secret(store), secret(store, "b", value="eQ==")]
        self.info = commit(store, *self.objects)
        self.files = self._read()

    def _read(self) -> dict[str, bytes]:
        names = self.git("ls-tree", "-r", "--name-only", self.info.commit).splitlines()
        command = ["git", "-C", str(self.store.path), "cat-file", "blob"]
        return {
            name: subprocess.run([*command, f"{self.info.commit}:{name}"], check=True, capture_output=True).stdout
            for name in names
        }

    def faults(self) -> list[str]:
        found = check_sealed(self.files, [self.me.public], self.files.__getitem__)
        return [f"{path}: {why}" for path, why in found]


APP, B, INDEX = (
    "sealed/core/secrets/istio-system/app.age",
    "sealed/core/secrets/istio-system/b.age",
    "sealed/core/secrets/istio-system.json",
)


@pytest.fixture
def snapshot(sealing: GitStore, git: Git, me: Key) -> Tampered:
    return Tampered(sealing, git, me)


def test_sound_sealed_files_are_verified_without_an_identity(snapshot: Tampered) -> None:
    assert snapshot.faults() == []


def without(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda files: files.pop(name)


def with_(name: str, change: Callable[[bytes], bytes]) -> Callable[[dict[str, bytes]], object]:
    return lambda files: files.update({name: change(files[name])})


def reindexed(files: dict[str, bytes]) -> None:
    files[APP] = b"no age file"
    index: Any = json.loads(files[INDEX])
    index["app"]["sha256"] = hashlib.sha256(files[APP]).hexdigest()
    files[INDEX] = json.dumps(index).encode()


def swapped(files: dict[str, bytes]) -> None:
    files[APP], files[B] = files[B], files[APP]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (without(APP), "app.age: it is missing"),
        (without(INDEX), "app.age: no index names it"),
        (with_(INDEX, lambda _: b"[]"), "istio-system.json: it is no index of sealed values"),
        (with_(INDEX, lambda text: text.replace(b'"uid":"', b'"uid":"0')), "it has another UID"),
        (
            with_(APP, lambda text: text[:-1] + bytes([text[-1] ^ 1])),
            "app.age: it is not the file that its index names",
        ),
        (swapped, "b.age: it is not the file that its index names"),
        (reindexed, "app.age: it is not an age file"),
        (without("objects/core/secrets/istio-system/app.yaml"), "app, which is not in the snapshot"),
    ],
)
def test_damage_is_found_without_an_identity(
    snapshot: Tampered, damage: Callable[[dict[str, bytes]], object], fault: str
) -> None:
    damage(snapshot.files)
    assert any(fault in line for line in snapshot.faults()), snapshot.faults()


def test_a_recipient_that_cannot_open_them_is_found(snapshot: Tampered, other: Key) -> None:
    found = dict(check_sealed(snapshot.files, [snapshot.me.public, other.public], snapshot.files.__getitem__))
    assert found[APP] == "it is encrypted to 1 recipients, not to 2"


def test_values_sealed_for_another_object_are_refused(
    store: GitStore, me: Key, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who can encrypt to the recipient puts a file of his own, index and all."""
    from kubectl_istio_upgrade.adapters.store import sealed

    store.add_recipients([me.public])
    document = sealed_document(secret(store, "b"))
    monkeypatch.setattr(sealed, "sealed_document", lambda _: document)
    item = secret(store)
    info = commit(store, item)
    with pytest.raises(StoreError, match=r"app\.age is damaged: it is sealed for another object"):
        store.sealed(info, [me.file]).open(item.key)


def test_reading_a_damaged_file_is_an_error_and_quotes_nothing(
    store: GitStore, me: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubectl_istio_upgrade.adapters.store import sealed

    store.add_recipients([me.public])
    monkeypatch.setattr(sealed, "sealed_document", lambda _: f'{{"{CANARY}'.encode())
    item = secret(store)
    info = commit(store, item)
    with pytest.raises(StoreError, match="is damaged: it is not JSON") as caught:
        store.sealed(info, [me.file]).open(item.key)
    assert caught.value.__cause__ is None
    assert layout.sealed_path(item.key) in str(caught.value)
