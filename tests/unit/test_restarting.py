"""Restarts of what is out of date: the value that restarts."""

from __future__ import annotations

from datetime import UTC, datetime

from kubectl_istio_upgrade.operations.restarting import now


def test_is_never_the_value_of_a_kubectl_rollout_restart_in_the_same_second() -> None:
    kubectls = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len(now()) == len(kubectls) + len(".000")
    assert now().endswith("Z")
    assert abs(datetime.fromisoformat(now()) - datetime.now(UTC)).total_seconds() < 60
