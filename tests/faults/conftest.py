"""One control plane with the small mesh on it, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lanes import Lanes


@pytest.fixture(scope="package")
def lanes() -> Iterator[Lanes]:
    with Lanes(1) as opened:
        yield opened
