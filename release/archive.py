"""One archive for each platform, in a form that krew can unpack and two builds can be compared by.

krew takes folders and regular files and refuses links; it keeps the modes that it finds (krew,
internal/download/downloader.go). Names are in order and times, owners and modes are fixed, so lists compare.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import platform
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

NAME = "kubectl-istio_upgrade"
SUFFIXES = (".tar.gz", ".zip")

_OLDEST = 315532800
"""1980-01-01T00:00:00Z, the first moment that a zip knows."""

_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ReleaseError(Exception):
    """A release that must not be made."""


def this_platform() -> tuple[str, str]:
    """Operating system and architecture, in krew's words."""
    system, machine = _SYSTEMS.get(sys.platform), _MACHINES.get(platform.machine().lower())
    if not system or not machine:
        raise ReleaseError(f"no archives are made for {sys.platform} on {platform.machine()}")
    return system, machine


def archive_name(tag: str, system: str, machine: str) -> str:
    """`kubectl-istio_upgrade-v1.2.3-linux-amd64.tar.gz`."""
    return f"{NAME}-{tag}-{system}-{machine}{'.zip' if system == 'windows' else '.tar.gz'}"


def pack(folder: Path, archive: Path) -> None:
    """Pack the content of a folder. Links to files become what they lead to. Raises ReleaseError for one out of it."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    aside = archive.with_name(f".{archive.name}")
    (_zip if archive.suffix == ".zip" else _tar)(folder, aside)
    aside.replace(archive)


def files(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Every file's name in the archive, its path, and its mode; in order.

    Links to folders are left out: PyInstaller makes them in macOS's `Python.framework`, for `codesign` of a whole
    framework, and the files are in it under the names that the loader asks for.
    """
    root = folder.resolve()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise ReleaseError(f"{path} leads out of the bundle, to {path.resolve()}")
        if path.is_file():
            executable = path.stat().st_mode & 0o100
            yield path.relative_to(folder).as_posix(), path, 0o755 if executable else 0o644


def _tar(folder: Path, archive: Path) -> None:
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, path, mode in files(folder):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), mode, _time()
            tar.addfile(member, io.BytesIO(content))


def _zip(folder: Path, archive: Path) -> None:
    from time import gmtime

    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, path, mode in files(folder):
            member = zipfile.ZipInfo(name, gmtime(_time())[:6])
            member.external_attr = (0o100000 | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(member, path.read_bytes())


def _time() -> int:
    """https://reproducible-builds.org/specs/source-date-epoch/."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), _OLDEST)


def checksum(archive: Path) -> str:
    """SHA-256 in lower case, which krew insists on."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def archives(dist: Path) -> list[Path]:
    """Every archive in a folder, in order."""
    return sorted(path for path in dist.glob(f"{NAME}-*") if path.name.endswith(SUFFIXES))
