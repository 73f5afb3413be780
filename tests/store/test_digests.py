"""Digests of secret values: stable, keyed, and the key well kept."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.adapters.store.digests import KeyedDigester
from kubectl_istio_upgrade.errors import StoreError


def key_file(store: GitStore) -> Path:
    return store.path / "istio-upgrade" / "digest.key"


def test_equal_values_in_one_place_have_equal_digests(store: GitStore) -> None:
    first = store.digester().digest("x/a:key", b"value")

    assert re.fullmatch("hmac-sha256:[0-9a-f]{64}", first)
    with GitStore.open(store.path) as again:
        assert again.digester().digest("x/a:key", b"value") == first
        assert again.digester().key_id == store.digester().key_id


def test_place_value_and_key_each_make_a_difference() -> None:
    one, other = KeyedDigester(b"1" * 32), KeyedDigester(b"2" * 32)
    digests = [
        digester.digest(*pair)
        for digester in (one, other)
        for pair in (("a", b"b"), ("a", b"c"), ("b", b"b"), ("ab", b""), ("", b"ab"), ("a\0", b"b"), ("a", b"\0b"))
    ]

    assert len(set(digests)) == len(digests)
    assert one.key_id != other.key_id
    assert re.fullmatch("[0-9a-f]{16}", one.key_id)
    assert "1111" not in repr(one)


def test_the_digest_is_as_specified() -> None:
    """Computed by hand from `snapshots/README.md`: it must not change within a format."""
    digester = KeyedDigester(bytes(range(32)))

    assert digester.key_id == "4f5438011f01a2cc"
    assert (
        digester.digest("shop/tls:key", b"value")
        == "hmac-sha256:ae87c0f343cbc0948ff91bbf2c2c8e62f84d6e1a7c6b340449ad37a34de5f147"
    )


def test_the_key_is_private_and_not_in_git(store: GitStore) -> None:
    store.digester()

    assert stat.S_IMODE(key_file(store).stat().st_mode) == 0o600
    assert re.fullmatch("[0-9a-f]{64}\n[0-9a-f]{16}\n", key_file(store).read_text())
    assert [file.name for file in key_file(store).parent.iterdir()] == ["digest.key"]


def test_a_key_that_others_can_read_is_refused(store: GitStore) -> None:
    store.digester()
    key_file(store).chmod(0o640)

    with pytest.raises(StoreError, match="can be read by others") as caught:
        store.digester()
    assert caught.value.hint == f"chmod 600 {key_file(store)}"


@pytest.mark.parametrize(
    "text",
    ["", "abcd\n", "z" * 64, "a" * 66, "é" * 32, "A" * 64, f"{'a' * 64}\n{'b' * 16}\n", f"{'a' * 64}\n\n"],
)
def test_a_damaged_key_is_refused_and_kept(store: GitStore, text: str) -> None:
    key_file(store).write_text(text)
    key_file(store).chmod(0o600)

    with pytest.raises(StoreError, match=r"digest\.key is damaged"):
        store.digester()
    assert key_file(store).read_text() == text


def test_a_key_that_somebody_made_meanwhile_is_used(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "ab" * 32

    def faster(_: object, file: Path) -> None:
        file.write_text(key)
        file.chmod(0o600)
        raise FileExistsError

    monkeypatch.setattr(os, "link", faster)

    assert store.digester().key == bytes.fromhex(key)
    assert [file.name for file in key_file(store).parent.iterdir()] == ["digest.key"]
