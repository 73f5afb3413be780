"""Snapshots in git: the only package that runs git, and that only as plumbing on a bare repository.

`snapshots/README.md` specifies what it reads and writes. `GitStore` is its face; the modules below it are, from the
ground up: `layout` and `codec` (pure), `gitio` (processes), `files` and `states` (reading), `writing`, and beside them
`opening`, `branches`, `references`, `digests`, `locks`. `glance` is for completion, which must not wait for the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .store import GitStore

__all__ = ["GitStore"]


def __getattr__(name: str) -> Any:
    """The face when somebody looks at it: `glance` has to be ready before all of this is imported."""
    if name == "GitStore":
        from .store import GitStore

        return GitStore
    raise AttributeError(name)
