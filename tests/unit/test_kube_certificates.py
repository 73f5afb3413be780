"""Client certificates of a credential plugin, valid for minutes: each is used while it is the current one."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.kube import plugin as plugin_module
from kubectl_istio_upgrade.adapters.kube.request import get_path
from kubectl_istio_upgrade.adapters.kube.transport import Transport
from kubectl_istio_upgrade.errors import UnauthorizedError

from .kube_server import FakeServer, Reply, Seen, serving, status, transport_to, write_kubeconfig
from .kube_tls import PAIRS, asking_for_certificates

EXEC_API = "client.authentication.k8s.io/v1"
PING = get_path("/version")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeServer]:
    with serving(asking_for_certificates(tmp_path)) as fake:
        yield fake


def logged_in(server: FakeServer, folder: Path, **of_the_first: str) -> Transport:
    """Through a plugin that gives the first certificate first, and the second one from then on."""
    for name, more in (("one", of_the_first), ("two", {})):
        certificate, key = PAIRS[name]
        answer = {"clientCertificateData": certificate, "clientKeyData": key, **more}
        credential = {"apiVersion": EXEC_API, "kind": "ExecCredential", "status": answer}
        (folder / name).write_text(json.dumps(credential))
    plugin = folder / "login"
    plugin.write_text(
        f"#!/bin/sh\necho x >> {folder}/runs\n"
        f'test "$(wc -l < {folder}/runs)" -eq 1 && exec cat {folder}/one\nexec cat {folder}/two\n'
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    user = {"exec": {"apiVersion": EXEC_API, "command": "./login", "interactiveMode": "Never"}}
    authority = {"certificate-authority": str(folder / "server.crt")}
    return transport_to(write_kubeconfig(folder / "config", server.url, user, **authority))


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().split())


def only(name: str) -> Any:
    def script(seen: Seen) -> Reply:
        return Reply() if seen.peer == name else status(401, "Unauthorized", "Unauthorized")

    return script


def test_a_certificate_is_used_for_as_long_as_it_is_valid(server: FakeServer, tmp_path: Path) -> None:
    transport = logged_in(server, tmp_path, expirationTimestamp="2100-01-01T00:00:00Z")
    for _ in range(2):
        transport.send(PING)
    assert [seen.peer for seen in server.seen] == ["one", "one"]
    assert runs(tmp_path) == 1


def test_one_that_expires_is_followed_by_the_next_on_a_connection_of_its_own(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = logged_in(server, tmp_path, expirationTimestamp="2100-01-01T00:00:00Z")
    transport.send(PING)
    monkeypatch.setattr(plugin_module, "EXPIRY_SKEW", 1e12)
    for _ in range(2):
        transport.send(PING)
    assert [seen.peer for seen in server.seen] == ["one", "two", "two"]
    assert runs(tmp_path) == 2
    assert len(transport._pool.pools) == 1


def test_one_that_is_refused_is_renewed_once(server: FakeServer, tmp_path: Path) -> None:
    transport = logged_in(server, tmp_path)
    server.script = only("two")
    for _ in range(2):
        transport.send(PING)
    assert [seen.peer for seen in server.seen] == ["one", "two", "two"]
    assert all(seen.header("Authorization") == [] for seen in server.seen)
    server.script = only("three")
    with pytest.raises(UnauthorizedError):
        transport.send(PING)
    assert runs(tmp_path) == 3


def test_of_many_that_are_refused_together_one_renews(server: FakeServer, tmp_path: Path) -> None:
    transport = logged_in(server, tmp_path)
    server.script = only("two")
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(len(transport.send(PING).body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 8
    assert runs(tmp_path) == 2
