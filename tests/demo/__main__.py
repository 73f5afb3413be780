"""`python -m tests.demo`: exit code 0 when every step did what it should, 130 when interrupted."""

from __future__ import annotations

import sys
import time

from tests.controlplane import TestbedError

from .console import DemoError
from .ending import interruptible, uninterruptible
from .stage import stage
from .story import play


def main() -> int:
    """Play the story; everything is cleaned up when this returns."""
    interruptible()
    try:
        with stage() as ready:
            started = time.monotonic()
            try:
                play(ready)
            finally:
                uninterruptible()
            print(f"\nThe story took {time.monotonic() - started:.0f} s. Cleaning up.", flush=True)
    except (DemoError, TestbedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; nothing is left behind", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
