"""`python -m release.manifest`: krew's manifest, filled in from the archives that are there.

The template is krew-release-bot's, so that there is one: Go's `{{ .TagName }}` and the bot's `addURIAndSha`, which
stands for two lines, the address and the SHA-256. Platforms without an archive are left out, so that a manifest can be
tried before all runners are done.
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
    options = parser.parse_args()
    try:
        text = rendered(TEMPLATE.read_text("utf-8"), options.dist, options.tag or tag_of(ROOT), options.base)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    path = options.dist / f"{PLUGIN}.yaml"
    path.write_text(text, "utf-8")
    print(path)
    return 0


def rendered(template: str, dist: Path, tag: str, base: str | None = None) -> str:
    """The manifest of this tag. Raises ReleaseError when no archive of it is there."""
    head, *platforms = _PLATFORM.split(_TAG.sub(tag, template))
    checksums = {archive.name: checksum(archive) for archive in archives(dist)}
    filled = [block for platform in platforms if (block := _platform(platform, checksums, base))]
    if not filled:
        raise ReleaseError(f"there is no archive of {tag} in {dist}; `make package` makes one")
    return "".join([head, *(f"  - selector:\n{block}" for block in filled)])


def _platform(block: str, checksums: dict[str, str], base: str | None) -> str:
    found = _ARCHIVE.search(block)
    if found is None:
        raise ReleaseError("a platform of the template has no addURIAndSha")
    address = found[1]
    name = address.rpartition("/")[2]
    if name not in checksums:
        return ""
    address = f"{base.rstrip('/')}/{name}" if base else address
    return block.replace(found[0], f"uri: {address}\n    sha256: {checksums[name]}")


if __name__ == "__main__":
    sys.exit(main())
