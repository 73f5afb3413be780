"""YAML is read as kubectl reads it, or refused with a place."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from kubectl_istio_upgrade.adapters.yamlio import YamlError, as_sent, load, load_all
from kubectl_istio_upgrade.canonical import same

PLAIN = """\
- y
- Yes
- NO
- off
- 0777
- 08
- 0o17
- 0o8
- 0x1F
- -0x1F
- 0b11
- 0b
- +5
- 1_000
- 1__0
- 1_
- _1
- 0_7
- 1e3
- 1E3
- 12e03
- 1.0
- 1.5_0
- 1.
- .5
- -0.0
- 1e21
- 12345678901234567890123
- 9223372036854775808
- 2020-01-01
- 2020-01-01T00:00:00Z
- 12:30:45
- =
- ~
-
- null
- nUll
- yEs
- "yes"
- 'n'
- !!str 12
- a:b
- 1.29.1
- 500m
"""


def one(text: str) -> Any:
    (document,) = load_all(text)
    return document


def test_plain_scalars_mean_what_they_mean_to_kubectl() -> None:
    if shutil.which("kubectl") is None:
        pytest.fail("kubectl is not on PATH; it is what our reader has to agree with")
    items = "".join(f"  {line}\n" for line in PLAIN.splitlines())
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\nvalues:\n{items}"
    done = subprocess.run(
        ["kubectl", "annotate", "--local", "-f", "-", "read=yes", "-o", "json"],
        input=manifest.encode(),
        capture_output=True,
        check=True,
    )

    theirs = json.loads(done.stdout, parse_int=lambda digits: as_sent(int(digits)))["values"]
    for line, wanted, got in zip(PLAIN.splitlines(), theirs, one(PLAIN), strict=True):
        assert same(got, wanted), line


def test_a_canonical_file_keeps_its_numbers() -> None:
    value = load("- 1.0\n- 1.0e+21\n- -0.0\n- 12345678901234567890123\n")

    assert same(value, [1.0, 1e21, -0.0, 12345678901234567890123])


def test_anchors_and_merge_keys_work() -> None:
    text = "a: &a {p: 1, q: 2}\nb: {<<: *a, q: 3}\nc: {<<: [{p: 5}, *a], r: *a}\n"

    assert one(text) == {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 5, "q": 2, "r": {"p": 1, "q": 2}}}


def bomb(levels: int) -> str:
    """Nine times nine times nine …"""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [bomb(12), bomb(12).encode(), "- 1\n---\n" + bomb(12)])
def test_aliases_that_stand_for_the_whole_memory_are_refused_at_once(text: str | bytes) -> None:
    with pytest.raises(YamlError, match=r"its aliases stand for 357,449,882,119 values"):
        list(load_all(text))


def test_aliases_that_people_write_are_understood() -> None:
    (document,) = load_all("base: &base {a: 1}\n" + "".join(f"k{n}: {{<<: *base, b: *base}}\n" for n in range(999)))
    assert document["k998"] == {"a": 1, "b": {"a": 1}}
    assert next(load_all(bomb(3)))["a1"][8] == ["x"] * 9


@pytest.mark.parametrize(
    ("text", "problem", "line", "column"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "'c' is there twice", 4, 3),
        ("a: 1\n'a': 2\n", "'a' is there twice", 2, 1),
        ("on: 1\n", "the key on is not a string", 1, 1),
        ("1: a\n", "the key 1 is not a string", 1, 1),
        ("? [a]\n: b\n", "a key is not a string", 1, 3),
        ("a: .nan\n", "'.nan' is not a value of JSON", 1, 4),
        ("a: 1e999\n", "'1e999' is not a value of JSON", 1, 4),
        ("a: !!binary aGk=\n", "'aGk=' is not a value of JSON", 1, 4),
        ("a: !!set {x}\n", "set is not a type of JSON", 1, 4),
        ("a: !!python/name:os.system\n", "is not a value of JSON", 1, 4),
        ("a: !!bool maybe\n", "'maybe' is not a value of JSON", 1, 4),
        ("a: {<<: 1}\n", "only a mapping can be merged", 1, 9),
        ("a: [1\nb: 2\n", "did not find expected", 2, 2),
        ("a: *b\n", "undefined alias", 1, 4),
        ("\tb: 1\n", "cannot start any token", 1, 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(text: str, problem: str, line: int, column: int) -> None:
    with pytest.raises(YamlError, match=problem.replace(".", r"\.")) as caught:
        one(text)

    assert (caught.value.line, caught.value.column) == (line, column), caught.value
    assert str(caught.value).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "[" * 5000, "a: \x01\n", "a: \ud800\n"])
def test_the_rest_that_is_not_yaml_is_refused_too(text: str) -> None:
    with pytest.raises(YamlError):
        one(text)


def test_documents() -> None:
    assert list(load_all("---\n---\na: 1\n---\n# nothing\n---\n- 1\n...\n")) == [None, {"a": 1}, None, [1]]
    assert list(load_all("")) == []


@pytest.mark.parametrize("text", ["", "a: 1\n---\nb: 2\n"])
def test_a_canonical_file_has_one_document(text: str) -> None:
    with pytest.raises(YamlError, match="documents instead of one"):
        load(text)
