from __future__ import annotations

from hypothesis import given

from kubectl_istio_upgrade.canonical import same
from kubectl_istio_upgrade.models.objects import Json
from kubectl_istio_upgrade.normalise.partial import restricted

from .json_values import values

KEYED = {"ports": ("port", "protocol")}


@given(values)
def test_a_value_restricted_to_itself_is_itself(value: Json) -> None:
    assert same(restricted(value, value, {}), value)


def test_what_is_not_mentioned_goes() -> None:
    live = {"spec": {"type": "ClusterIP", "sessionAffinity": "None"}, "status": {}}
    assert restricted(live, {"spec": {"type": "NodePort"}}, {}) == {"spec": {"type": "ClusterIP"}}


def test_items_of_keyed_lists_meet_by_key_and_without_defaults() -> None:
    live = {"ports": [{"port": 90, "protocol": "TCP"}, {"port": 80, "protocol": "TCP", "name": "http"}]}
    assert restricted(live, {"ports": [{"port": 80, "name": "web"}]}, KEYED) == {
        "ports": [{"port": 80, "name": "http"}]
    }


def test_an_item_more_in_an_ordered_list_shows() -> None:
    assert restricted([{"a": 1, "b": 1}, {"a": 2}], [{"a": 1}], {}) == [{"a": 1}, {"a": 2}]
