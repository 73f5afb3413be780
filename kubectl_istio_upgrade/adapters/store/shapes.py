"""The shapes of a snapshot's files: `snapshots/schema.json`, applied.

What JSON Schema can say goes far beyond what that file says, and so does the library for it. Here is what it says, and
a keyword that is not here is an error at once; a test holds the answers against those of the library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from ...canonical import json_bytes
from ...models.objects import Json

Schema = Mapping[str, Json] | bool
_Check = Callable[[Json, Json, Mapping[str, Json], str], Iterator[str]]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_NUMBERS = ("integer", "number")
"""To Python a truth value is a number, to JSON it is none."""


def fault(kind: str, value: Json) -> str:
    """What is wrong with a file of this kind, one of the schema's definitions: where and what. "" if nothing is."""
    return next(_faults(_definitions()[kind], value, ""), "")


def words(schema: Schema) -> Iterator[str]:
    """Every keyword that a schema uses."""
    if isinstance(schema, bool):
        return
    for name, said in schema.items():
        yield name
        if name in ("properties", "$defs"):
            for below in said.values():
                yield from words(below)
        elif isinstance(said, dict):
            yield from words(said)


@cache
def _definitions() -> Mapping[str, Schema]:
    text = resources.files(__package__).joinpath("schema.json").read_text("utf-8")
    schema = json.loads(text)
    if unknown := {*words(schema)} - {*_CHECKS} - _SILENT:
        raise ValueError(f"schema.json says what shapes.py does not know: {', '.join(sorted(unknown))}")
    definitions: Mapping[str, Schema] = schema["$defs"]
    return definitions


def _faults(schema: Schema, value: Json, at: str) -> Iterator[str]:
    if isinstance(schema, bool):
        if not schema:
            yield f"{at} must not be there"
        return
    for name, said in schema.items():
        if name in _CHECKS:
            yield from _CHECKS[name](said, value, schema, at)


def _below(at: str, step: object) -> str:
    return f"{at}.{step}" if at else str(step)


def _wrong(at: str, why: str) -> str:
    return f"{at} {why}" if at else why


def _reference(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    return _faults(_definitions()[said.removeprefix("#/$defs/")], value, at)


def _type(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    kinds = said if isinstance(said, list) else [said]
    if not any(_is(kind, value) for kind in kinds):
        yield _wrong(at, f"is no {' or '.join(kinds)}")


def _is(kind: str, value: Json) -> bool:
    return isinstance(value, _TYPES[kind]) and not (kind in _NUMBERS and isinstance(value, bool))


def _required(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{_below(at, name)} is missing" for name in said if name not in value)


def _properties(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, schema in said.items():
            if name in value:
                yield from _faults(schema, value[name], _below(at, name))


def _additional(said: Json, value: Json, schema: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            yield from _faults(said, value[name], _below(at, name))


def _names(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value:
            yield from _faults(said, name, _below(at, f"the name {name!r}"))


def _items(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(said, item, _below(at, index))


def _unique(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if said and isinstance(value, list) and len({json_bytes(item) for item in value}) < len(value):
        yield _wrong(at, "has something twice")


def _constant(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if json_bytes(said) != json_bytes(value):
        yield _wrong(at, f"is not {said!r}")


def _one_of(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if json_bytes(value) not in {json_bytes(choice) for choice in said}:
        yield _wrong(at, f"is none of {', '.join(map(str, said))}")


def _pattern(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    whole = f"{said[:-1]}\\Z" if said.endswith("$") else said  # Python's `$` also stands before a last line end
    if isinstance(value, str) and not re.search(whole, value):
        yield _wrong(at, f"does not look like {said}")


def _minimum(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < said:
        yield _wrong(at, f"is less than {said}")


def _least(kind: type[Any]) -> _Check:
    def check(said: Json, value: Json, _: Mapping[str, Json], at: str) -> Iterator[str]:
        if isinstance(value, kind) and len(value) < said:
            yield _wrong(at, "is empty" if said == 1 else f"has less than {said}")

    return check


_CHECKS: Mapping[str, _Check] = {
    "$ref": _reference,
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "items": _items,
    "uniqueItems": _unique,
    "const": _constant,
    "enum": _one_of,
    "pattern": _pattern,
    "minimum": _minimum,
    "minLength": _least(str),
    "minItems": _least(list),
    "minProperties": _least(dict),
}

_SILENT = frozenset({"$schema", "$defs", "title", "description"})
