"""Warnings about live objects that hold more than a read shows."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..models.objects import Key, State
from ..normalise.hidden import hidden_fields
from ..rules.scope import CUSTOM_RESOURCES

HIDDEN = "{key} has or had fields that its definition does not know: {fields}; a snapshot cannot hold them"
WRITTEN = "{key} has or had fields that its definition does not know: {fields}; this plan's write drops them for good"


def hidden_warnings(live: State, written: Collection[Key] = ()) -> Iterator[str]:
    """One line for each custom resource with fields that its definition hides."""
    found = live.load(key for key in live.versions if key.resource in CUSTOM_RESOURCES).items()
    hidden = {key: fields for key, obj in found if (fields := hidden_fields(obj))}
    for key, fields in sorted(hidden.items()):
        yield (WRITTEN if key in written else HIDDEN).format(key=key, fields=", ".join(fields))
