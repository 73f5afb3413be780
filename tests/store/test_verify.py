"""`store verify`: silent about what is in order, and not about anything else."""

from __future__ import annotations

import random
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest

from kubectl_istio_upgrade.adapters.store import GitStore
from kubectl_istio_upgrade.adapters.store.verification import verify
from kubectl_istio_upgrade.errors import StoreError
from kubectl_istio_upgrade.models.objects import MeshObject
from kubectl_istio_upgrade.models.operations import Aim, Attempt, End, Holder, Opening
from kubectl_istio_upgrade.models.verification import Verification
from kubectl_istio_upgrade.normalise.objects import split
from kubectl_istio_upgrade.normalise.secrets import without_values

from ..unit.silence import Silence
from .meshes import CLUSTER, CRDS, SECRETS, VIRTUAL_SERVICES, config_map, draft, metadata, routing, small_mesh
from .plain_git import loosen, object_file, plain_git

BRANCH = "prod-5d0c1f7e"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def verified(path: Path, identities: Sequence[Path] = ()) -> Verification:
    with GitStore.open(path) as store:
        return verify(store.git, store.path, identities, Silence())


def complaints(path: Path) -> list[str]:
    """All that is found, however."""
    try:
        return [f"{fault.place}: {fault.why}" for fault in verified(path).faults]
    except StoreError as error:
        return [error.message]


def secret(store: GitStore, name: str, value: str, *, version: int = 1) -> MeshObject:
    body = {"metadata": metadata(name, "istio-system", version=version), "data": {"password": value}}
    return without_values(split(body, SECRETS), store.digester())


def journal(store: GitStore, before: str, *, id_: str, end: bool) -> None:
    opened = store.begin(BRANCH, Opening(id_, "rollback", before, "snapshot", before, NOON, {"only": []}))
    opened.attempt(Attempt(Aim.TARGET, "f" * 64, Holder("alice", "bastion", 4711, "abcdef"), NOON, ()))
    if end:
        opened.end(End.PROVED, before)
    else:
        opened.close()


class Filled:
    """A store with something of everything in it."""

    def __init__(self, path: Path) -> None:
        self.identity = path.with_name("identity.txt")
        identity = pyrage.x25519.Identity.generate()
        self.identity.write_text(f"{identity}\n")
        self.identity.chmod(0o600)
        self.path = path
        with GitStore.open(path, create=True) as store:
            store.add_recipients([str(identity.to_public())])
            objects = [*small_mesh(), secret(store, "app", "eA=="), secret(store, "b", "eQ==")]
            key: Any = {"secret_key_id": store.digester().key_id}
            self.first = store.commit(BRANCH, draft(objects, **key), name="friday").commit
            objects[6] = routing(VIRTUAL_SERVICES, "shop", "app-1", version=2, host="changed")
            self.second = store.commit(
                BRANCH, draft(objects, minutes=1, operation={"id": "1", "kind": "apply"}, **key)
            ).commit
            other = replace(CLUSTER, uid="77777777-8a51-4d0e-9a57-0d9a2c1b7f11", context="staging")
            store.commit("staging-77777777", draft(small_mesh()[:3], cluster=other, **key), name="friday")
            journal(store, self.first, id_="20261123-120000-1a2b3c", end=True)
            journal(store, self.second, id_="20261123-130000-1a2b3c", end=False)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return Filled(tmp_path_factory.mktemp("filled") / "store")


@pytest.fixture
def filled(template: Filled, tmp_path: Path) -> Path:
    shutil.copytree(template.path, tmp_path / "filled")
    return tmp_path / "filled"


def loose(path: Path) -> None:
    loosen(path)


def by_gits_own_housekeeping(path: Path) -> None:
    """What `git gc` of a user leaves: one pack, packed refs, and the files beside them."""
    plain_git(path, "gc", "--quiet")


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "packs": lambda path: None,
    "loose objects": loose,
    "git gc": by_gits_own_housekeeping,
}


@pytest.fixture(params=LAYOUTS)
def laid_out(request: pytest.FixtureRequest, filled: Path) -> Path:
    LAYOUTS[request.param](filled)
    return filled


def test_nothing_is_wrong_with_what_the_store_writes(laid_out: Path, template: Filled) -> None:
    found = verified(laid_out, [template.identity])

    assert found.faults == ()
    assert found.intact
    assert found.branches == (BRANCH, "staging-77777777")
    assert [(snapshot.commit, snapshot.names) for snapshot in found.snapshots[:2]] == [
        (template.second, ()), (template.first, ("friday",)),
    ]  # fmt: skip
    assert len(found.snapshots) == 3
    assert all(snapshot.intact for snapshot in found.snapshots)
    assert found.notes == ()


_NOT_THE_STORE = ("lock", "objects/info/packs", "info/refs")
"""The lock's text means nothing without the lock; the others are for clients of a web server without git."""


def files_of(path: Path) -> Iterator[Path]:
    for file in sorted(path.rglob("*")):
        if file.is_file() and not file.relative_to(path).as_posix().endswith(_NOT_THE_STORE):
            yield file


def flips_of(file: Path, content: bytes) -> list[tuple[int, int]]:
    """Where to flip: the first and the last byte, and some between them; more in files that are no single object."""
    choose = random.Random(f"{file.name} {len(content)}")
    between = 1 if file.parent.parent.name == "objects" and len(file.parent.name) == 2 else 12
    places = {0, len(content) - 1, *(choose.randrange(len(content)) for _ in range(between))}
    return [(place, choose.randrange(8)) for place in sorted(places)]


def says_the_same(file: Path, flipped: bytes, good: bytes) -> bool:
    """Whether a loose object has the same content still: bits that fill up its last byte mean nothing."""
    try:
        return file.parent.parent.name == "objects" and zlib.decompress(flipped) == zlib.decompress(good)
    except zlib.error:
        return False


def test_every_flipped_bit_is_found(laid_out: Path) -> None:
    tried = 0
    for file in files_of(laid_out):
        good, mode = file.read_bytes(), file.stat().st_mode
        file.chmod(0o600)
        for position, bit in flips_of(file, good):
            flipped = good[:position] + bytes([good[position] ^ (1 << bit)]) + good[position + 1 :]
            file.write_bytes(flipped)
            assert complaints(laid_out) or says_the_same(file, flipped, good), f"{file} {position} {bit}"
            tried += 1
        file.write_bytes(good)
        file.chmod(mode)
    assert tried > 100
    assert complaints(laid_out) == []


_CANNOT_BE_MISSED = ("digest.key", ".jsonl", "commit-graph", ".bitmap", ".rev")
"""A clone has no key and no journals; the rest only makes git faster."""


def test_every_missing_file_is_found(laid_out: Path) -> None:
    for file in files_of(laid_out):
        if not file.name.endswith(_CANNOT_BE_MISSED) and not _is_gits_own(file, laid_out):
            good = file.read_bytes()
            file.unlink()
            assert complaints(laid_out), str(file)
            file.write_bytes(good)
    assert complaints(laid_out) == []


def _is_gits_own(file: Path, store: Path) -> bool:
    return file.relative_to(store).parts[0] in ("hooks", "info", "description", "branches", "gc.log")


def test_what_is_not_reached_is_looked_at_as_well(filled: Path) -> None:
    name = subprocess.run(
        ["git", "-C", str(filled), "hash-object", "-w", "--stdin"], input=b"x", check=True, capture_output=True
    ).stdout.decode().strip()  # fmt: skip
    assert complaints(filled) == []
    object_file(filled, name).write_bytes(zlib.compress(b"blob 1\0y"))
    assert any(name[2:] in line for line in complaints(filled))


def test_a_damaged_file_is_named_with_all_snapshots_that_have_it(filled: Path, template: Filled) -> None:
    path = "objects/core/configmaps/istio-system/istio.yaml"
    loosen(filled)
    object_file(filled, plain_git(filled, "rev-parse", f"{BRANCH}:{path}").strip()).unlink()
    found = verified(filled)
    assert len(found.faults) == 1, found.faults
    (fault,) = found.faults
    assert (fault.place, fault.why) == (path, "it is missing")
    assert set(fault.snapshots) == {template.first, template.second}
    assert [snapshot.intact for snapshot in found.snapshots] == [False, False, True]


def test_older_snapshots_are_found_behind_a_missing_commit(filled: Path, template: Filled) -> None:
    loosen(filled)
    object_file(filled, template.second).unlink()
    found = verified(filled)
    assert any(template.second[:7] in fault.place for fault in found.faults)
    assert any(snapshot.commit == template.first and snapshot.intact for snapshot in found.snapshots)


def test_a_branch_that_was_lost_and_begun_anew_is_missed(filled: Path) -> None:
    """The names and the journals are lost as well: only what git still has says that there was more."""
    for ref in (f"heads/{BRANCH}", f"tags/{BRANCH}/friday"):
        (filled / "refs" / ref).unlink()
    shutil.rmtree(filled / "istio-upgrade" / "journals")
    assert any("no ref leads to it" in line for line in complaints(filled))
    with GitStore.open(filled) as store:
        store.commit(BRANCH, draft(small_mesh(), minutes=5))
    assert any("no ref leads to it" in line for line in complaints(filled))


def test_what_a_crash_leaves_is_no_damage(filled: Path) -> None:
    tip = plain_git(filled, "rev-parse", BRANCH).strip()
    with GitStore.open(filled) as store:
        store.commit(BRANCH, draft(small_mesh(), minutes=5))
    plain_git(filled, "update-ref", f"refs/heads/{BRANCH}", tip)
    found = verified(filled)
    assert found.faults == ()
    assert any("no ref reaches" in note for note in found.notes)


def test_snapshots_of_another_key_are_noted(filled: Path) -> None:
    (filled / "istio-upgrade" / "digest.key").unlink()
    found = verified(filled)
    assert found.intact
    assert any("another key" in note for note in found.notes)


def test_a_clone_verifies(filled: Path, tmp_path: Path) -> None:
    plain_git(filled, "clone", "--quiet", "--mirror", str(filled), str(tmp_path / "clone"))
    with GitStore.open(tmp_path / "new", create=True) as store:
        plain_git(store.path, "fetch", "--quiet", str(tmp_path / "clone"), "+refs/*:refs/*")
    assert [fault for fault in verified(tmp_path / "new").faults if fault.place != "config"] == []


# What no bit does, but somebody with git at hand: each is against one rule of the format.

Change = dict[str, str | None]


def rewritten(path: Path, changes: Change, *, parents: str = "") -> list[str]:
    """A snapshot on top of the branch with these files changed, and what is found."""
    stream = f"commit refs/heads/{BRANCH}\ncommitter a <a@b> 1800000000 +0000\ndata 1\nx\nfrom refs/heads/{BRANCH}^0\n"
    stream += parents
    for file, content in changes.items():
        stream += (
            f"D {file}\n" if content is None else f"M 100644 inline {file}\ndata {len(content.encode())}\n{content}\n"
        )
    subprocess.run(["git", "-C", str(path), "fast-import", "--quiet"], input=stream.encode(), check=True)
    return complaints(path)


ISTIO = "objects/core/configmaps/istio-system/istio.yaml"
APP = "objects/core/secrets/istio-system/app.yaml"
SYSTEM = "  namespace: istio-system"


def about(name: str, *more: str, api: str = "v1", kind: str = "ConfigMap") -> str:
    """A body in canonical form."""
    lines = sorted((*more, f"  name: {name}"))
    return f"apiVersion: {api}\nkind: {kind}\nmetadata:\n" + "".join(f"{line}\n" for line in lines)


SECRET_YAML = "apiVersion: v1\ndata:\n  password: {}\nkind: Secret\nmetadata:\n  name: app\n  namespace: istio-system\n"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"README.md": "x"}, "README.md: it is not a file of a snapshot"),
        ({"snapshot.yaml": None}, "snapshot.yaml: it is missing"),
        ({"inventory/workloads.yaml": None}, "workloads.yaml: it is missing"),
        ({"snapshot.yaml": "format: 2\n"}, "it has format 2, this program reads 1"),
        ({"snapshot.yaml": "format: 1\n"}, "cluster is missing"),
        ({"operation.yaml": "- 1\n"}, "operation.yaml: is no object"),
        ({"types.yaml": "types: []\n"}, "its type is not in types.yaml"),
        ({ISTIO: None}, f"{ISTIO}: it is missing"),
        ({"managers/core/configmaps/istio-system.json": None}, "istio-system.json: it does not have istio"),
        ({"managers/core/configmaps/istio-system.json": '{\n"istio": {}\n}\n'}, "not in canonical form"),
        ({ISTIO: about("istio", SYSTEM).replace("v1", '"v1"')}, "it is not in canonical form"),
        ({ISTIO: about("a", SYSTEM)}, "it is another object than its path says"),
        ({ISTIO: about("istio")}, "it is another object than its path says"),
        ({ISTIO: about("istio", SYSTEM, api="apps/v1")}, "its apiVersion is not one of group ''"),
        ({ISTIO: about("istio", SYSTEM, kind="A")}, "its kind A is not that of its type"),
        ({ISTIO: about("istio", SYSTEM, "  generation: 1")}, "metadata.generation must not be there"),
        ({"objects/core/configmaps/istio-system/a%2Fb.yaml": "a: 1\n"}, "is missing"),
        ({"objects/core/configmaps/istio-system/%61.yaml": "a: 1\n"}, "is not a file of a snapshot"),
        ({"objects/core/configmaps/a/b/c.yaml": "a: 1\n"}, "is not a file of a snapshot"),
        ({APP: SECRET_YAML.format("eA")}, "app.yaml: it holds a value in the clear"),
        ({APP: SECRET_YAML.format("hmac-sha256:" + "0" * 64)}, "it has other digests for app than the object"),
        ({"sealed/core/secrets/istio-system.json": None}, "app.age: no index names it"),
        ({"sealed/core/secrets/istio-system/app.age": "x"}, "app.age: it is not the file that its index names"),
        (
            {"sealed/core/secrets/istio-system.json": None, "sealed/core/secrets/istio-system/app.age": None,
             "sealed/core/secrets/istio-system/b.age": None},
            "app.age: it is missing",
        ),
    ],
)  # fmt: skip
def test_what_is_against_the_format_is_found(filled: Path, changes: Change, fault: str) -> None:
    found = rewritten(filled, changes)
    assert any(fault in line for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  configmaps: 1", "  configmaps: 2", "its counts are not those of its files"),
        ("uid: \"5d0c1f7e", "uid: \"5d0c1f7f", "it has snapshots of 2 clusters"),
        ("message: \"\"", "message: \"\"\nname: monday", "name monday of prod-5d0c1f7e: it is gone"),
    ],
)  # fmt: skip
def test_what_a_snapshot_says_of_itself_is_held_against_it(filled: Path, old: str, new: str, fault: str) -> None:
    text = plain_git(filled, "show", f"{BRANCH}:snapshot.yaml")
    assert text.count(old) == 1, text
    found = rewritten(filled, {"snapshot.yaml": text.replace(old, new)})
    assert any(fault in line for line in found), found


def ref(name: str, target: str = BRANCH) -> Callable[[Path], object]:
    return lambda path: plain_git(path, "update-ref", name, plain_git(path, "rev-parse", target).strip())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (ref(f"refs/tags/{BRANCH}/monday", f"{BRANCH}/friday"), "name monday of prod-5d0c1f7e: snapshot"),
        (ref(f"refs/tags/{BRANCH}/latest"), "cannot be the name of a snapshot"),
        (ref("refs/tags/dev-00000000/a"), "refs/tags/dev-00000000/a: there is no branch dev-00000000"),
        (ref(f"refs/kept/{BRANCH}/{'0' * 40}"), "it points to"),
        (ref("refs/heads/dev-5d0c1f7e"), "branch dev-5d0c1f7e: its snapshots say that it is called prod-5d0c1f7e"),
        (ref("refs/heads/prod-5d0c1f7f"), "its name is not that of its cluster"),
        (lambda path: plain_git(path, "tag", "-d", f"{BRANCH}/friday"), f"name friday of {BRANCH}: it is gone"),
        (lambda path: plain_git(path, "config", "core.fsync", "none"), "core.fsync is not all"),
        (lambda path: (path / "shallow").write_text("x\n"), "shallow: it does not list commits"),
        (lambda path: (path / "objects/info/alternates").write_text("/x\n"), "would be elsewhere"),
        (lambda path: (path / "istio-upgrade/digest.key").chmod(0o644), "can be read by others"),
        (lambda path: next(path.rglob("*.jsonl")).chmod(0o644), "others can read it"),
        (lambda path: next(path.rglob("2026*.jsonl")).rename(path / "istio-upgrade/journals" / BRANCH / "x.jsonl"),
         "x.jsonl: it is another operation's"),
        (lambda path: next(path.rglob("2026*.jsonl")).write_bytes(next(path.rglob("open.jsonl")).read_bytes()),
         "it has no ending"),
        (lambda path: (path / "istio-upgrade/journals" / BRANCH).rename(path / "istio-upgrade/journals/x-1"),
         "there is no branch of that name"),
    ],
)  # fmt: skip
def test_what_is_around_the_snapshots_is_looked_at(filled: Path, change: Callable[[Path], object], fault: str) -> None:
    change(filled)
    found = complaints(filled)
    assert any(fault in line for line in found), found


def test_a_snapshot_that_an_unfinished_operation_needs_must_be_there(filled: Path) -> None:
    plain_git(filled, "update-ref", f"refs/heads/{BRANCH}", plain_git(filled, "rev-parse", f"{BRANCH}~1").strip())
    assert any("the snapshot before its operation" in line for line in complaints(filled))


def test_with_an_identity_it_says_whether_values_open(filled: Path, template: Filled, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.txt"
    stranger.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    stranger.chmod(0o600)
    found = verified(filled, [stranger])
    assert found.intact
    assert found.notes == ("2 files with encrypted values are for other identities than those given",)
    assert verified(filled, [template.identity]).notes == ()


def test_values_that_are_not_the_objects_are_found_with_an_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubectl_istio_upgrade.adapters.store import sealed

    document = sealed.sealed_document
    monkeypatch.setattr(sealed, "sealed_document", lambda obj: document(replace(obj, key=obj.key._replace(name="x"))))
    swapped = Filled(tmp_path / "swapped")
    assert complaints(swapped.path) == []
    faults = verified(swapped.path, [swapped.identity]).faults
    assert {fault.why for fault in faults} == {"it is sealed for another object"}


def test_a_large_history_is_looked_at_once(store: GitStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubectl_istio_upgrade.adapters.store.verification import files, snapshots

    looked: list[str] = []

    def counted(path: str, content: bytes) -> files.Known:
        looked.append(path)
        return files.inspect(path, content)

    monkeypatch.setattr(snapshots, "inspect", counted)
    for minutes in range(5):
        store.commit(
            BRANCH, draft([*small_mesh(), config_map("a", {"x": str(minutes)}, version=minutes)], minutes=minutes)
        )

    assert verify(store.git, store.path, (), Silence()).intact
    assert looked.count(ISTIO) == 1
    assert looked.count("objects/core/configmaps/istio-system/a.yaml") == 5
    assert CRDS.plural in "".join(looked)
