"""`python -m release.manifest`: krew's manifest, filled in from the archives that are there.

The template is krew-release-bot's, so that there is one: Go's `{{ .TagName }}` and the bot's `addURIAndSha`, which
stands for two lines, the address and the SHA-256. Platforms without an archive are left out, so that a manifest can be
tried before all runners are done; a release wants all of them (`--complete`).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from .archive import ReleaseError, archives, checksum
from .build import ROOT, tag_of

TEMPLATE = ROOT / "krew-manifest.yaml"
PLUGIN = "istio-upgrade"

_TAG = re.compile(r"\{\{\s*\.TagName\s*\}\}")
_ARCHIVE = re.compile(r'\{\{\s*addURIAndSha "([^"]+)" \.TagName\s*\}\}')
_PLATFORM = re.compile(r"(?m)^  - selector:\n")


def main() -> int:
    """Write `istio-upgrade.yaml` beside the archives."""
    parser = argparse.ArgumentParser(prog="python -m release.manifest", description=__doc__)
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--tag", metavar="TAG", help="default: v and the program's own version")
    parser.add_argument("--base", metavar="URL", help="where the archives are; default: where a release has them")
    parser.add_argument("--complete", action="store_true", help="fail if a platform has no archive")
    options = parser.parse_args()
    try:
        tag = options.tag or tag_of(ROOT)
        text = rendered(TEMPLATE.read_text("utf-8"), options.dist, tag, options.base, complete=options.complete)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = options.dist / f"{PLUGIN}.yaml"
    path.write_text(text, "utf-8")
    print(path)
    return 0


def rendered(template: str, dist: Path, tag: str, base: str | None = None, *, complete: bool = False) -> str:
    """The manifest of this tag. Raises ReleaseError when no archive of it is there, or with `complete` one is not."""
    head, *platforms = _PLATFORM.split(_TAG.sub(tag, template))
    checksums = {archive.name: checksum(archive) for archive in archives(dist)}
    filled = [block for platform in platforms if (block := _platform(platform, checksums, base))]
    if not filled:
        raise ReleaseError(f"there is no archive of {tag} in {dist}; `make package` makes one")
    if complete and len(filled) < len(platforms):
        missing = [name for platform in platforms if (name := _address(platform)[2]) not in checksums]
        raise ReleaseError(f"these archives are not in {dist}: {', '.join(missing)}")
    return "".join([head, *(f"  - selector:\n{block}" for block in filled)])


def _platform(block: str, checksums: dict[str, str], base: str | None) -> str:
    """A platform of the template, filled in; "" where its archive is not there."""
    stands, address, name = _address(block)
    if name not in checksums:
        return ""
    address = f"{base.rstrip('/')}/{name}" if base else address
    return block.replace(stands, f"uri: {address}\n    sha256: {checksums[name]}")


def _address(block: str) -> tuple[str, str, str]:
    """Of a platform of the template: what stands for its archive, the address, and the name."""
    found = _ARCHIVE.search(block)
    if found is None:
        raise ReleaseError("a platform of the template has no addURIAndSha")
    return found[0], found[1], found[1].rpartition("/")[2]


if __name__ == "__main__":
    sys.exit(main())
