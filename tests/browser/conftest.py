"""One browser for all tests of this folder. Without one they fail, unless somebody has asked to leave them out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .devtools import Browser
from .provide import UNWANTED, browser


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if os.environ.get(UNWANTED):
        pytest.skip(f"{UNWANTED} is set")
    with Browser(browser()) as started:
        yield started
