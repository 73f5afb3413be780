"""Nothing is different that nobody has changed, whatever istiod does meanwhile."""

from __future__ import annotations

import time

import pytest

from .comparison import compare
from .mesh import OLD, Mesh

pytestmark = pytest.mark.mesh

A_MINUTE = 60.0


def test_a_minute_of_istiods_work_is_no_difference(mesh: Mesh) -> None:
    before, started = mesh.dump(), time.monotonic()
    assert "no differences" in mesh.plugin.ok("diff").out
    mesh.istiod.kill_istiod()
    mesh.istiod.revive()
    mesh.istiod.wait_ready(OLD)
    time.sleep(max(0.0, started + A_MINUTE - time.monotonic()))  # the minute itself is what is tested
    ran = mesh.plugin.ok("diff", "-o", "json")
    assert ran.data["objects"] == []
    assert compare(before, mesh.dump()).counts == (0, 0, 0, 0)
