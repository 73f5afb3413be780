"""Laws of putting ownership back, for any owners and fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubectl_istio_upgrade.models.objects import Body, clone
from kubectl_istio_upgrade.normalise.ownership import are_same_owners, owned_as, with_fields_owned_as

US = "kubectl-istio-upgrade"
Path = tuple[str, ...]

labels = st.sampled_from(["istio-injection", "istio.io/rev", "team"])
paths = st.tuples(st.just("metadata"), st.sampled_from(["labels", "annotations"]), labels)


@st.composite
def entries(draw: Any, *, managers: tuple[str, ...] = ("helm", "kubectl", US)) -> Body:
    """One owner of some labels and annotations."""
    fields: Body = {}
    for path in draw(st.sets(paths, min_size=1)):
        node = fields
        for step in path:
            node = node.setdefault(f"f:{step}", {})
    for part in fields.get("f:metadata", {}).values():
        if draw(st.booleans()):
            part["."] = {}
    manager, operation = draw(st.sampled_from(managers)), draw(st.sampled_from(["Apply", "Update"]))
    return {
        "manager": manager, "operation": operation, "apiVersion": "v1", "time": draw(st.sampled_from("12")),
        "fieldsV1": fields,
    }  # fmt: skip


def owners(*managers: str) -> st.SearchStrategy[list[Body]]:
    """Owners as a server has them: one entry for each manager and operation."""
    known = entries(managers=managers) if managers else entries()
    return st.lists(known, max_size=4, unique_by=lambda entry: (entry["manager"], entry["operation"]))


def owned(entry: Body) -> set[Path]:
    return set(_leaves(entry["fieldsV1"], ()))


def _leaves(fields: Body, path: Path) -> Iterator[Path]:
    for name, below in fields.items():
        if name != ".":
            yield from _leaves(below, (*path, name[2:])) if below else [(*path, name[2:])]


def owners_of(path: Path, given_: list[Body]) -> set[tuple[str, str]]:
    return {(entry["manager"], entry["operation"]) for entry in given_ if path in owned(entry)}


@given(owners(), owners(), st.sets(paths, min_size=1))
def test_each_field_named_has_the_owners_of_the_target_and_each_other_its_own(
    live: list[Body], target: list[Body], named: set[Path]
) -> None:
    result = with_fields_owned_as(live, target, named)
    everything = named | {path for entry in (*live, *target) for path in owned(entry)}
    for path in everything:
        assert owners_of(path, result) == owners_of(path, target if path in named else live)
    assert all(owned(entry) for entry in result), "nobody owns nothing"


@given(owners(), owners("helm", "kubectl"), st.sets(paths, min_size=1))
def test_who_has_only_written_the_fields_named_is_no_owner_afterwards(
    others: list[Body], target: list[Body], named: set[Path]
) -> None:
    fields: Body = {}
    for path in named:
        node = fields
        for step in path:
            node = node.setdefault(f"f:{step}", {})
    mine = {"manager": US, "operation": "Update", "apiVersion": "v1", "fieldsV1": fields}
    live = [*(entry for entry in others if entry["manager"] != US), mine]
    assert US not in {entry["manager"] for entry in with_fields_owned_as(live, target, named)}


@given(owners(), owners(), st.sets(paths))
def test_it_changes_nothing_that_it_is_given_and_is_its_own_fixed_point(
    live: list[Body], target: list[Body], named: set[Path]
) -> None:
    copies = clone(live), clone(target)
    once = with_fields_owned_as(live, target, named)
    assert (live, target) == copies
    assert are_same_owners(with_fields_owned_as(once, target, named), once)


@given(owners(), owners())
def test_a_whole_object_is_owned_exactly_as_in_the_target(live: list[Body], target: list[Body]) -> None:
    status: Body = {"manager": "controller", "operation": "Update", "subresource": "status", "fieldsV1": {"f:x": {}}}
    result = owned_as([*live, status], [*target, {**status, "time": "then"}])
    assert are_same_owners(result, [*target, status])
    assert result[-1] == status
