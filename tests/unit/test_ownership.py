"""Owners of a few fields are put back; those of all others stay as they are."""

from __future__ import annotations

from typing import Any

from kubectl_istio_upgrade.normalise.ownership import are_same_owners, owned_as, sole_writer, with_fields_owned_as

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


def test_the_map_is_owned_again_by_whoever_made_it() -> None:
    made = owner("helm")
    made["fieldsV1"]["f:metadata"]["f:labels"] = {".": {}, "f:istio-injection": {}}
    assert with_fields_owned_as([owner("us", "istio-injection")], [made], [LABEL]) == [made]


def test_a_field_that_nobody_owned_is_nobodys() -> None:
    live = [owner("us", "istio-injection"), owner("kubectl", "team")]
    assert with_fields_owned_as(live, [owner("kubectl", "team")], [LABEL]) == [owner("kubectl", "team")]


def test_a_map_of_which_nothing_is_left_goes_too_and_nothing_given_is_changed() -> None:
    live = [owner("us", "istio-injection")]
    live[0]["fieldsV1"]["f:metadata"]["f:labels"]["."] = {}
    assert with_fields_owned_as(live, [], [LABEL]) == []
    assert live[0]["fieldsV1"]["f:metadata"]["f:labels"].keys() == {"f:istio-injection", "."}


def test_ownership_is_the_targets_and_of_the_status_the_live_one() -> None:
    mine = {"manager": "helm", "operation": "Apply"}
    old = {"manager": "controller", "operation": "Update", "subresource": "status", "time": "1"}
    new = {**old, "time": "2"}
    assert owned_as([{"manager": "us"}, new], [mine, old]) == [mine, new]


def test_owners_are_the_same_whenever_they_wrote_and_in_any_order() -> None:
    one, other = owner("helm", "a", time="1"), owner("kubectl", "b", time="1")
    assert are_same_owners([one, other], [{**other, "time": "2"}, one])
    assert not are_same_owners([one], [one, other])
    assert not are_same_owners([one], [owner("helm", "b")])


def test_a_sole_writer_is_one_whose_name_can_be_written_under() -> None:
    status = {"manager": "controller", "operation": "Update", "subresource": "status"}
    assert sole_writer([owner("kubectl-client-side-apply", "a"), status]) == "kubectl-client-side-apply"
    assert sole_writer([owner("a", "a"), owner("b", "b")]) == ""
    assert sole_writer([{**owner("istio-operator", "a"), "operation": "Apply"}]) == ""
    assert sole_writer([]) == ""
