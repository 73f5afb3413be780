"""Which objects a user means: `--only KIND[/NAME]` and `-n NAMESPACE`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..diff.states import Select, everything
from ..errors import UsageError
from ..models.objects import Key, ResourceType, State
from ..rules.scope import NAMESPACE


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


def refuse_unknown(only: Sequence[str], namespaces: Sequence[str], *states: State) -> None:
    """Raise UsageError for an object, or a namespace, that is named and is in none of the states.

    It is mistyped, and "nothing differs" would be the answer to another question. A pattern, or a kind alone, may match
    nothing.
    """
    keys = {key for state in states for key in state.versions}
    types = tuple({type_ for state in states for type_ in state.types})
    spaces = {key.name for key in keys if key.resource == NAMESPACE}
    for namespace in namespaces if spaces else ():
        _refuse_unless_in(spaces | {key.namespace for key in keys}, namespace, f"namespace {namespace}", states)
    where = f" in namespace {namespaces[0]}" if namespaces else ""
    for selector in only:
        kinds, name = _parsed(selector, types)
        here = (key for key in keys if key.resource in kinds and (not namespaces or key.namespace in namespaces))
        if not _PATTERN & set(name):
            _refuse_unless_in({key.name for key in here}, name, f"{selector}{where}", states)


_PATTERN = set("*?[")
"""What makes a pattern of a name: see `fnmatch`."""


def _refuse_unless_in(names: set[str], name: str, what: str, states: Sequence[State]) -> None:
    if name not in names:
        near = get_close_matches(name, sorted(names), n=3)
        first, *others = (state.label for state in states)
        who = f"neither {' nor '.join([first, *others])}" if others else first
        raise UsageError(
            f"{who} has {'' if others else 'no '}{what}", hint=f"did you mean {', '.join(near)}?" if near else None
        )


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
