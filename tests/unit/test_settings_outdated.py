"""Settings of old guides."""

from __future__ import annotations

import pytest

from kubectl_istio_upgrade.models.objects import Body
from kubectl_istio_upgrade.plan.settings.outdated import outdated, told
from kubectl_istio_upgrade.rules.outdated_settings import OUTDATED, OutdatedSetting


def nested(path: tuple[str, ...], value: object) -> Body:
    for step in reversed(path):
        value = {step: value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("row", OUTDATED, ids=lambda row: ".".join(row.path))
def test_each_row_is_found_in_an_operator_and_told_with_what_to_set_instead(row: OutdatedSetting) -> None:
    found = outdated({"spec": nested(row.path, {"x": 1})})
    assert found == (row,)
    assert told(found) == (f"{'.'.join(row.path)}: {row.instead}",)


def test_the_values_of_a_helm_release_are_looked_at_too() -> None:
    found = outdated({"istio-system/istiod": {"global": {"proxy": {"runAsUser": 1}}}, "istio-system/base": {}})
    assert [row.path[-1] for row in found] == ["runAsUser"]


@pytest.mark.parametrize("value", [None, False, {}, ""])
def test_what_is_not_set_is_not_outdated(value: object) -> None:
    assert outdated({"spec": nested(("values", "cni", "enabled"), value)}) == ()
    assert outdated({"spec": {"values": value}}) == ()
