"""`python -m release.build`: the program and all that it needs, as one archive for this platform.

One folder, not one file: a single file unpacks itself at each start, which takes 0.3 s and, on macOS, a check by the
system each time. Run by the Python of `.venv-package`, which has the locked dependencies and PyInstaller, no more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from .archive import NAME, ReleaseError, archive_name, archives, checksum, pack, this_platform

ROOT = Path(__file__).parents[1]

LEFT_OUT = (
    "aiohttp",  # only kubernetes.aio needs it, and nothing here that
    "kubernetes.aio",
    "lib2to3",
    "markdown_it",  # rich's, for what is never drawn here
    "pip",
    "pygments",  # as markdown_it
    "readline",  # the library's licence would ask for ours to be the GPL
    "setuptools",
    "test",
    "tkinter",
    "unittest",
)
"""Modules that an import somewhere would bring along, and no command reaches; tests of the archive are the proof."""

EMPTIED = ("kubernetes/client/api", "kubernetes/client/models")
"""Packages without their modules: nine hundred typed classes, of which raw JSON needs none."""

NOT_IN_IT = {
    *("markdown-it-py", "mdurl", "pygments"),
    *("aiohappyeyeballs", "aiohttp", "aiohttp-retry", "aiosignal", "frozenlist", "multidict", "propcache", "yarl"),
    *("macholib", "pefile", "pywin32-ctypes"),
    *("altgraph", "packaging", "pip", "pyinstaller", "pyinstaller-hooks-contrib", "setuptools", "wheel"),
}
"""Distributions whose licences need no copy: left out above, or part of the builder."""


def main() -> int:
    """Build, pack, and write the checksums of all that is there."""
    parser = argparse.ArgumentParser(prog="python -m release.build", description=__doc__)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--source", type=Path, default=ROOT, metavar="DIR", help="default: %(default)s")
    options = parser.parse_args()
    try:
        print(build(options.source.resolve(), options.dist.resolve()))
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(source: Path, dist: Path) -> Path:
    """The archive of the program in `source`. Raises ReleaseError."""
    system, machine = this_platform()
    archive = dist / archive_name(tag_of(source), system, machine)
    with tempfile.TemporaryDirectory(prefix="istio-upgrade-package-") as scratch:
        bundle = _freeze(source, Path(scratch), strip=system != "windows")
        shutil.copy(source / "LICENSE", bundle)
        _copy_licences(bundle / "licenses")
        pack(bundle, archive)
    lines = [f"{checksum(each)}  {each.name}\n" for each in archives(dist)]
    (dist / "SHA256SUMS").write_text("".join(lines), "ascii")
    return archive


def tag_of(source: Path) -> str:
    """`v1.2.3`, from the program's own version."""
    command = "from kubectl_istio_upgrade import __version__ as version; print(version)"
    done = subprocess.run([sys.executable, "-c", command], cwd=source, capture_output=True, text=True, check=True)
    return f"v{done.stdout.strip()}"


def _freeze(source: Path, scratch: Path, *, strip: bool) -> Path:
    """Run PyInstaller in a process of its own: it reads its environment, and it leaves things behind in its memory."""
    if strip and not shutil.which("strip"):
        raise ReleaseError("`strip` is not on the PATH; it is part of binutils")
    command = [
        *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=WARN"),
        *(f"--distpath={scratch / 'dist'}", f"--workpath={scratch / 'work'}", str(source / "release" / "bundle.spec")),
    ]
    environment = {
        **os.environ,
        "BUNDLE_SOURCE": str(source),
        "BUNDLE_NAME": NAME,
        "BUNDLE_STRIP": "yes" if strip else "no",
        "BUNDLE_LEFT_OUT": " ".join(_left_out()),
        "PYTHONHASHSEED": "1",  # sets are in the order of hashes; with a fixed seed two builds agree
        "PYTHONNOUSERSITE": "1",
        "PYTHONPATH": str(source),
    }
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"PyInstaller failed:\n{done.stdout}{done.stderr}")
    return scratch / "dist" / NAME


def _left_out() -> Iterator[str]:
    """Every module that the bundle goes without."""
    yield from LEFT_OUT
    for package in EMPTIED:
        found = find_spec(package.partition("/")[0])
        if found is None or found.origin is None:
            raise ReleaseError(f"{package} is not installed; run `make package`")
        folder = Path(found.origin).parents[1] / package
        yield from (f"{package.replace('/', '.')}.{path.stem}" for path in folder.glob("[!_]*.py"))


def _copy_licences(folder: Path) -> None:
    """Each library's licence and notices, which most of them want to be handed on."""
    for distribution in sorted(distributions(), key=lambda found: found.name.lower()):
        if distribution.name.lower() not in NOT_IN_IT:
            target = folder / f"{distribution.name.lower()}-{distribution.version}"
            for path in _licences(distribution):
                target.mkdir(parents=True, exist_ok=True)
                (target / path.name).write_bytes(path.read_bytes())
    python = next(Path(os.__file__).parent.glob("LICENSE*"), None)
    if python:
        (folder / f"python-{sys.version_info.major}.{sys.version_info.minor}.txt").write_bytes(python.read_bytes())


def _licences(distribution: Distribution) -> list[Path]:
    """Files of its metadata that are named like one."""
    words = ("LICEN", "COPYING", "NOTICE", "AUTHORS")
    named = [file for file in distribution.files or () if file.name.upper().startswith(words) and "-info/" in str(file)]
    return sorted(Path(str(distribution.locate_file(file))) for file in named)


if __name__ == "__main__":
    sys.exit(main())
