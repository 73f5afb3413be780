"""What taking an upgrade back is about: what the upgrade has done, and nothing that others have done meanwhile.

istioctl and helm do not tell all that they write: what goes beyond their manifests (webhooks of tags, records of
releases), and what they remove, is known by whose it is, and by who has written it since the state before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from ...models.changes import Change, ObjectDiff
from ...models.objects import Body, Key, MeshObject
from ...models.operations import Aim, Operation
from ...models.plans import Action
from ...normalise.inventory import REVISION
from ...rules.components import COMPONENT_LABEL
from ...rules.helm import FIELD_MANAGER, RECORD_PREFIX
from ...rules.owners import RELEASE_NAME, RELEASE_NAMESPACE
from ...rules.scope import CUSTOM_RESOURCES, NAMESPACE, SECRET
from .by_helm import ISTIOD
from .recovering import ISTIOCTL

NOT_OURS = "{done} since by {whom}, not by this upgrade"
DONE = {Change.REMOVED: "added", Change.ADDED: "deleted", Change.CHANGED: "changed"}
"""From live to the state before: what is to be removed has been added since."""


class Writing(NamedTuple):
    """A field manager's last write of an object. Its time moves when the manager itself changes something."""

    manager: str
    operation: str
    time: str


@dataclass(frozen=True)
class Taken:
    """Tells what an upgrade has done to an object from what others have."""

    operation: Operation

    def is_proved(self, key: Key) -> bool:
        """Whether the proof looks at an object that is not in the plan: at the installation, not at what users make."""
        return key in self.operation.keys or (key.resource not in CUSTOM_RESOURCES and key.resource != NAMESPACE)

    def others(self, diff: ObjectDiff) -> str:
        """Why a difference from live to the state before is not the upgrade's doing; "" where it is."""
        if self._is_of_plan(diff) or self._is_by_installer(diff):
            return ""
        writers = sorted({writing.manager for writing in _written_since(diff)})
        return NOT_OURS.format(done=DONE[diff.change], whom=", ".join(writers) or "others")

    def _is_of_plan(self, diff: ObjectDiff) -> bool:
        """Whether the upgrade has written what it set out to write.

        Of what it set out to make only that counts which its journal has: somebody else may have been faster. What an
        installer makes is in no journal; there it has to be the installer's writing.
        """
        if diff.change is Change.REMOVED and diff.key in self.operation.not_created:
            return False
        return diff.key in self.operation.keys

    def _is_by_installer(self, diff: ObjectDiff) -> bool:
        if any(self._is_record(obj.key) for obj in (diff.before, diff.after) if obj):
            return True
        if diff.change is Change.ADDED:
            return diff.after is not None and self._is_installed(diff.after)
        written = {writing.manager for writing in _written_since(diff)}
        if diff.change is Change.REMOVED and _any_of(written, ISTIOD):
            return True
        if self._releases:
            return diff.before is not None and self._is_installed(diff.before) and _any_of(written, FIELD_MANAGER)
        return _any_of(written, ISTIOCTL)

    def _is_installed(self, obj: MeshObject) -> bool:
        """Whether the installer takes an object for its own: what it has and renders no more, it removes.

        istioctl goes by component and revision (operator/pkg/uninstall/prune.go), helm by the release.
        """
        if self._releases:
            release = obj.annotations.get(RELEASE_NAMESPACE, ""), obj.annotations.get(RELEASE_NAME, "")
            return release in self._releases
        return COMPONENT_LABEL in obj.labels and obj.labels.get(REVISION, "default") == self._revision

    def _is_record(self, key: Key) -> bool:
        """Whether this is Helm's record of a revision of one of the releases."""
        if key.resource != SECRET or not key.name.startswith(RECORD_PREFIX):
            return False
        return (key.namespace, key.name.removeprefix(RECORD_PREFIX).rpartition(".v")[0]) in self._releases

    @property
    def _settings(self) -> Body:
        return self.operation.opening.request.get("settings") or {}

    @property
    def _releases(self) -> frozenset[tuple[str, ...]]:
        """Namespaces and names of what helm upgrades; nothing where istioctl does."""
        if self._settings.get("kind") == "IstioOperator":
            return frozenset()
        return frozenset(tuple(name.split("/", 1)) for name in self._settings)

    @property
    def _revision(self) -> str:
        spec = self._settings.get("spec") or {}
        return str(spec.get("revision") or "default")


@dataclass(frozen=True)
class Created:
    """The objects that an upgrade has brought into being: deleting them loses nothing that was there before it."""

    operation: Operation

    def __contains__(self, key: object) -> bool:
        """Whether the upgrade has made, or may have made, this object."""
        if not isinstance(key, Key):
            return False
        is_record = key.resource == SECRET and key.name.startswith(RECORD_PREFIX)
        by_installer = key in self.operation.not_created and not self._is_journaled
        return key in self.operation.created or by_installer or is_record

    @property
    def _is_journaled(self) -> bool:
        """Whether the journal announces what is made: what this tool makes itself, not what an installer does."""
        made = (entry for (_, action), entry in self.operation.written.items() if action is Action.CREATE)
        return any(self.operation.attempts[entry.run - 1].aim is Aim.TARGET for entry in made)


def _written_since(diff: ObjectDiff) -> Iterator[Writing]:
    """Who has written the live object since the state before. What a force takes away from a manager is no write."""
    before = set(_writings(diff.after))
    return (writing for writing in _writings(diff.before) if writing not in before)


def _writings(obj: MeshObject | None) -> Iterator[Writing]:
    for entry in obj.server.managed_fields if obj else ():
        if not entry.get("subresource"):
            yield Writing(str(entry.get("manager")), str(entry.get("operation")), str(entry.get("time")))


def _any_of(managers: Iterable[str], program: str) -> bool:
    """Whether one of the managers is this program, by whatever suffix it was started."""
    return any(fnmatchcase(manager.lower(), f"{program}*") for manager in managers)
