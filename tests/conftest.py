"""What every tier shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# A job started in the background (`make test &`) ignores Ctrl-C, and so would every program that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What is built once for a whole folder stays in one lane; else the tests of a file do.
_ONE_LANE = frozenset({"package"})


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests share fixtures, for `make test` runs the others side by side."""
    for item in items:
        folder = item.path.parent.relative_to(Path(__file__).parent).as_posix()
        item.add_marker(pytest.mark.xdist_group(folder if folder in _ONE_LANE else f"{folder}/{item.path.stem}"))
