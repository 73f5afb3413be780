"""The canonical spellings: nothing is lost, by whichever reader, and equal values are spelt equally."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubectl_istio_upgrade.adapters.yamlio import load
from kubectl_istio_upgrade.canonical import digest, json_bytes, same, to_yaml

from .json_values import AWKWARD, mappings, nested, values


def by_c_loader(text: str) -> Any:
    return yaml.load(text, yaml.CSafeLoader)


def by_python_loader(text: str) -> Any:
    return yaml.load(text, yaml.SafeLoader)


READERS = (load, by_c_loader, by_python_loader)


@given(values)
@settings(max_examples=500, deadline=None)
def test_every_reader_gets_the_value_back(value: Any) -> None:
    text = to_yaml(value)

    assert all(same(reader(text), value) for reader in READERS), text


@pytest.mark.parametrize("reader", READERS)
def test_awkward_texts_survive_in_every_position(reader: Any) -> None:
    assert same(reader(to_yaml(nested())), nested())


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_survive_alone(text: str) -> None:
    assert all(same(reader(to_yaml(text)), text) for reader in READERS)


@given(mappings)
@settings(max_examples=300, deadline=None)
def test_equal_values_have_equal_bytes(value: dict[str, Any]) -> None:
    shuffled = dict(reversed(value.items()))

    assert to_yaml(shuffled) == to_yaml(value)
    assert json_bytes(shuffled) == json_bytes(value)


def test_kubectl_reads_the_same() -> None:
    """Through kubectl's own YAML library, as `kubectl apply` would; its JSON has whole floats without a fraction."""
    if shutil.which("kubectl") is None:
        pytest.fail("kubectl is not on PATH; it is what has to read the store's YAML")
    texts = tuple(text for text in AWKWARD if "\x00" not in text)
    data = nested(texts) | {"numbers": [0, -1, 2**63 - 1, -(2**63), 1.5, 1e-7], "flags": [True, False, None]}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "awkward"}, "data": data}

    done = subprocess.run(
        ["kubectl", "annotate", "--local", "-f", "-", "read=yes", "-o", "json"],
        input=to_yaml(manifest).encode(),
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert same(json.loads(done.stdout)["data"], data)


def test_it_looks_as_kubectl_writes_it() -> None:
    value = {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "istio", "labels": {}, "annotations": None},
        "data": {
            "mesh": "accessLog: /dev/stdout\n\ntracing: {}\n",
            "kept": "a\n\n",
            "open": "a\nb",
            "deep": "  a\nb\n",
        },
        "list": [{"name": "a", "args": ["--x", "1", ["nested", {}]]}, {"text": "a\nb\n"}, []],
        "odd": ["yes", "a: b", "tab\there", "line\u2028break", 1.0, 1e21, True],
    }

    assert to_yaml(value) == (
        "apiVersion: v1\n"
        "data:\n"
        "  deep: |2\n"
        "      a\n"
        "    b\n"
        "  kept: |+\n"
        "    a\n"
        "\n"
        "  mesh: |\n"
        "    accessLog: /dev/stdout\n"
        "\n"
        "    tracing: {}\n"
        "  open: |-\n"
        "    a\n"
        "    b\n"
        "kind: ConfigMap\n"
        "list:\n"
        "- args:\n"
        "  - --x\n"
        '  - "1"\n'
        "  - - nested\n"
        "    - {}\n"
        "  name: a\n"
        "- text: |\n"
        "    a\n"
        "    b\n"
        "- []\n"
        "metadata:\n"
        "  annotations: null\n"
        "  labels: {}\n"
        "  name: istio\n"
        "odd:\n"
        '- "yes"\n'
        '- "a: b"\n'
        '- "tab\\there"\n'
        '- "line\\u2028break"\n'
        "- 1.0\n"
        "- 1.0e+21\n"
        "- true\n"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_json_does_not_have_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a JSON number"):
        to_yaml(value)


@pytest.mark.parametrize("value", [{1: "a"}, {None: "a"}, (1,), b"a", object(), {"a": {1}}])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_yaml(value)


@pytest.mark.parametrize(
    ("a", "b"), [(1, 1.0), (1, True), (0, False), (0.0, False), ([1], [True]), ({"a": 1}, {"a": 1.0})]
)
def test_types_make_a_difference(a: Any, b: Any) -> None:
    assert a == b
    assert not same(a, b)
    assert digest(a) != digest(b)
    assert to_yaml(a) != to_yaml(b)


@given(values)
@example([2**64, {"b": 1, "a": -(2**70)}])
@settings(max_examples=300, deadline=None)
def test_a_copy_is_the_same(value: Any) -> None:
    copy = json.loads(json.dumps(value))

    assert same(copy, value)
    assert digest(copy) == digest(value)


@given(values, values)
@settings(max_examples=300, deadline=None)
def test_same_is_exactly_equal_digests(a: Any, b: Any) -> None:
    assert same(a, b) == (digest(a) == digest(b)) == (to_yaml(a) == to_yaml(b))


def test_large_numbers_have_digests() -> None:
    assert json_bytes({"b": 2**64, "a": "é"}) == '{"a":"é","b":18446744073709551616}'.encode()
    assert digest(2**64) != digest(2**64 + 1)


@given(st.lists(st.text(alphabet="ab \n", max_size=8), max_size=5))
@settings(max_examples=300, deadline=None)
def test_block_texts_of_blanks_and_line_ends_survive(texts: list[str]) -> None:
    value = {"a": {"b": texts, "c": [{"d": text} for text in texts]}}

    assert all(same(reader(to_yaml(value)), value) for reader in READERS)


def test_ten_thousand_objects_are_quick() -> None:
    """0.4 s on an idle core; the bound is generous, for it only has to notice a general emitter (5 s)."""
    body = {
        "metadata": {"name": "app", "namespace": "shop", "labels": {"app": "app", "team": "shop"}},
        "spec": {
            "hosts": ["app.example.com", "app.shop.svc.cluster.local"],
            "http": [
                {
                    "match": [{"uri": {"prefix": "/api"}}],
                    "route": [{"destination": {"host": f"h{i}"}} for i in range(9)],
                }
            ],
        },
    }
    start = time.process_time()

    for _ in range(10_000):
        to_yaml(body)

    assert time.process_time() - start < 3
