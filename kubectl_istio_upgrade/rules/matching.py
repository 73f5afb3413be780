"""How rows of the tables name types and objects."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from ..models.objects import Key, MeshObject


def _matches(pattern: str, resource: str) -> bool:
    if pattern == "*":
        return True
    wanted_plural, _, wanted_group = pattern.partition(".")
    plural, _, group = resource.partition(".")
    return fnmatchcase(plural, wanted_plural) and fnmatchcase(group, wanted_group)


@cache
def _match(patterns: tuple[str, ...], resource: str) -> bool:
    """Asked for every object and every row, and answered anew only for every type."""
    return any(_matches(pattern, resource) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Types:
    """A set of types, as patterns over `Key.resource`.

    `configmaps` is that type of the core group, `*.apps` every type of one group, `*.*.istio.io` every type of the
    groups below istio.io, `*` every type.
    """

    patterns: tuple[str, ...]

    def __contains__(self, resource: object) -> bool:
        return isinstance(resource, str) and _match(self.patterns, resource)


def types(*patterns: str) -> Types:
    """The types that match any of the patterns."""
    return Types(patterns)


EVERY_TYPE = types("*")


def has_any_label(obj: MeshObject, wanted: Iterable[str]) -> bool:
    """True when the object has one of the labels, each written `key` (any value) or `key=value`."""
    labels = obj.labels
    for label in wanted:
        key, separator, value = label.partition("=")
        if key in labels and (not separator or labels[key] == value):
            return True
    return False


def is_named(key: Key, patterns: Collection[str]) -> bool:
    """True when the name matches one of the patterns."""
    return "*" in patterns or any(fnmatchcase(key.name, pattern) for pattern in patterns)
