"""What an older CRD schema would take from live objects.

Putting an older schema under newer content hides fields on read and drops them for good on the next write, without a
warning (measured; see the README). So before a schema is narrowed, every object that stays is checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..canonical import same
from ..models.objects import Json

_PRESERVE = "x-kubernetes-preserve-unknown-fields"

_Check = Callable[[Json, Json], bool]

CHECKS: Mapping[str, _Check] = {
    "enum": lambda limit, value: any(same(value, allowed) for allowed in limit),
    "minimum": lambda limit, value: not _is_number(value) or value >= limit,
    "maximum": lambda limit, value: not _is_number(value) or value <= limit,
    "minLength": lambda limit, value: not isinstance(value, str) or len(value) >= limit,
    "maxLength": lambda limit, value: not isinstance(value, str) or len(value) <= limit,
    "pattern": lambda limit, value: not isinstance(value, str) or re.search(limit, value) is not None,
    "minItems": lambda limit, value: not isinstance(value, list) or len(value) >= limit,
    "maxItems": lambda limit, value: not isinstance(value, list) or len(value) <= limit,
    "required": lambda limit, value: not isinstance(value, dict) or all(name in value for name in limit),
}
"""Keywords that can be checked here: limit and value to "allowed"."""

COMBINED: Mapping[str, Callable[[list[bool]], bool]] = {"allOf": all, "anyOf": any, "oneOf": lambda met: sum(met) == 1}
"""Keywords that combine schemas, and how; they can be checked where those consist of keywords that can."""

UNCHECKED = (
    "type",
    "format",
    "nullable",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-validations",
)
"""Keywords that are not evaluated here: where one differs and an object has a value there, the schema is not safe."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What one object would suffer at one path."""

    path: str
    why: str
    keyword: str = ""
    """By which keyword a value is refused; "" for a field that would be dropped."""


@dataclass(frozen=True, slots=True)
class Tightening:
    """A place where the older schema demands more than the one in force. Items of lists and maps are `*`."""

    path: tuple[str, ...]
    keyword: str
    limit: Json


def losses(value: Json, older: Json, tightenings: tuple[Tightening, ...], *, doubts: bool = True) -> Iterator[Loss]:
    """Fields that the older schema would drop, values that it would refuse and, with `doubts`, that it might refuse."""
    for path in unknown_fields(value, older):
        yield Loss(path, "the older definition does not know this field and would drop it")
    yield from violations(value, tightenings, doubts=doubts)


def violations(value: Json, tightenings: tuple[Tightening, ...], *, doubts: bool) -> Iterator[Loss]:
    """Values that the older schema would refuse and, with `doubts`, that it might refuse."""
    for item in tightenings:
        for path, found in _values_at(value, item.path, ""):
            try:
                if not _allowed(found, {item.keyword: item.limit}):
                    yield Loss(path, f"the older definition demands {item.keyword} {item.limit}", item.keyword)
            except _UncheckedError:
                if doubts:
                    why = f"the older definition has another {item.keyword} here, which cannot be checked"
                    yield Loss(path, why, item.keyword)


class _UncheckedError(Exception):
    """A keyword that is not evaluated here."""


def _allowed(value: Json, schema: Json) -> bool:
    """Whether the value satisfies every keyword of the schema. Raises _UncheckedError for one that is not known."""
    for keyword, limit in schema.items():
        if keyword in CHECKS:
            met = CHECKS[keyword](limit, value)
        elif keyword in COMBINED:
            met = COMBINED[keyword]([_allowed(value, branch) for branch in limit])
        elif keyword == "not":
            met = not _allowed(value, limit)
        else:
            raise _UncheckedError
        if not met:
            return False
    return True


def unknown_fields(value: Json, schema: Json, path: str = "") -> Iterator[str]:
    """Paths that pruning by this schema would remove (Kubernetes structural schemas)."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, schema.get("items") or {}, f"{path}[{index}]")
    if not isinstance(value, dict) or not _is_structural(schema):
        return
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for name, item in value.items():
        here = f"{path}.{name}" if path else name
        if not path and name in ("apiVersion", "kind", "metadata"):
            continue
        if name in properties:
            yield from unknown_fields(item, properties[name], here)
        elif isinstance(additional, dict):
            yield from unknown_fields(item, additional, here)
        elif not additional and not schema.get(_PRESERVE):
            yield here


def _is_structural(schema: Json) -> bool:
    return bool(schema) and not schema.get("x-kubernetes-embedded-resource")


def tightenings(current: Json, older: Json, path: tuple[str, ...] = ()) -> Iterator[Tightening]:
    """Every keyword of the older schema that is not in the current one, or differs there."""
    for keyword in (*CHECKS, *COMBINED, "not", *UNCHECKED):
        if keyword in older and not same(older[keyword], current.get(keyword)) and not _allows(keyword, current, older):
            yield Tightening(path, keyword, older[keyword])
    known = current.get("properties") or {}
    for name, schema in (older.get("properties") or {}).items():
        if name in known:
            yield from tightenings(known[name], schema, (*path, name))
    for holder in ("items", "additionalProperties"):
        if isinstance(older.get(holder), dict) and isinstance(current.get(holder), dict):
            yield from tightenings(current[holder], older[holder], (*path, "*"))


def _allows(keyword: str, current: Json, older: Json) -> bool:
    """True when each rule of the older schema is in force already, in a list of rules that only lost some."""
    if keyword != "x-kubernetes-validations":
        return False
    rules = [rule.get("rule") for rule in current.get(keyword) or ()]
    return all(rule.get("rule") in rules for rule in older[keyword])


def narrows(current: Json, older: Json) -> bool:
    """False only where all that fits the current schema survives the other one. Both come without descriptions."""
    return any(tightenings(current or {}, older or {})) or _drops(current, older)


def _drops(current: Json, older: Json) -> bool:
    """Whether pruning by the older schema may remove what pruning by the current one leaves; if in doubt, it may."""
    if same(current, older) or not _is_structural(older):
        return False
    if not _is_structural(current) or _is_open(current):
        return True
    others = older.get("additionalProperties")
    known, properties = current.get("properties") or {}, older.get("properties") or {}
    held = [(schema, properties.get(name, others)) for name, schema in known.items()]
    held += [(current[name], older.get(name)) for name in ("additionalProperties", "items") if current.get(name)]
    return any(_drops(schema, found) if isinstance(found, dict) else not _is_open(older) for schema, found in held)


def _is_open(schema: Json) -> bool:
    return bool(schema.get(_PRESERVE)) or schema.get("additionalProperties") is True


def widens(current: Json, older: Json) -> bool:
    """True when the schema to restore knows a property that the current one does not."""
    if not isinstance(current, dict) or not isinstance(older, dict):
        return False
    known = current.get("properties") or {}
    for name, schema in (older.get("properties") or {}).items():
        if name not in known or widens(known[name], schema):
            return True
    return any(widens(current.get(holder), older.get(holder)) for holder in ("items", "additionalProperties"))


def _values_at(value: Json, path: tuple[str, ...], at: str) -> Iterator[tuple[str, Json]]:
    if not path:
        yield at, value
        return
    head, rest = path[0], path[1:]
    if head == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values_at(item, rest, f"{at}[{index}]")
    elif isinstance(value, dict):
        for name in value if head == "*" else (head,):
            if name in value:
                yield from _values_at(value[name], rest, f"{at}.{name}" if at else name)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
