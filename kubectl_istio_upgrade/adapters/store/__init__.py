"""Snapshots in git: the only package that runs git, and that only as plumbing on a bare repository.

`snapshots/README.md` specifies what it reads and writes. `GitStore` is its face; the modules below it are, from the
ground up: `layout` and `codec` (pure), `gitio` (processes), `files` and `states` (reading), `writing`, and beside them
`opening`, `branches`, `references`, `digests`, `locks`.
"""

from .store import GitStore

__all__ = ["GitStore"]
