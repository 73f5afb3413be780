"""The program without a command."""

from __future__ import annotations

PATIENCE = "10s"
"""For each request, unless somebody says otherwise: who asks nothing wants no long wait for it."""


def show_overview() -> None:
    """As `status`, but whatever is missing is said and is no failure."""
    import secrets

    from ..adapters.store.digests import KeyedDigester
    from ..operations.overview import Glimpse, overview
    from ..render.overview import print_overview
    from .settings import Settings

    current = Settings.current()
    settings = Settings({"request_timeout": PATIENCE, **current.values})
    with settings.cluster_at_need() as reader:
        digester = KeyedDigester(secrets.token_bytes(32))
        found = overview(settings.session, Glimpse(reader, digester, settings.progress, settings.capture_options))
    print_overview(settings.out, found)
