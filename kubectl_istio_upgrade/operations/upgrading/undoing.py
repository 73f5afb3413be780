"""What taking an upgrade back is about: the installation, and nothing that its users have configured meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.objects import Key
from ...models.operations import Operation
from ...models.plans import Action
from ...rules.helm import RECORD_PREFIX
from ...rules.scope import CUSTOM_RESOURCES, NAMESPACE, SECRET


@dataclass(frozen=True)
class Touched:
    """The objects that an upgrade may have written.

    istioctl and helm do not tell: what they write beyond their manifests (webhooks of tags, records of releases) and
    what they remove is known only to be part of an installation.
    """

    operation: Operation

    def __call__(self, key: Key) -> bool:
        """Whether taking it back is about this object."""
        return key in self.operation.keys or (key.resource not in CUSTOM_RESOURCES and key.resource != NAMESPACE)


@dataclass(frozen=True)
class Created:
    """The objects that an upgrade has brought into being: deleting them loses nothing that was there before it."""

    operation: Operation

    def __contains__(self, key: object) -> bool:
        """Whether the upgrade has made, or may have made, this object."""
        if not isinstance(key, Key):
            return False
        planned = any((key, Action.CREATE) in attempt.steps for attempt in self.operation.attempts)
        return planned or (key.resource == SECRET and key.name.startswith(RECORD_PREFIX))
