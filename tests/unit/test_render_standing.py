"""What comes next: the first sensible command, whatever there is and is not."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.operations.standing import Running
from kubectl_istio_upgrade.render.standing import first_command

SNAPSHOT = "kubectl istio-upgrade snapshot"


@pytest.mark.parametrize(
    ("running", "command"),
    [
        (Running("istio-system", ("1.28.3",), {"1.28.3": 3}), SNAPSHOT),
        (
            Running("istio-system", (), {}),
            "kubectl istio-upgrade --root-namespace NS, if istiod runs in another namespace",
        ),
        (None, SNAPSHOT),
    ],
)
def test_without_a_snapshot(running: Running | None, command: str) -> None:
    assert first_command(running) == command
