"""git, as a user would run it: what the store wrote is judged by something that is not the store."""

from __future__ import annotations

import subprocess
from pathlib import Path


def plain_git(path: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(path), *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def size_of(path: Path) -> int:
    """What a folder takes on the disk: whole blocks."""
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())


def loosen(path: Path) -> None:
    """Turn packs into loose objects, each a file of its own."""
    for pack in (path / "objects" / "pack").glob("*.pack"):
        content = pack.read_bytes()
        for file in pack.parent.glob(f"{pack.stem}.*"):
            file.unlink()
        subprocess.run(["git", "-C", str(path), "unpack-objects", "-q"], input=content, check=True)


def object_file(path: Path, name: str) -> Path:
    """The file of a loose object, made writable."""
    file = path / "objects" / name[:2] / name[2:]
    file.chmod(0o600)
    return file
