"""istioctl from Istio's own release address, into a cache: never silently, and never without its checksum.

The archive is not unpacked but searched for the one file that is wanted, so nothing in it decides where anything is
written. The file appears in the cache whole, or not at all.
"""

from __future__ import annotations

import hashlib
import http.client
import ipaddress
import os
import platform
import re
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from ...errors import ToolError
from ...models.releases import Release
from .finding import cached

RELEASES = "https://github.com/istio/istio/releases/download"
"""Where Istio publishes its releases (istio.io: setup/getting-started)."""

RELEASES_VARIABLE = "ISTIO_UPGRADE_RELEASES"

SYSTEMS: Mapping[str, str] = {"Linux": "linux", "Darwin": "osx"}
MACHINES: Mapping[str, str] = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
}
"""In the names of Istio's release files. There is none for Windows that is an archive of this kind."""

PROGRAM = "istioctl"
SILENCE = 60.0
"""Seconds without a byte after which a server counts as gone."""
LARGEST = 512 * 1024 * 1024
"""No istioctl is as large as this."""
_CHUNK = 1024 * 1024
_sum = re.compile(r"(?P<digest>[0-9a-fA-F]{64})(?:\s+\*?(?P<name>\S+))?\s*")

Say = Callable[[str], None]


def fetch(release: Release, base: str, cache: Path, say: Say) -> Path:
    """Fetch istioctl of a release and return where it is now. `say` hears what, from where, how large, which checksum.

    Raises ToolError: no such release there, no connection, another checksum, an archive without the program.
    """
    name = archive_name(release)
    url = f"{base.rstrip('/')}/{release}/{name}"
    _check_address(url)
    digest = _checksum(url, name)
    say(f"fetching {url}")
    say(f"its checksum (SHA-256) is to be {digest}")
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _scratch(cache) as archive:
        size, found = _download(url, archive)
        if found != digest:
            message = f"{url} is not what its checksum says: SHA-256 {found}; it was thrown away"
            raise ToolError(message, hint="try again; if it stays so, somebody has changed one of the two")
        say(f"{size / 1024**2:.1f} MiB, as its checksum says")
        target = cached(cache, PROGRAM, release)
        with _scratch(cache) as program:
            _extract(archive, program, url)
            program.chmod(0o755)
            program.replace(target)
    say(f"istioctl {release} is now {target}")
    return target


def archive_name(release: Release) -> str:
    """The release file for this machine. Raises ToolError where Istio has none."""
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine().lower())
    if not system or not machine:
        here = f"{platform.system()} on {platform.machine()}"
        raise ToolError(f"there is no istioctl to fetch for {here}", hint="get it by hand and pass --istioctl PATH")
    return f"{PROGRAM}-{release}-{system}-{machine}.tar.gz"


def _check_address(url: str) -> None:
    """A checksum from the same place proves nothing where anybody on the way may change both."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or "")):
        return
    raise ToolError(f"{url} will not be fetched: only https, or http from this very machine", hint="use https")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Careful(urllib.request.HTTPRedirectHandler):
    """Follows only to addresses that may be fetched themselves."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """See the base class."""
        try:
            _check_address(newurl)
        except ToolError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _opened(url: str) -> Iterator[http.client.HTTPResponse]:
    hint = "get it by hand and pass --istioctl PATH, or name a mirror with --releases"
    try:
        with urllib.request.build_opener(_Careful).open(url, timeout=SILENCE) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        error.close()
        missing = error.code == 404
        what = "there is no such file" if missing else f"the server answered {error.code}"
        raise ToolError(f"{url} cannot be fetched: {what}", hint=hint) from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise ToolError(f"{url} cannot be fetched: {str(reason).lower()}", hint=hint) from error


def _checksum(url: str, name: str) -> str:
    with _opened(f"{url}.sha256") as answer:
        text = answer.read(4096).decode("ascii", "replace")
    match = _sum.fullmatch(text)
    if match is None or (match["name"] and Path(match["name"]).name != name):
        raise ToolError(f"{url}.sha256 is no checksum of {name}; nothing was fetched")
    return match["digest"].lower()


def _download(url: str, path: Path) -> tuple[int, str]:
    """Fetch into a file; return its size and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with _opened(url) as answer, path.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST:
                raise ToolError(f"{url} is larger than any istioctl; it was thrown away")
            digest.update(chunk)
            file.write(chunk)
    return size, digest.hexdigest()


def _extract(archive: Path, program: Path, url: str) -> None:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name in (PROGRAM, f"./{PROGRAM}") and member.isreg() and member.size <= LARGEST:
                    _copy(tar, member, program)
                    return
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ToolError(f"{url} is no archive that can be read: {error}") from error
    raise ToolError(f"there is no plain file {PROGRAM} in {url}; nothing of it was kept")


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, program: Path) -> None:
    source = tar.extractfile(member)
    assert source is not None  # noqa: S101 - a regular file always has content
    with source, program.open("wb") as file:
        while chunk := source.read(_CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A file beside the target, gone afterwards unless it has been moved there."""
    handle, name = tempfile.mkstemp(prefix=".fetching-", dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
