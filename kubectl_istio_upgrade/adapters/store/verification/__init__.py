"""`store verify`: a store against `snapshots/README.md`.

From the ground up: `files` looks at one file, `snapshots` at all files of one snapshot, `chains` at how snapshots hang
together, `surroundings` at what is not in git's objects, `fsck` and `signatures` at what git itself says of those.
"""

from .verifier import verify

__all__ = ["verify"]
