"""One real etcd and kube-apiserver for all tests of this folder; tests keep apart by namespaces and names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.controlplane.plane import ControlPlane


@pytest.fixture(scope="package")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane("api") as plane:
        yield plane
