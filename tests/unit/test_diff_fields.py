from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.canonical import same
from kubectl_istio_upgrade.diff.fields import field_changes
from kubectl_istio_upgrade.diff.paths import dotted
from kubectl_istio_upgrade.models.changes import FieldOp
from kubectl_istio_upgrade.models.objects import Json
from tests.support.patching import patched

from .json_values import mappings, values

KEYED = {"containers": ("name",), "containers.*.env": ("name",)}


def changes(before: Json, after: Json) -> list[tuple[str, str]]:
    return [(str(change.op), dotted(change.path)) for change in field_changes(before, after, KEYED)]


@given(values)
def test_a_value_does_not_differ_from_itself(value: Json) -> None:
    assert field_changes(value, value) == ()


@given(values, values)
def test_applying_the_difference_gives_the_second_value(before: Json, after: Json) -> None:
    assert same(patched(before, field_changes(before, after)), after)


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_lists_with_repeated_items_are_patched_exactly(before: Json, after: Json) -> None:
    assert same(patched(before, field_changes(before, after)), after)


@given(st.lists(mappings, max_size=5), st.lists(mappings, max_size=5))
def test_lists_of_maps_are_patched_exactly(before: Json, after: Json) -> None:
    assert same(patched(before, field_changes(before, after)), after)


_NAMED = st.dictionaries(st.sampled_from("abcdef"), st.dictionaries(st.sampled_from("xyz"), values), max_size=5)


@given(_NAMED, _NAMED)
def test_keyed_lists_are_patched_up_to_order(before: Json, after: Json) -> None:
    def as_list(named: Json) -> Json:
        return {"containers": [{**content, "name": name} for name, content in named.items()]}

    result = patched(as_list(before), field_changes(as_list(before), as_list(after), KEYED))
    assert same(sorted(result["containers"], key=lambda item: item["name"]),
                sorted(as_list(after)["containers"], key=lambda item: item["name"]))  # fmt: skip


_VARIABLES = st.lists(
    st.tuples(st.sampled_from("ABCD"), st.sampled_from(["1", "2", "$(A)", "$(B)/x"])), unique_by=lambda each: each[0]
)


@given(_VARIABLES, _VARIABLES)
def test_variables_are_patched_with_their_order_where_that_has_a_meaning(before: Json, after: Json) -> None:
    def container(variables: Json) -> Json:
        return {"containers": [{"name": "c", "env": [{"name": name, "value": value} for name, value in variables]}]}

    found = field_changes(container(before), container(after), KEYED)
    (result,) = patched(container(before), found)["containers"]
    patched_to = [(item["name"], item["value"]) for item in result["env"]]
    assert sorted(patched_to) == sorted(after)
    refers = any("$(" in value for _, value in (*before, *after))
    kept = [[name for name, _ in each if name in dict(before) and name in dict(after)] for each in (before, after)]
    if refers and kept[0] != kept[1]:
        assert patched_to == after
    else:
        assert bool(found) == (sorted(before) != sorted(after))


def env(*variables: tuple[str, str]) -> Json:
    return {"containers": [{"name": "a", "env": [{"name": name, "value": value} for name, value in variables]}]}


def test_the_order_of_variables_counts_where_one_refers_to_another() -> None:
    """`$(A)` is expanded from what stands before it."""
    whole = ("replace", "containers[name=a].env")
    assert changes(env(("A", "1"), ("B", "$(A)")), env(("B", "$(A)"), ("A", "1"))) == [whole]
    assert changes(env(("A", "1"), ("B", "2")), env(("B", "$(A)"), ("A", "1"))) == [
        ("replace", "containers[name=a].env[name=B].value"),
        whole,
    ]
    assert changes(env(("A", "1"), ("B", "2")), env(("B", "2"), ("A", "1"))) == []


def test_what_comes_or_goes_between_variables_is_no_other_order() -> None:
    some, more = (("A", "1"), ("B", "$(A)")), (("A", "1"), ("C", "3"), ("B", "$(A)"))
    assert changes(env(*some), env(*more)) == [("add", "containers[name=a].env[name=C]")]
    assert changes(env(*more), env(*some)) == [("remove", "containers[name=a].env[name=C]")]
    moved = (("B", "$(A)"), ("A", "1"))
    assert ("remove", "containers[name=a].env[name=C]") in changes(env(*more), env(*moved))


def test_numbers_booleans_and_strings_are_never_equal_across_types() -> None:
    for before, after in ((1, True), (0, False), (1, 1.0), (1, "1"), (None, {}), ({}, []), ("", None)):
        assert changes({"a": before}, {"a": after}) == [("replace", "a")], (before, after)


def test_an_empty_value_is_not_an_absent_one() -> None:
    assert changes({"mtls": {}}, {}) == [("remove", "mtls")]
    assert changes({"rules": [{}]}, {"rules": []}) == [("remove", "rules[0]")]


def test_keyed_items_are_matched_whatever_their_order() -> None:
    before = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    after = {"containers": [{"name": "b", "image": "1"}, {"name": "a", "image": "2"}]}
    assert changes(before, after) == [("replace", "containers[name=a].image")]


def test_lists_inside_keyed_items_are_keyed_too() -> None:
    before = {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y"}]}]}
    after = {"containers": [{"name": "a", "env": [{"name": "Y"}, {"name": "X", "value": "2"}]}]}
    assert changes(before, after) == [("replace", "containers[name=a].env[name=X].value")]


def test_a_keyed_list_with_a_repeated_key_is_compared_in_order() -> None:
    before = {"containers": [{"name": "a", "v": 1}, {"name": "a", "v": 2}]}
    after = {"containers": [{"name": "a", "v": 2}, {"name": "a", "v": 1}]}
    assert changes(before, after)


def test_the_order_of_other_lists_has_meaning() -> None:
    assert changes({"http": [{"name": "a"}, {"name": "b"}]}, {"http": [{"name": "b"}, {"name": "a"}]})


def route(host: str, weight: int) -> Json:
    return {"match": [{"uri": {"prefix": f"/{host}"}}], "route": [{"destination": {"host": host}, "weight": weight}]}


def test_a_route_put_before_an_edited_one_is_one_addition_and_one_edit() -> None:
    before = {"http": [route("reviews", 90), route("ratings", 100)]}
    new = {"fault": {"abort": {"httpStatus": 500}}, "redirect": {"uri": "/elsewhere"}}
    after = {"http": [new, route("reviews", 80), route("ratings", 100)]}
    assert sorted(changes(before, after)) == [("add", "http[0]"), ("replace", "http[0].route[0].weight")]


def test_paths_quote_what_is_not_a_plain_word() -> None:
    assert changes({"labels": {"istio.io/rev": "a"}}, {"labels": {"istio.io/rev": "b"}}) == [
        ("replace", 'labels["istio.io/rev"]')
    ]


def test_the_operations_carry_both_values() -> None:
    (change,) = field_changes({"a": [1]}, {"a": {"b": 1}})
    assert (change.op, change.before, change.after) == (FieldOp.REPLACE, [1], {"b": 1})
