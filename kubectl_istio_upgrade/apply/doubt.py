"""Writes of which nobody knows whether they happened: when that is so, and how an object tells."""

from __future__ import annotations

from ..diff.states import fields_between
from ..errors import ApiError, IstioUpgradeError, UnreachableError, WrittenError
from ..models.objects import Body, Json
from ..models.plans import PlannedChange, Write
from ..normalise.objects import split

WEBHOOK_DOWN = "failed calling webhook"
"""The API server's words when it could not ask a webhook that must be asked: it has stored nothing."""

_MERGED = (Write.PATCH, Write.APPLY, Write.FORCE)
"""Their body is a part of the object."""


def may_have_happened(error: IstioUpgradeError) -> bool:
    """Whether a write that ended so may have been done all the same.

    A connection that broke off and a fault of the server's leave it open; so does 429 without a time to come back,
    which is not the API server's own. Any other answer says that it refused.
    """
    if isinstance(error, ApiError):
        return (error.status >= 500 or error.status == 429) and WEBHOOK_DOWN not in error.message
    return isinstance(error, UnreachableError | WrittenError)


def is_as_sent(change: PlannedChange, found: Body) -> bool:
    """Whether an object is what this write was to make of it. Never so for a deletion."""
    if change.body is None or change.write is Write.DELETE:
        return False
    if change.write in _MERGED:
        metadata = {k: v for k, v in change.body["metadata"].items() if k not in ("uid", "resourceVersion")}
        return _contains(found, {**change.body, "metadata": metadata})
    now, sent = split(found, change.type), split(change.body, change.type)
    return not fields_between(now, sent, autoscaled=change.autoscaled)


def _contains(value: Json, part: Json) -> bool:
    """Whether merging the part into the value would change nothing.

    Null means absent, as in a merge patch, and an empty map is as good as none: the server keeps no empty labels.
    """
    if not isinstance(part, dict):
        return bool(value == part)
    there = {} if value is None else value
    if not isinstance(there, dict):
        return False
    return all(name not in there if item is None else _contains(there.get(name), item) for name, item in part.items())
