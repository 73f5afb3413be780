"""Random values, planted wherever a mesh has secrets, are found nowhere: not in the store, not in any file, not in any
output, not in the process list; with recipients and without. With them, the values come back."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest

from .conftest import StoreView
from .mesh import Json, Mesh
from .program import Program, Result
from .proxy import Proxy

pytestmark = pytest.mark.cluster

ROOT = "istio-system"
FIRST, SECOND = (secrets.token_hex(20) for _ in range(2))


def forms(canary: str) -> Iterator[bytes]:
    """Plain, in hex, and in base64 of both alphabets at each of the three alignments."""
    plain = canary.encode()
    yield plain
    yield plain.hex().encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * shift + plain)[4 if shift else 0 : -4]


FORMS = tuple(form for canary in (FIRST, SECOND) for form in forms(canary))


def leaks(content: bytes) -> bool:
    return any(form in content for form in FORMS)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def named(kind: str, name: str, api_version: str = "v1", **content: object) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": ROOT}, **content}


MESH_CONFIG = """\
tail: plain
header: 'Authorization: Bearer CANARY'
defaultConfig:
  tracing:
    lightstep:
      accessToken: CANARY
      address: lightstep:443
extensionProviders:
- name: dynatrace
  opentelemetry:
    http:
      headers:
      - name: Authorization
        value: Api-Token CANARY
      path: /traces
- {"name": "datadog", "opentelemetry": {"http": {"headers": [{"name": "DD-API-KEY", "value": "CANARY"}]}}}
"""


def planted(canary: str) -> list[Json]:
    """A Secret, a ConfigMap with a key and a mesh configuration, credentials by their place in three other types."""
    pem = f"-----BEGIN EC PRIVATE KEY-----\n{encoded(canary)}\n-----END EC PRIVATE KEY-----\n"
    texts = {"key.pem": pem, "mesh": MESH_CONFIG.replace("CANARY", canary)}
    value = {"name": "token", "generic_secret": {"secret": {"inline_string": canary}}}
    patch = {"applyTo": "HTTP_FILTER", "match": {"context": "GATEWAY"}, "patch": {"operation": "MERGE", "value": value}}
    plugin = {"url": "oci://r.example/auth:1", "pluginConfig": {"rules": [{"credentials": ["ok:test", canary]}]}}
    route = {"headers": {"request": {"set": {"x-api-key": canary}}}, "route": [{"destination": {"host": "canary"}}]}
    return [
        named("Secret", "canary", data={"password": encoded(canary)}),
        named("ConfigMap", "canary", data=texts),
        named("EnvoyFilter", "canary", "networking.istio.io/v1alpha3", spec={"configPatches": [patch]}),
        named("WasmPlugin", "canary", "extensions.istio.io/v1alpha1", spec=plugin),
        named("VirtualService", "canary", "networking.istio.io/v1", spec={"hosts": ["canary"], "http": [route]}),
    ]


def remote(canary: str) -> Json:
    """Access to another cluster, as `istioctl create-remote-secret` makes it."""
    kubeconfig = f"kind: Config\ncurrent-context: east\nusers:\n- name: east\n  user:\n    token: {canary}\n"
    body = named("Secret", "istio-remote-secret-east", data={"east": encoded(kubeconfig)})
    body["metadata"]["labels"] = {"istio/multiCluster": "true"}
    return body


@dataclass
class Watch:
    """Runs commands, and looks at all that they say, pass on and leave behind."""

    program: Program
    folder: Path
    said: list[str] = field(default_factory=list)
    processes: set[bytes] = field(default_factory=set)
    """The command line and the environment of every process that was seen."""

    def __call__(self, *arguments: str) -> Result:
        running = self.program.start(*arguments, "--debug")
        over = threading.Event()
        watcher = threading.Thread(target=self._processes_of, args=(running.process.pid, over))
        watcher.start()
        try:
            result = running.end()
        finally:
            over.set()
            watcher.join()
        self.said += [result.out, result.err]
        return result

    def _processes_of(self, session: int, over: threading.Event) -> None:
        while not over.wait(0.005):
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    about = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                    if int(about[3]) == session:
                        self.processes |= {(folder / name).read_bytes() for name in ("cmdline", "environ")}
                except (OSError, IndexError):
                    continue  # it has just ended

    def found(self, view: StoreView) -> list[str]:
        """Where the canaries are."""
        command = ["git", "-C", str(view.path), "cat-file", "--batch-all-objects", "--batch"]
        places = {"git's objects": subprocess.run(command, check=True, capture_output=True).stdout}
        places |= {str(file): file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        places |= {"output": "\n".join(self.said).encode(), "processes": b"\n".join(self.processes)}
        assert b"hmac-sha256:" in places["git's objects"]
        return [place for place, content in places.items() if leaks(content)]


@pytest.fixture
def watch(program: Program, mesh: Mesh, tmp_path: Path) -> Watch:
    """The first canary in the cluster, as `kubectl apply` leaves it: in the annotations, too."""
    for body in (*planted(FIRST), remote(FIRST)):
        mesh.adopt(body)
        mesh.plane.kubectl("apply", "-f", "-", input=json.dumps(body))
        assert leaks(json.dumps(mesh.get(body)["metadata"]["annotations"]).encode())  # type: ignore[index]
    (tmp_path / "tmp").mkdir()
    return Watch(program.having(TMPDIR=str(tmp_path / "tmp"), HOME=str(tmp_path)), tmp_path)


@pytest.fixture
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that may have values: the user's own."""
    folder = tmp_path_factory.mktemp("inputs")
    documents = {"apiVersion": "v1", "kind": "List", "items": planted(SECOND)}
    (folder / "manifests.json").write_text(json.dumps(documents))
    return folder


@pytest.fixture
def identity(inputs: Path) -> tuple[str, str]:
    """An age identity's file, and its public key."""
    made = pyrage.x25519.Identity.generate()
    file = inputs / "identity.txt"
    file.write_text(f"{made}\n")
    file.chmod(0o600)
    return str(file), str(made.to_public())


def content(mesh: Mesh, body: Json) -> Json:
    found = mesh.get(body)
    assert found
    return {name: found[name] for name in ("data", "spec") if name in found}


def change_everything(watch: Watch, mesh: Mesh, inputs: Path) -> Result:
    """Show and compare the first values, apply the second ones, and change remote access by hand."""
    watch("snapshot", "--name", "before").done()
    for format_ in ("yaml", "json"):
        watch("show", "before", "-o", format_).done()
    manifests = str(inputs / "manifests.json")
    watch("diff", "live", "-f", manifests).done(1)
    applied = watch("apply", "-f", manifests, "--yes", "--force-conflicts", "--diff", "-o", "json").done()
    for body in planted(SECOND):
        assert content(mesh, body) == {name: body[name] for name in ("data", "spec") if name in body}
    mesh.patch(remote(FIRST), {"data": remote(SECOND)["data"]})
    watch("diff", "before", "-o", "json").done(1)
    watch("diff", "before", "--show-ignored").done(1)
    return applied


def test_with_recipients_everything_comes_back_and_nothing_shows(
    watch: Watch, mesh: Mesh, inputs: Path, identity: tuple[str, str], view: StoreView
) -> None:
    file, public = identity
    watch("store", "init", "--recipient", public).done()
    applied = change_everything(watch, mesh, inputs)
    assert applied.json["plan"]["warnings"] == []
    closed = watch("rollback", "before", "--dry-run").done()
    assert closed.out.count("its values are encrypted: pass --identity") == len(planted(FIRST))
    options = ("--yes", "--diff", "--identity", file)
    watch("rollback", "before", *options).done()
    for body in planted(FIRST):
        assert content(mesh, body) == {name: body[name] for name in ("data", "spec") if name in body}
    assert content(mesh, remote(FIRST))["data"] == remote(SECOND)["data"], "it was not named"
    watch("rollback", "before", *options, "--restore-secret", f"{ROOT}/istio-remote-secret-east").done()
    assert content(mesh, remote(FIRST))["data"] == remote(FIRST)["data"]
    mesh.delete(planted(FIRST)[0])
    watch("rollback", "before", *options, "-o", "json").done()
    assert content(mesh, planted(FIRST)[0])["data"] == planted(FIRST)[0]["data"]
    assert watch.found(view) == []


def test_from_a_copy_of_the_store_on_another_machine_everything_comes_back(
    watch: Watch, mesh: Mesh, inputs: Path, identity: tuple[str, str], view: StoreView, tmp_path: Path
) -> None:
    """A clone comes without the digest key: digests do not compare, and encrypted values do."""
    file, public = identity
    watch("store", "init", "--recipient", public).done()
    change_everything(watch, mesh, inputs)
    copy = str(tmp_path / "copy")
    watch("store", "init", "--recipient", public, "--store", copy).done()
    subprocess.run(["git", "-C", copy, "fetch", "--quiet", view.path, "+refs/*:refs/*"], check=True)
    options = ("--store", copy, "--yes")

    closed = watch("rollback", "before", *options, "--dry-run")
    assert "was taken with another digest key: pass --identity" in " ".join(closed.out.split())
    watch("rollback", "before", *options, "--identity", file).done()

    for body in planted(FIRST):
        assert content(mesh, body) == {name: body[name] for name in ("data", "spec") if name in body}
    again = watch("rollback", "before", *options, "--identity", file).done()
    assert "nothing to do" in again.out + again.err
    assert watch.found(view) == []


def test_without_recipients_what_cannot_be_restored_is_said_and_nothing_shows(
    watch: Watch, mesh: Mesh, inputs: Path, view: StoreView
) -> None:
    applied = change_everything(watch, mesh, inputs)
    assert sum("would be gone" in warning for warning in applied.json["plan"]["warnings"]) == len(planted(FIRST))
    kept = watch("rollback", "before", "--yes", "--diff").done()
    assert "its values are not in the store" in f"{kept.out}{kept.err}"
    assert watch.found(view) == []


def killed_while_it_applies(watch: Watch, proxy: Proxy, manifests: str) -> None:
    """An apply of which some writes have happened."""
    through = watch.program.having(KUBECONFIG=str(proxy.kubeconfig(watch.folder / "through-the-proxy")))
    proxy.hold(lambda seen: seen.writes, after=1, every=True)
    running = through.start("apply", "-f", manifests, "--yes", "--force-conflicts", "--debug")
    proxy.wait_held()
    os.killpg(running.process.pid, signal.SIGKILL)
    watch.said += running.process.communicate()
    proxy.release()


def test_records_and_the_ways_out_of_what_died_show_nothing(
    watch: Watch, mesh: Mesh, inputs: Path, identity: tuple[str, str], view: StoreView, proxy: Proxy
) -> None:
    file, public = identity
    manifests = str(inputs / "manifests.json")
    watch("store", "init", "--recipient", public).done()
    killed_while_it_applies(watch, proxy, manifests)
    assert "unfinished" in watch("status").done().out
    assert watch.found(view) == [], "the journal is open"
    watch("abort", "--yes", "--diff", "--identity", file).done()
    for body in planted(FIRST):
        assert content(mesh, body) == {name: body[name] for name in ("data", "spec") if name in body}
    killed_while_it_applies(watch, proxy, manifests)
    assert watch("resume", "--yes").code == 2, "it takes the manifests"
    watch("resume", "--yes", "--diff", "-f", manifests).done()
    for body in planted(SECOND):
        assert content(mesh, body) == {name: body[name] for name in ("data", "spec") if name in body}
    for command in (["status"], ["history"], ["report"], ["show", "latest"]):
        for format_ in ("text", "json", "yaml"):
            assert watch(*command, "-o", format_).done().out
    assert "<html" in watch("report", "-o", "html").done().out
    assert watch.found(view) == []


def test_labels_of_a_secret_come_back_without_any_recipient(watch: Watch, mesh: Mesh, view: StoreView) -> None:
    body = planted(FIRST)[0]
    watch("snapshot").done()
    mesh.patch(body, {"data": {"more": encoded("x")}, "metadata": {"labels": {"new": "label"}}})
    watch("rollback", "latest", "--yes").done()
    found = mesh.get(body)
    assert found
    assert found["data"] == body["data"]
    assert "labels" not in found["metadata"]
    assert watch.found(view) == []


def test_the_search_is_not_blind(watch: Watch, view: StoreView) -> None:
    """Each form in each place is found when it is planted there on purpose."""
    watch("snapshot").done()
    watch("diff").done()
    assert watch.found(view) == []
    assert any(b"cat-file" in process for process in watch.processes), "no process of git was seen"
    for form in FORMS:
        assert leaks(b"before " + form + b" after")
    file = watch.folder / "tmp" / "left behind"
    file.write_bytes(FORMS[3])
    watch.said.append(FORMS[0].decode())
    watch.processes.add(FORMS[1])
    subprocess.run(["git", "-C", str(view.path), "hash-object", "-w", str(file)], check=True, capture_output=True)
    assert set(watch.found(view)) >= {"git's objects", str(file), "output", "processes"}
