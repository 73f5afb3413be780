"""A fresh store for each test; nothing of it is faked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kubectl_istio_upgrade.adapters.store import GitStore

from .plain_git import plain_git


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GitStore]:
    with GitStore.open(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def git(store: GitStore) -> Callable[..., str]:
    """git, as a user would run it in the store."""
    return lambda *arguments: plain_git(store.path, *arguments)
