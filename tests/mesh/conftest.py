"""One real mesh for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import chromium as chromium

from .mesh import Bed, Mesh


@pytest.fixture(scope="package")
def bed() -> Iterator[Bed]:
    shared = Bed()
    yield shared
    shared.close()


@pytest.fixture
def mesh(bed: Bed, tmp_path: Path) -> Iterator[Mesh]:
    """The mesh as new, of which a snapshot has just been taken."""
    with bed.lend(tmp_path / "store.git") as lent:
        yield lent
