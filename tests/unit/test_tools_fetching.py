"""istioctl from a release address: whole and as its checksum says, or not at all."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.tools import fetching
from kubectl_istio_upgrade.adapters.tools.fetching import archive_name, fetch
from kubectl_istio_upgrade.errors import ToolError
from kubectl_istio_upgrade.models.releases import Release

RELEASE = Release(1, 29, 1)
NAME = "istioctl-1.29.1-linux-amd64.tar.gz"
PROGRAM = b"#!/bin/sh\necho it works\n"


@dataclass
class Mirror:
    """A release address on this machine."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def publish(self, archive: bytes, checksum: str | None = None) -> None:
        self.files[f"/1.29.1/{NAME}"] = archive
        self.files[f"/1.29.1/{NAME}.sha256"] = (checksum or f"{hashlib.sha256(archive).hexdigest()}  {NAME}\n").encode()


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    served = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if target := served.moved.get(self.path):
                self.send_response(302)
                self.send_header("Location", target)
                self.end_headers()
                return
            content = served.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


def archive(*members: tuple[str, bytes], links: tuple[tuple[str, str], ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def refused(mirror: Mirror, cache: Path, base: str = "") -> str:
    with pytest.raises(ToolError) as caught:
        fetch(RELEASE, base or mirror.url, cache, lambda _: None)
    assert not cache.exists() or not list(cache.iterdir()), "nothing is left behind"
    return caught.value.message


def test_it_is_fetched_made_runnable_and_told_of(mirror: Mirror, tmp_path: Path) -> None:
    content = archive(("istioctl", PROGRAM))
    mirror.publish(content)
    said: list[str] = []
    path = fetch(RELEASE, f"{mirror.url}/", tmp_path / "cache", said.append)
    assert path == tmp_path / "cache" / "istioctl-1.29.1"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (PROGRAM, 0o755)
    assert list(path.parent.iterdir()) == [path]
    assert said[0] == f"fetching {mirror.url}/1.29.1/{NAME}"
    assert hashlib.sha256(content).hexdigest() in said[1]
    assert "MiB" in said[2]
    assert str(path) in said[3]


def test_another_checksum_throws_it_away(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(archive(("istioctl", PROGRAM)), checksum="0" * 64)
    assert "is not what its checksum says" in refused(mirror, tmp_path / "cache")


@pytest.mark.parametrize("text", ["", "<html>", "abc", f"{'0' * 64}  istioctl-1.29.1-osx-arm64.tar.gz\n"])
def test_without_a_checksum_of_this_file_nothing_is_fetched(mirror: Mirror, tmp_path: Path, text: str) -> None:
    mirror.publish(archive(("istioctl", PROGRAM)), checksum=text or "\n")
    assert "is no checksum" in refused(mirror, tmp_path / "cache")
    assert mirror.asked == [f"/1.29.1/{NAME}.sha256"]


def test_a_release_that_is_not_there(mirror: Mirror, tmp_path: Path) -> None:
    assert "there is no such file" in refused(mirror, tmp_path / "cache")


@pytest.mark.parametrize(
    "content",
    [
        archive(("../istioctl", PROGRAM), ("/istioctl", PROGRAM), ("bin/istioctl", PROGRAM)),
        archive(links=(("istioctl", "/etc/passwd"),)),
        archive(("README", b"no program")),
    ],
)
def test_an_archive_without_the_plain_file_is_refused(mirror: Mirror, tmp_path: Path, content: bytes) -> None:
    mirror.publish(content)
    assert "there is no plain file istioctl" in refused(mirror, tmp_path / "cache")
    assert not (tmp_path / "istioctl").exists()


def test_what_is_no_archive_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(b"not an archive")
    assert "is no archive that can be read" in refused(mirror, tmp_path / "cache")


def test_something_far_too_large_is_refused(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST", 10)
    mirror.publish(archive(("istioctl", PROGRAM)))
    assert "larger than any istioctl" in refused(mirror, tmp_path / "cache")


def test_a_move_within_reach_is_followed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(archive(("istioctl", PROGRAM)))
    mirror.files["/elsewhere"] = mirror.files.pop(f"/1.29.1/{NAME}")
    mirror.moved[f"/1.29.1/{NAME}"] = f"{mirror.url}/elsewhere"
    assert fetch(RELEASE, mirror.url, tmp_path / "cache", lambda _: None).read_bytes() == PROGRAM


def test_a_move_to_plain_http_elsewhere_is_not(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(archive(("istioctl", PROGRAM)))
    mirror.moved[f"/1.29.1/{NAME}"] = "http://mirror.example/istioctl.tar.gz"
    assert "only https" in refused(mirror, tmp_path / "cache")


@pytest.mark.parametrize("base", ["http://mirror.example", "ftp://127.0.0.1", "file:///tmp", "http://128.0.0.1"])
def test_an_address_that_anybody_on_the_way_could_change_is_refused(mirror: Mirror, tmp_path: Path, base: str) -> None:
    assert "only https" in refused(mirror, tmp_path / "cache", base)


def test_nobody_there(mirror: Mirror, tmp_path: Path) -> None:
    assert "connection refused" in refused(mirror, tmp_path / "cache", "http://127.0.0.1:9")


def test_what_is_in_the_cache_already_is_replaced_as_a_whole(mirror: Mirror, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "istioctl-1.29.1").write_bytes(b"half of it")
    mirror.publish(archive(("./istioctl", PROGRAM)))
    assert fetch(RELEASE, mirror.url, cache, lambda _: None).read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("Linux", "aarch64", "istioctl-1.29.1-linux-arm64.tar.gz"),
        ("Darwin", "arm64", "istioctl-1.29.1-osx-arm64.tar.gz"),
        ("Darwin", "x86_64", "istioctl-1.29.1-osx-amd64.tar.gz"),
    ],
)
def test_the_file_is_that_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, expected: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert archive_name(RELEASE) == expected


@pytest.mark.parametrize(("system", "machine"), [("Windows", "AMD64"), ("Linux", "s390x")])
def test_a_machine_without_a_file_is_told(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ToolError, match=f"no istioctl to fetch for {system} on {machine}"):
        archive_name(RELEASE)
