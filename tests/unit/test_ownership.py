"""Owners of a few fields are put back; those of all others stay as they are."""

from __future__ import annotations

from typing import Any

from kubectl_istio_upgrade.normalise.ownership import with_fields_owned_as

LABEL = ("metadata", "labels", "istio-injection")


def owner(manager: str, *labels: str, **more: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:metadata": {"f:labels": {f"f:{label}": {} for label in labels}}}
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": fields, **more}


def test_the_owner_of_then_owns_the_field_again_and_who_lost_all_goes() -> None:
    live = [owner("kubectl", "team"), owner("us", "istio-injection")]
    target = [owner("kubectl", "istio-injection", "gone since", time="then")]
    assert with_fields_owned_as(live, target, [LABEL]) == [owner("kubectl", "team", "istio-injection")]


def test_an_owner_that_is_gone_comes_back_with_this_field_alone() -> None:
    live, target = [owner("us", "istio-injection", "team")], [owner("helm", "istio-injection", "other", time="then")]
    assert with_fields_owned_as(live, target, [LABEL]) == [
        owner("us", "team"),
        owner("helm", "istio-injection", time="then"),
    ]


def test_a_field_that_nobody_owned_is_nobodys() -> None:
    live = [owner("us", "istio-injection"), owner("kubectl", "team")]
    assert with_fields_owned_as(live, [owner("kubectl", "team")], [LABEL]) == [owner("kubectl", "team")]


def test_a_map_of_which_nothing_is_left_goes_too_and_nothing_given_is_changed() -> None:
    live = [owner("us", "istio-injection")]
    live[0]["fieldsV1"]["f:metadata"]["f:labels"]["."] = {}
    assert with_fields_owned_as(live, [], [LABEL]) == []
    assert live[0]["fieldsV1"]["f:metadata"]["f:labels"].keys() == {"f:istio-injection", "."}
