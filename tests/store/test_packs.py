"""Whether an object is as it was written, told by its pack. git makes the packs, and is asked what it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore, packs

from .meshes import draft, small_mesh
from .plain_git import loosen, plain_git

Damage = Callable[[Path], None]


@pytest.fixture
def repository(store: GitStore) -> Path:
    """One with a pack."""
    store.commit("prod-5d0c1f7e", draft(small_mesh()))
    plain_git(store.path, "repack", "-a", "-d", "-q")
    return store.path


def everything(repository: Path) -> set[str]:
    listed = plain_git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(listed.split())


def the_file(repository: Path, ending: str) -> Path:
    (file,) = (repository / "objects" / "pack").glob(f"*.{ending}")
    file.chmod(0o600)
    return file


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def cut(file: Path, end: int) -> None:
    file.write_bytes(file.read_bytes()[:end])


DAMAGES: dict[str, Damage] = {
    "a bit of the pack": lambda path: flip(the_file(path, "pack"), the_file(path, "pack").stat().st_size // 2),
    "a bit of the pack's checksum": lambda path: flip(the_file(path, "pack"), -1),
    "a bit of an id in the index": lambda path: flip(the_file(path, "idx"), 8 + 1024 + 5),
    "the index's word on which pack it is of": lambda path: flip(the_file(path, "idx"), -21),
    "a pack that ends too early": lambda path: cut(the_file(path, "pack"), -30),
    "an empty pack": lambda path: cut(the_file(path, "pack"), 0),
    "a pack that is shorter than a checksum": lambda path: cut(the_file(path, "pack"), 19),
    "an empty index": lambda path: cut(the_file(path, "idx"), 0),
    "an index that ends too early": lambda path: cut(the_file(path, "idx"), 1000),
    "no pack beside its index": lambda path: the_file(path, "pack").unlink(),
    "no index": lambda path: the_file(path, "idx").unlink(),
    "an index of another version": lambda path: flip(the_file(path, "idx"), 7),
}


def test_everything_in_a_whole_pack_is_sound(repository: Path) -> None:
    wanted = everything(repository)

    assert len(wanted) > 20
    assert packs.sound(repository, wanted) == wanted


def test_only_what_is_wanted_is_named(repository: Path) -> None:
    one = min(everything(repository))

    assert packs.sound(repository, {one, "0" * 40}) == {one}
    assert packs.sound(repository, set()) == set()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_nothing_in_a_damaged_pack_is_sound(repository: Path, damage: Damage) -> None:
    wanted = everything(repository)
    damage(repository)

    assert packs.sound(repository, wanted) == set()


def test_every_bit_of_a_pack_counts(store: GitStore) -> None:
    store.commit("prod-5d0c1f7e", draft([]))
    wanted, pack = everything(store.path), the_file(store.path, "pack")
    assert packs.sound(store.path, wanted) == wanted

    for place in range(pack.stat().st_size):
        flip(pack, place)
        assert packs.sound(store.path, wanted) == set(), f"byte {place}"
        flip(pack, place)


def beside(repository: Path) -> Path:
    """Another pack with the same objects; git may read either. Its index."""
    for file in list((repository / "objects" / "pack").glob("pack-*")):
        (file.parent / f"another-{file.name}").write_bytes(file.read_bytes())
    (index,) = (repository / "objects" / "pack").glob("another-*.idx")
    return index


def test_objects_that_are_in_two_whole_packs_are_sound(repository: Path) -> None:
    wanted = everything(repository)
    beside(repository)

    assert packs.sound(repository, wanted) == wanted


@pytest.mark.parametrize("ending", [".pack", ".idx"])
def test_an_object_that_a_damaged_pack_has_too_is_not_sound(repository: Path, ending: str) -> None:
    wanted = everything(repository)
    flip(beside(repository).with_suffix(ending), 1200)

    assert packs.sound(repository, wanted) == set()


def test_nothing_is_sound_where_an_index_of_many_packs_leads_git_elsewhere(repository: Path) -> None:
    wanted = everything(repository)
    plain_git(repository, "multi-pack-index", "write")

    assert packs.sound(repository, wanted) == set()


def test_what_is_in_no_pack_is_left_to_be_read(repository: Path) -> None:
    wanted = everything(repository)
    loosen(repository)

    assert everything(repository) == wanted
    assert packs.sound(repository, wanted) == set()


def test_a_pack_is_not_hashed_for_few_of_its_objects(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = everything(repository)
    size = the_file(repository, "pack").stat().st_size
    monkeypatch.setattr(packs, "_BYTES_AN_OBJECT", size // len(wanted))

    assert packs.sound(repository, {min(wanted)}) == set()
