"""A secret's value reaches nothing: no git object, no other file, no output, whatever is done with the Secret."""

from __future__ import annotations

import base64
import hashlib
import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import StoreView
from .mesh import Json, Mesh
from .permissions import existing
from .program import Program, Result, wait_for
from .test_untried import made, made_definition

pytestmark = pytest.mark.cluster

CANARIES = ("canary-of-monday-5f1d", "canary-of-tuesday-93ab", "canary-of-wednesday-c07e")
ENCODED = [base64.b64encode(canary.encode()).decode() for canary in CANARIES]


def secret(canary: str, *, plain: bool = False, **more: object) -> Json:
    """The Secret with this value."""
    values = {"stringData": {"password": canary}} if plain else {"data": {"password": ENCODED[CANARIES.index(canary)]}}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "canary", "namespace": "istio-system"},
        **values,
        **more,
    }


def forms() -> Iterator[bytes]:
    """Every canary: plain, in base64 at each of the three alignments, and escaped."""
    for canary in CANARIES:
        yield canary.encode()
        yield canary.encode().hex().encode()
        for shift in range(3):
            encoded = base64.b64encode(b"\0" * shift + canary.encode())
            yield encoded[4 if shift else 0 : -4]


def leaks(content: bytes) -> list[bytes]:
    """Which forms are in there."""
    return [form for form in forms() if form in content]


class Watch:
    """Runs commands and looks at all that they say and leave behind."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        self._program = program.having(TMPDIR=str(folder / "tmp"), HOME=str(folder))

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        result = self._program(*arguments, stdin=stdin)
        assert "Traceback" not in result.err or "--debug" in arguments
        assert not leaks((result.out + result.err).encode()), f"{arguments}:\n{result.out}{result.err}"
        return result

    def check_files(self, *but: Path) -> None:
        """Every file under the test's folder, less its own manifests."""
        found = [file for file in self.folder.rglob("*") if file.is_file() and file not in but]
        assert len(found) > 5
        for file in found:
            assert not leaks(file.read_bytes()), file


@pytest.fixture
def watch(program: Program, mesh: Mesh, tmp_path: Path) -> Watch:
    """The canary in the cluster, as `kubectl apply` leaves it: with its annotation."""
    mesh.adopt(secret(CANARIES[0]))
    mesh.plane.kubectl("apply", "-f", "-", input=as_json(secret(CANARIES[0], plain=True)))
    made = mesh.get(secret(CANARIES[0]))
    assert made
    assert leaks(str(made["metadata"]["annotations"]).encode()), "the test is blind"
    return Watch(program, tmp_path)


def as_json(body: Json) -> str:
    import json

    return json.dumps(body)


def check_objects(view: StoreView) -> None:
    """Every git object, decompressed."""
    command = ["git", "-C", str(view.path), "cat-file", "--batch-all-objects", "--batch"]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    assert b"hmac-sha256:" in content, "the Secret is not there at all"
    assert not leaks(content)


def test_reading(watch: Watch, mesh: Mesh, view: StoreView) -> None:
    watch("snapshot", "--name", "monday").done()
    watch("show", "monday", "secret/canary").done()
    watch("show", "monday", "-o", "json").done()
    mesh.plane.kubectl("apply", "-f", "-", input=as_json(secret(CANARIES[1], plain=True)))
    for options in ([], ["--show-ignored"], ["--stat"], ["-o", "json"], ["-o", "yaml"]):
        result = watch("diff", *options).done(1)
        assert "canary" in result.out
    watch("snapshot", "--name", "tuesday").done()
    watch("diff", "monday", "tuesday").done(1)
    for options in (["-o", "json"], ["--diff"]):
        result = watch("rollback", "monday", "--dry-run", *options).done()
        assert "not in the store" in result.out
    watch("rollback", "monday", "--to-dir", str(watch.folder / "exported")).done()
    assert (watch.folder / "exported").is_dir()
    check_objects(view)
    watch.check_files()


def test_applying(watch: Watch, mesh: Mesh, view: StoreView, manifest: Callable[..., str]) -> None:
    files = [manifest(secret(canary, plain=plain), name=f"{CANARIES.index(canary)}-{plain}.yaml")
             for canary, plain in itertools.product(CANARIES[1:], (False, True))]  # fmt: skip
    watch("snapshot").done()
    watch("apply", "-f", files[0], "--yes").failed(3, hint="--force-conflicts")
    for file in files:
        watch("diff", "-f", file)
        watch("diff", "-f", file, "-o", "json")
        watch("apply", "-f", file, "--dry-run", "--force-conflicts", "--diff", "-o", "json").done()
    watch("apply", "-f", files[0], "--yes", "--force-conflicts", "--diff").done()
    now = mesh.get(secret(CANARIES[0]))
    assert now
    assert now["data"]["password"] == ENCODED[1]
    watch("apply", "-f", files[2], "--yes", "--force-conflicts", "-o", "json").done()
    watch("rollback", "--yes", "-o", "json").done()
    check_objects(view)
    watch.check_files(*map(Path, files))


@pytest.mark.parametrize(
    "wrong",
    [
        {"data": {"password": CANARIES[1]}},
        {"data": {"password": {"deep": CANARIES[1]}}},
        {"type": {"not": CANARIES[1]}},
        {"strange": CANARIES[1]},
        {"type": f"kubernetes.io/{CANARIES[1]}"},
    ],
)
def test_refusals_do_not_quote_it(watch: Watch, mesh: Mesh, manifest: Callable[..., str], wrong: Json) -> None:
    file = manifest({**secret(CANARIES[0]), **wrong})
    with mesh.unchanged():
        watch("apply", "-f", file, "--yes", "--force-conflicts", "--debug")
        if "data" in wrong:
            watch("diff", "-f", file, "--debug")


def test_a_broken_manifest_is_not_quoted(watch: Watch, manifest: Callable[..., str]) -> None:
    broken = f"kind: Secret\napiVersion: v1\nstringData:\n  password: [{CANARIES[1]}\n  x: {CANARIES[2]}\n"
    for command in (["apply", "--yes", "-f"], ["diff", "live", "-f"], ["snapshot", "--from-file"]):
        watch(*command, manifest(broken)).failed(2)
        watch(*command, "-", stdin=broken)


def test_a_backup_with_secrets(watch: Watch, mesh: Mesh, view: StoreView, tmp_path: Path) -> None:
    """The guide's own backup holds them in the clear; what is imported does not."""
    backup = tmp_path / "backup.yaml"
    backup.write_text(mesh.plane.kubectl("get", "secrets", "-n", "istio-system", "-o", "yaml"), "utf-8")
    assert leaks(backup.read_bytes())
    watch("snapshot", "--from-file", str(backup), "-o", "json").done()
    watch("show", "latest", "-o", "yaml").done()
    check_objects(view)
    watch.check_files(backup)


def test_what_a_definition_shows_again_is_looked_at(watch: Watch, mesh: Mesh, view: StoreView) -> None:
    """The same object in the same version, but the newest snapshot could not see the field that has the credential.

    So what that snapshot had looked through is looked through again, every time.
    """
    told = made(shown="a", hidden=f"Authorization: Bearer {CANARIES[0]}")

    def define(*fields: str) -> Json:
        spec = made_definition(*fields)["spec"]
        mesh.patch(made_definition(), {"spec": {"versions": spec["versions"]}})
        wait_for(lambda: set((mesh.get(told) or {})["spec"]) == set(fields), "fields shown")
        return mesh.get(told) or {}

    with existing(mesh, made_definition("shown", "hidden")):
        version = mesh.add(told)["metadata"]["resourceVersion"]
        define("shown")
        watch("snapshot").done()
        shown = define("shown", "hidden")
        assert leaks(str(shown).encode()), "the test is blind"
        assert shown["metadata"]["resourceVersion"] == version

        watch("diff").done(1)
        watch("snapshot").done()
        assert "Bearer hmac-sha256:" in watch("show", "latest", "made/there", "-o", "yaml").done().out
        watch("store", "verify").done()
        check_objects(view)
        watch.check_files()


def ca(word: str) -> Json:
    """A CA of the mesh's own, whose certificate is this word."""
    pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(word.encode()).decode()}\n-----END CERTIFICATE-----\n"
    return {**secret(CANARIES[0]), "data": {"ca-cert.pem": base64.b64encode(pem.encode()).decode()}} | {
        "metadata": {"name": "cacerts", "namespace": "istio-system"}
    }


def test_a_plan_sounds_the_alarm_when_the_ca_is_another(program: Program, mesh: Mesh) -> None:
    before = ca("then")
    mesh.add(before)
    program("snapshot", "-q", "--name", "then").done()
    back = ("rollback", "then", "--dry-run")
    assert program(*back, "-o", "json").done().json["plan"]["warnings"] == []
    mesh.patch(before, {"data": ca("now")["data"]})
    (alarm,) = program(*back, "-o", "json").done().json["plan"]["warnings"]
    now, then = (hashlib.sha256(word).hexdigest()[:16] for word in (b"now", b"then"))
    assert alarm.startswith("the mesh's CA has changed since snapshot ")
    assert f"istio-system/cacerts/ca-cert.pem is sha256:{now}, was sha256:{then};" in alarm
    assert "warning: the mesh's CA has changed since snapshot" in program(*back).done().out


def test_a_credential_is_not_taken_for_the_same_with_another_digest_key(
    program: Program, mesh: Mesh, view: StoreView, tmp_path: Path
) -> None:
    """A copy comes without the key, so whether a token was rotated since cannot be told from it, and that is said."""
    then, now = ({"header": f"Authorization: Bearer {canary}"} for canary in CANARIES[:2])
    tokens = {**secret(CANARIES[0]), "kind": "ConfigMap", "data": then}
    mesh.add(tokens)
    program("snapshot", "-q", "--name", "then").done()
    mesh.patch(tokens, {"data": now})
    copy = str(tmp_path / "copy")
    program("store", "pull", str(view.path), "--store", copy).done()
    compared = program("diff", "then", "live", "--store", copy, "-o", "json").done().json
    assert compared["objects"] == []
    told = [text for text in compared["notCompared"] if text.startswith("configmaps istio-system/canary: ")]
    assert told == ["configmaps istio-system/canary: its withheld values (taken with different digest keys)"]
    assert "not compared: configmaps istio-system/canary" in program("diff", "then", "--store", copy).done().out
    assert program("diff", "then").done(1).out.startswith("# ")
