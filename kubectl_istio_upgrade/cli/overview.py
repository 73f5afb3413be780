"""The program without a command."""

from __future__ import annotations

PATIENCE = "10s"
"""For each request, unless somebody says otherwise: who asks nothing wants no long wait for it."""


def show_overview() -> None:
    """As `status`, but whatever is missing is said and is no failure."""
    from ..operations.overview import overview
    from ..render.overview import print_overview
    from .settings import Settings

    current = Settings.current()
    settings = Settings({"request_timeout": PATIENCE, **current.values})
    with settings.cluster_at_need() as reader:
        found = overview(settings.session, reader)
    print_overview(settings.out, found)
