"""What a cluster's branch is called, and what a snapshot may be called."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from ...errors import UsageError

if TYPE_CHECKING:
    from ...models.snapshots import ClusterIdentity

_SLUG_LENGTH = 40
_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}").fullmatch
_TAKEN_WORDS = ("latest", "live")


def slug(context: str) -> str:
    """A context's name as part of a branch's: lower case, digits and single hyphens, never empty.

    Of a long one the end is kept: providers put the account first and the cluster last.
    """
    words = re.sub(r"[^a-z0-9]+", "-", context.lower()).strip("-")
    return words[-_SLUG_LENGTH:].strip("-") or "cluster"


def may_belong(branch: str, cluster: ClusterIdentity) -> bool:
    """Whether a branch's name ends in the cluster's UID, shortened; its newest snapshot has the whole."""
    return _digits(cluster).startswith(branch.rpartition("-")[2])


def new_name(cluster: ClusterIdentity, taken: Collection[str]) -> str:
    """The name of the branch that this cluster will get."""
    short = f"{slug(cluster.context)}-{_digits(cluster)[:8]}"
    return short if short not in taken else f"{slug(cluster.context)}-{_digits(cluster)}"


def check_name(name: str) -> None:
    """Raises UsageError unless a snapshot can have this name; the rules are in `snapshots/README.md`."""
    if not _name(name) or ".." in name or name.endswith((".", ".lock")):
        hint = "up to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit"
        raise UsageError(f"{name!r} cannot be the name of a snapshot", hint=hint)
    if name in _TAKEN_WORDS:
        raise UsageError(f"{name!r} cannot be the name of a snapshot: it means something already")


def _digits(cluster: ClusterIdentity) -> str:
    return re.sub(r"[^0-9a-z]", "", cluster.uid.lower()) or "unknown"
