"""Who else manages the objects that a plan writes, and may undo what it does."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..models.objects import Body, Key, MeshObject
from ..models.plans import ForeignOwner, PlannedChange
from ..rules.owners import BUILT_IN_GROUPS, OWNERS, OwnerRule


class Found(NamedTuple):
    """An owner as one object tells of it."""

    rule: OwnerRule
    kind: str
    name: str = ""
    namespace: str = ""


def owners_of(changes: Iterable[PlannedChange], mesh: Collection[Key]) -> tuple[ForeignOwner, ...]:
    """The foreign owners of everything written, in the order of their table; `mesh` is all that lives now.

    An object tells of the owner that it has now, and if it has none of the one that it is given back to.
    """
    found: dict[Found, list[Key]] = {}
    for change in changes:
        if change.is_write and (owner := _owner(change, mesh)):
            found.setdefault(owner, []).append(change.key)
    ranked = sorted(found, key=lambda owner: (OWNERS.index(owner.rule), owner.namespace, owner.name))
    return tuple(told(owner, found[owner]) for owner in ranked)


def _owner(change: PlannedChange, mesh: Collection[Key]) -> Found | None:
    for obj in (change.live, change.target):
        if obj is not None and (found := owner_of(obj, mesh)):
            return found
    return None


def owner_of(obj: MeshObject, mesh: Collection[Key]) -> Found | None:
    """Who manages this object, by the first row that fits; None for an object of nobody but its users."""
    marks = {**obj.labels, **obj.annotations}
    return next((found for rule in OWNERS if (found := _by(rule, obj, marks, mesh))), None)


def _by(rule: OwnerRule, obj: MeshObject, marks: Mapping[str, str], mesh: Collection[Key]) -> Found | None:
    if obj.key.resource not in rule.types:
        return None
    found = _by_mark(rule, marks) or _by_reference(rule, obj) or _by_manager(rule, obj)
    if found and rule.witness and (rule.witness, found.name) not in {(key.resource, key.name) for key in mesh}:
        return None
    return found or (Found(rule, rule.kind) if rule.is_whole_type else None)


def _by_mark(rule: OwnerRule, marks: Mapping[str, str]) -> Found | None:
    if not any(mark in marks for mark in rule.marks):
        return None
    match = re.fullmatch(rule.pattern, marks.get(rule.marks[0], ""))
    if match is None:
        # The mark that names the owner says something else; another mark of it still counts.
        return Found(rule, rule.kind) if any(mark in marks for mark in rule.marks[1:]) else None
    named = match.groupdict()
    namespace = named.get("namespace") or marks.get(rule.namespace_mark, "")
    return Found(rule, rule.kind, named.get("name") or "", namespace)


def _by_reference(rule: OwnerRule, obj: MeshObject) -> Found | None:
    references: Iterable[Body] = obj.body.get("metadata", {}).get("ownerReferences") or ()
    for reference in references:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        if _is_one_of(group, rule.reference_groups) and not _is_one_of(group, BUILT_IN_GROUPS):
            return Found(rule, rule.kind.format(kind=reference.get("kind")), str(reference.get("name")))
    return None


def _is_one_of(group: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(group, pattern) for pattern in patterns)


def _by_manager(rule: OwnerRule, obj: MeshObject) -> Found | None:
    writers = (entry for entry in obj.server.managed_fields if not entry.get("subresource"))
    return Found(rule, rule.kind) if any(entry.get("manager") in rule.managers for entry in writers) else None


def told(owner: Found, objects: Iterable[Key]) -> ForeignOwner:
    """An owner with its objects, and with its name in the command that pauses it."""
    name, namespace = owner.name or "NAME", owner.namespace or "NAMESPACE"
    qualified = f"{owner.namespace}/{name}" if owner.namespace else name
    pause = owner.rule.pause.format(name=name, namespace=namespace, qualified=qualified)
    return ForeignOwner(owner.kind, owner.name, owner.namespace, tuple(objects), owner.rule.will_revert, pause)
