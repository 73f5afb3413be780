"""Which objects a user means: `--only KIND[/NAME]` and `-n NAMESPACE`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..diff.states import Select, everything
from ..errors import UsageError
from ..models.objects import Key, ResourceType


def selection(only: Sequence[str], namespaces: Sequence[str], types: Iterable[ResourceType]) -> Select:
    """A test for keys. Several `--only` add up; namespaces narrow (`""` has no namespace, so it is left out by them).

    KIND is a kind, a plural, a singular or a short name, with or without its group, in any case; NAME may hold `*`.
    Raises UsageError for a kind that none of the types has.
    """
    if not only and not namespaces:
        return everything
    types = tuple(types)
    wanted = [_parsed(selector, types) for selector in only]

    def select(key: Key) -> bool:
        if namespaces and key.namespace not in namespaces:
            return False
        return not wanted or any(key.resource in kinds and fnmatchcase(key.name, name) for kinds, name in wanted)

    return select


def _parsed(selector: str, types: Sequence[ResourceType]) -> tuple[frozenset[str], str]:
    kind, slash, name = selector.partition("/")
    if not kind or (slash and not name):
        hint = "write KIND or KIND/NAME, such as virtualservice/reviews"
        raise UsageError(f"cannot read selector {selector!r}", hint=hint)
    resources = resources_of(kind, types)
    if not resources:
        names = sorted({type_.kind.lower() for type_ in types})
        near = get_close_matches(kind.lower(), names, n=3)
        raise UsageError(f"no kind {kind!r} in this mesh", hint=f"did you mean {', '.join(near)}?" if near else None)
    return resources, name or "*"


def resources_of(kind: str, types: Iterable[ResourceType]) -> frozenset[str]:
    """The types that a word may mean."""
    return frozenset(type_.resource for type_ in types if kind.lower() in type_.spellings)
