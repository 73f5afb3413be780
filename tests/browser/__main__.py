"""`python -m tests.browser`: prints the path of the browser that the tests will use, fetching it if need be."""

from __future__ import annotations

import os
import sys

from .provide import UNWANTED, NoBrowserError, browser


def main() -> int:
    """1, with a line that says why, where there is no browser and one is wanted."""
    if os.environ.get(UNWANTED):
        print(f"browser: left out, as {UNWANTED} is set")
        return 0
    try:
        print(browser().path)
    except NoBrowserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
