"""Base64 as the API server reads it."""

from __future__ import annotations

import base64
import re

_LINE_ENDS = re.compile(rb"[\r\n]+")


def from_base64(text: str) -> bytes:
    """The bytes behind a text, which may be folded or end in a line end: Go's decoder passes over both.

    Raises ValueError for anything else that is no base64.
    """
    return base64.b64decode(_LINE_ENDS.sub(b"", text.encode()), validate=True)
