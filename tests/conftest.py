"""What every tier shares."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A job started in the background (`make test &`) ignores Ctrl-C, and so would every program that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_ONE_LANE = frozenset({"tests/package"})
"""Folders whose tests share what takes long to build."""


class _Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """The tests of a file share fixtures and an order, so they stay in one lane; so do those of some whole folders."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder in _ONE_LANE else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Lanes:
    """How `make test` runs files side by side."""
    return _Lanes(config, log)
