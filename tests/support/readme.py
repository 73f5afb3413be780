"""What the README shows people to type, by the section that it is in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PROGRAM = "kubectl istio-upgrade"


def sections(text: str = README) -> Mapping[str, str]:
    """By their headings, of whatever level; code is no heading."""
    found: dict[str, str] = {}
    title, code = "", False
    for line in text.splitlines(keepends=True):
        code ^= line.startswith("```")
        if line.startswith("#") and not code:
            title = line.lstrip("#").strip()
        found[title] = found.get(title, "") + line
    return found


def lines(section: str, text: str = README) -> list[str]:
    """The command lines of a section, without their comments."""
    typed = re.findall(r"^\$ (.*)$", sections(text)[section], re.MULTILINE)
    return [re.split(r"\s+#\s", line)[0].strip() for line in typed]


def ours(text: str = README) -> list[str]:
    """Every command line of this program, in order."""
    return [line for section in sections(text) for line in lines(section, text) if line.startswith(PROGRAM)]
