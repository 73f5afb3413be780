"""Prose in lines that fit. What people copy is never broken: half a command is another command."""

from __future__ import annotations

import re
from textwrap import wrap

_COPIED = re.compile(
    r"`[^`]*`"
    r"|(?<![^ (])--[a-z-]+ [A-Z]+\b"
    r"|(?<![^ (])kubectl istio-upgrade [^,;`]*"
    r"|(?:^|(?<=: ))(?:kubectl|helm|curl|flux|argocd) [^;`]*"
)
"""Quoted, an option with its value, or a command to its end: this tool's own wherever it is, others' at the beginning
or after a colon."""

_GLUE = "\ue000"
"""Of the private use area: no text has it, and no line is broken at it."""


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text, broken at blanks. Longer than `width` is only what cannot be broken: a name, a command."""
    glued = _COPIED.sub(lambda found: found[0].rstrip().replace(" ", _GLUE) + _trailing(found[0]), text)
    lines = wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def _trailing(text: str) -> str:
    return text[len(text.rstrip()) :]
