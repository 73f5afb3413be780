"""YAML, read as kubectl reads it. The only module that knows PyYAML; writing is `canonical`'s.

kubectl turns YAML into JSON first (sigs.k8s.io/yaml on go-yaml 2), so: no dates, no base-60 numbers, no `=`; but
`yes`, `no`, `on`, `off`, `y` and `n` are booleans and `0777` is octal. Stricter than kubectl in two things that are
always mistakes: a key that occurs twice in one mapping, and a key that is not a string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from ..models.objects import Json

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:  # the C loader is ten times as fast; PyYAML can be built without it
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """The text is not YAML, or says what JSON cannot; the message begins with the place, `line 3, column 5: `."""

    def __init__(self, problem: str, mark: Any = None) -> None:
        self.line = mark.line + 1 if mark else 0
        self.column = mark.column + 1 if mark else 0
        super().__init__(f"line {self.line}, column {self.column}: {problem}" if mark else problem)


class _Loader(_Base):
    """PyYAML's scanner and parser with kubectl's idea of what a plain scalar means, and nobody else's."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


_Number = Callable[[int | float], int | float]

Place = tuple[str, ...]
"""Keys, from the outside in."""

_NULL, _BOOL, _INT, _FLOAT, _STR, _SEQ, _MAP, _MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")
)
_MULTIPLIED, _HARMLESS = 10, 100_000
"""How many times what is written may be meant, and how many values may be meant in any case."""

_NULLS = ("", "~", "null", "Null", "NULL")
_TRUES = ("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y")
_FALSES = ("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N")
_whole = re.compile(r"[-+]?(?:0[xX]_?[0-9a-fA-F][0-9a-fA-F_]*|0[bB]_?[01][01_]*|0[oO]?_?[0-7][0-7_]*|[1-9][0-9_]*|0)\Z")
_fraction = re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_not_json = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")


def _add_resolvers() -> None:
    """Fill the table: first come, first served, so whole numbers before fractions."""

    def any_of(words: tuple[str, ...]) -> re.Pattern[str]:
        return re.compile(f"(?:{'|'.join(map(re.escape, words))})\\Z")

    for tag, pattern, first in (
        (_NULL, any_of(_NULLS), ["", *"~nN"]),
        (_BOOL, any_of(_TRUES), list("tTyYoO")),
        (_BOOL, any_of(_FALSES), list("fFnNoO")),
        (_INT, _whole, list("-+0123456789")),
        (_FLOAT, _fraction, list("-+.0123456789")),
        (_FLOAT, _not_json, list("-+.")),
        (_MERGE, re.compile(r"<<\Z"), ["<"]),
    ):
        _Loader.add_implicit_resolver(tag, pattern, first)


_add_resolvers()


def load(text: str | bytes) -> Json:
    """The one document of a canonical file, exactly as it was written. Raises YamlError."""
    documents = list(_documents(text, lambda number: number))
    if len(documents) != 1:
        raise YamlError(f"{len(documents)} documents instead of one")
    return documents[0]


def load_with_lines(text: str | bytes) -> tuple[Json, dict[Place, int]]:
    """The one document of a file that people write, or None, and the line of each of its keys. Raises YamlError."""
    nodes = list(_nodes(text))
    if len(nodes) > 1:
        raise YamlError(f"{len(nodes)} documents instead of one")
    if not nodes or nodes[0] is None:
        return None, {}
    with _understood():
        return _value(nodes[0], as_sent), dict(_lines(nodes[0], ()))


def load_all(text: str | bytes) -> Iterator[Json]:
    """The documents of a user's manifest, numbers as kubectl sends them; an empty one is None. Raises YamlError."""
    return _documents(text, as_sent)


def as_sent(number: int | float) -> int | float:
    """A number as Go's JSON has it: `1.0` is 1, what does not fit 64 bits is a float. Raises YamlError if too large.

    The API server answers so, and a manifest that says `1.0` must not look different from what it became.
    """
    if abs(number) < 1 << 63:
        return int(number) if number == int(number) else number
    try:
        number = float(number)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise YamlError("a number is too large for JSON")
    return number


def _documents(text: str | bytes, number: _Number) -> Iterator[Json]:
    for node in _nodes(text):
        with _understood():
            value = None if node is None else _value(node, number)
        yield value


def _nodes(text: str | bytes) -> Iterator[yaml.Node | None]:
    has_anchors = "&" in text if isinstance(text, str) else b"&" in text
    with _understood():
        loader = _Loader(text)
    try:
        while True:
            with _understood():
                if not loader.check_node():
                    return
                node = loader.get_node()
                if has_anchors:
                    _refuse_bomb(node)
            yield node
    finally:
        loader.dispose()


def _refuse_bomb(root: yaml.Node | None) -> None:
    """Raises YamlError where aliases of aliases stand for far more than is written, as kubectl does (go-yaml)."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            parts = node.value if isinstance(node, yaml.CollectionNode) else ()
            below = (size(each) for part in parts for each in (part if isinstance(part, tuple) else (part,)))
            sizes[id(node)] = 1 + sum(below)
        return sizes[id(node)]

    if root is not None and size(root) > _MULTIPLIED * len(sizes) + _HARMLESS:
        raise YamlError(f"its aliases stand for {size(root):,} values", root.start_mark)


@contextmanager
def _understood() -> Iterator[None]:
    """Whatever PyYAML complains of, as a YamlError."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        raise YamlError(error.problem or "not YAML", error.problem_mark) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(str(error)) from error
    except RecursionError:
        raise YamlError("nested too deeply, or contains itself") from None


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    """The line of every key of a document that has been understood."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*place, key.value), key.start_mark.line + 1
            yield from _lines(value, (*place, key.value))


def _value(node: yaml.Node, number: _Number) -> Json:
    """The JSON value of a node. Raises YamlError for a tag that JSON has no type for."""
    tag = node.tag
    if isinstance(node, yaml.ScalarNode):
        return node.value if tag == _STR else _scalar(node, number)
    if isinstance(node, yaml.MappingNode) and tag == _MAP:
        return _mapping(node, number)
    if isinstance(node, yaml.SequenceNode) and tag == _SEQ:
        return [_value(item, number) for item in node.value]
    raise YamlError(f"{tag} is not a type of JSON", node.start_mark)


def _scalar(node: yaml.ScalarNode, number: _Number) -> Json:
    """A scalar that is not a string; its tag may be the writer's (`!!int x`), so its text is looked at again."""
    tag, text = node.tag, node.value
    if tag == _NULL and text in _NULLS:
        return None
    if tag == _BOOL and text in _TRUES + _FALSES:
        return text in _TRUES
    if tag == _MERGE:
        return text
    try:
        return number(_number(tag, text))
    except ValueError:
        raise YamlError(f"{text!r} is not a value of JSON", node.start_mark) from None


def _number(tag: str, text: str) -> int | float:
    """Raises ValueError for what is no number, or none that JSON has."""
    digits = text.replace("_", "")
    if tag == _INT and _whole.match(text):
        unsigned = digits.lstrip("-+")
        octal = unsigned.startswith("0") and unsigned.isdigit()
        return int(digits, 8 if octal else 0)
    if tag == _FLOAT and _fraction.match(text) and math.isfinite(float(digits)):
        return float(digits)
    raise ValueError(text)


def _mapping(node: yaml.MappingNode, number: _Number) -> dict[str, Json]:
    """A mapping; what `<<` merges into it gives way to its own keys."""
    found: dict[str, Json] = {}
    merged: dict[str, Json] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                merged = _merge_source(part, number) | merged
        elif key.tag != _STR:
            spelling = f"the key {key.value}" if isinstance(key, yaml.ScalarNode) else "a key"
            raise YamlError(f"{spelling} is not a string; put it in quotes", key.start_mark)
        elif key.value in found:
            raise YamlError(f"the key {key.value!r} is there twice", key.start_mark)
        else:
            found[key.value] = _value(value, number)
    return merged | found if merged else found


def _merge_source(node: yaml.Node, number: _Number) -> dict[str, Json]:
    if not isinstance(node, yaml.MappingNode):
        raise YamlError("only a mapping can be merged by <<", node.start_mark)
    return _mapping(node, number)
