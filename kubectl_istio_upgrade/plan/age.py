"""What was there already when a snapshot was taken that does not hold it: nobody has added it since. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..models.objects import Key, MeshObject

WAS_THERE = (
    "it was there when the snapshot was taken, which did not count it as the mesh's (it had no label of Istio's, say): "
    "there is nothing to put back"
)

SKEW = timedelta(seconds=60)
"""By how much the clock of whoever took the snapshot may differ from the API server's, reading the mesh included."""


@dataclass(frozen=True)
class Age:
    """Tells what is older than a target from what has come after it."""

    taken: datetime | None = None
    """When the target was read from the cluster; None where that is not known, or it is no reading."""
    made: Container[Key] = field(default_factory=frozenset)
    """Objects that are known to have been made since, whatever clocks say."""

    def was_there(self, obj: MeshObject) -> bool:
        """Whether the very object, by its UID, was there. An object that is made anew has a new creation time."""
        if self.taken is None or not obj.server.creation_timestamp or obj.key in self.made:
            return False
        return datetime.fromisoformat(obj.server.creation_timestamp) < self.taken - SKEW
