"""The store's git configuration: complete, under a checksum, and nobody's damage gets a blessing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, configuration
from kubectl_istio_upgrade.errors import StoreError

from .meshes import draft, small_mesh

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())


@pytest.fixture
def config(store: GitStore) -> Path:
    return store.path / "config"


def notes_of(store: GitStore) -> list[str]:
    notes: list[str] = []
    store.renew_configuration(notes.append)
    return notes


def test_a_new_store_has_every_setting_and_the_checksum(store: GitStore, config: Path, git: Callable[..., str]) -> None:
    for setting in configuration.SETTINGS:
        assert git("config", "--get", setting.name).strip() == setting.value
        assert setting.why
    assert configuration.is_sealed(config.read_bytes())
    assert notes_of(store) == []


def test_every_flipped_bit_is_noticed(config: Path) -> None:
    good = config.read_bytes()
    for position in range(len(good)):
        for bit in range(8):
            assert not configuration.is_sealed(
                good[:position] + bytes([good[position] ^ (1 << bit)]) + good[position + 1 :]
            )


def test_the_checksum_follows_what_the_program_adds(store: GitStore, config: Path) -> None:
    store.add_recipients([RECIPIENT])
    assert store.recipients() == (RECIPIENT,)
    assert configuration.is_sealed(config.read_bytes())
    assert config.stat().st_mode & 0o777 == 0o600


def test_what_somebody_else_changed_is_recorded_on_request_only(
    store: GitStore, config: Path, git: Callable[..., str]
) -> None:
    git("config", "--file", "config", "http.proxy", "http://proxy:3128")
    with pytest.raises(StoreError, match="was changed since this program wrote it") as caught:
        store.add_recipients([RECIPIENT])
    assert "store init" in (caught.value.hint or "")

    assert len(notes_of(store)) == 1
    assert configuration.is_sealed(config.read_bytes())
    assert git("config", "--file", "config", "http.proxy").strip() == "http://proxy:3128"
    store.add_recipients([RECIPIENT])


def test_settings_that_were_lost_come_back(store: GitStore, git: Callable[..., str]) -> None:
    git("config", "--file", "config", "--unset", "core.fsync")
    git("config", "--file", "config", "gc.auto", "6700")
    notes_of(store)
    assert git("config", "--file", "config", "core.fsync").strip() == "all"
    assert git("config", "--file", "config", "gc.auto").strip() == "0"


def test_a_configuration_that_git_cannot_read_is_damaged_and_not_somebody_elses(store: GitStore, config: Path) -> None:
    config.write_bytes(config.read_bytes().replace(b"[core]", b"[core"))
    with pytest.raises(StoreError, match="the configuration of the store cannot be read"):
        GitStore.open(store.path)


def test_snapshots_are_written_as_packs(store: GitStore) -> None:
    for minutes in range(3):
        store.commit("prod-5d0c1f7e", draft(small_mesh(), minutes=minutes))
    assert not list(store.path.glob("objects/??"))
    assert len(list(store.path.glob("objects/pack/*.pack"))) == 3


def test_a_head_that_git_does_not_know_is_named(store: GitStore) -> None:
    (store.path / "HEAD").write_text("rdf: refs/heads/main\n")
    with pytest.raises(StoreError, match="HEAD is damaged") as caught:
        GitStore.open(store.path)
    assert "ref: refs/heads/main" in (caught.value.hint or "")
