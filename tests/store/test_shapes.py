"""The schema as the program applies it: the same answers as the library for JSON Schema, on what is right and wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kubectl_istio_upgrade.adapters.store import shapes
from kubectl_istio_upgrade.adapters.yamlio import load
from kubectl_istio_upgrade.models.objects import clone

from .test_format import FORMAT, SCHEMA, example_files, kind_of

JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2,
    "",
    "x",
    "a b",
    "0" * 64,
    [],
    [1, 1],
    ["a", "a"],
    {},
    {"a": 1},
    {"": ""},
)


def agreed(kind: str, value: Any) -> bool:
    """Whether both find it right. They must not disagree."""
    validator = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})
    ours, theirs = shapes.fault(kind, value), [error.message for error in validator.iter_errors(value)]
    assert bool(ours) == bool(theirs), f"{kind} {json.dumps(value)}: {ours!r}, {theirs}"
    return not ours


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value within a value."""
    found = [path]
    if isinstance(value, dict):
        found += [spot for name, item in value.items() for spot in spots(item, (*path, name))]
    elif isinstance(value, list):
        found += [spot for index, item in enumerate(value) for spot in spots(item, (*path, index))]
    return found


def changed(value: Any, path: tuple[Any, ...], how: str, junk: Any) -> Any:
    if not path:
        return junk
    copy = clone(value)
    node = copy
    for step in path[:-1]:
        node = node[step]
    if how == "replaced":
        node[path[-1]] = junk
    elif how == "removed":
        del node[path[-1]]
    elif isinstance(node, dict):
        node["Another one"] = junk
    else:
        node.append(clone(node[path[-1]]))
    return copy


@pytest.mark.parametrize("path", sorted(example_files()))
def test_whatever_is_done_to_the_example_both_say_the_same(path: str) -> None:
    content = example_files()[path]
    value = json.loads(content) if path.endswith(".json") else load(content)
    kind = kind_of(path)
    assert agreed(kind, value)

    choose = random.Random(path)
    changes = [(spot, how) for spot in spots(value) for how in ("replaced", "removed", "added")]
    verdicts = [agreed(kind, changed(value, spot, how, choose.choice(JUNK))) for spot, how in changes]
    assert not all(verdicts) or kind == "operation"


@pytest.mark.parametrize("before", [*JUNK, "2026-11-24T00:55:00Z"])
def test_a_workload_may_have_been_restarted_that_never_was_before(before: Any) -> None:
    restart = {"object": "deployments.apps shop/web", "outcome": "done", "before": before}
    record = {**load(example_files()["operation.yaml"]), "restarts": [restart]}
    assert agreed("operation", record) == (before is None or isinstance(before, str))


def test_what_is_in_sealed_files_has_a_shape_as_well() -> None:
    entry = {"digests": "0" * 64, "sha256": "a" * 64, "uid": ""}
    assert agreed("sealed", {"a": entry})
    assert not agreed("sealed", {"a": {**entry, "sha256": "a" * 63}})
    assert not agreed("sealed", {})


def test_a_fault_says_where_it_is() -> None:
    value = load(example_files()["snapshot.yaml"])
    assert shapes.fault("snapshot", {**value, "counts": {"configmaps": -1}}) == "counts.configmaps is less than 0"
    assert shapes.fault("object", {"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "uid": "1"}}) == (
        "metadata.uid must not be there"
    )
    assert shapes.fault("object", {"kind": "A", "metadata": {"name": "a"}}) == "apiVersion is missing"


def test_the_package_has_the_schema_and_not_a_copy() -> None:
    packaged = Path(shapes.__file__).with_name("schema.json")
    assert packaged.samefile(FORMAT / "schema.json")


def test_no_keyword_is_passed_over() -> None:
    assert set(shapes.words({"properties": {"type": {"maxLength": 1}}, "items": {"not": {}}})) == {
        "properties", "maxLength", "items", "not",
    }  # fmt: skip
