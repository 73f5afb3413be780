"""What the newest snapshot tells of the objects that are read next, and when its word is good for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .objects import Key, MeshObject, Version


@dataclass(frozen=True, slots=True)
class Sight:
    """How objects were read.

    Two readings with equal versions say that an object is the same in etcd, not that the API server answers the same: a
    definition that was changed in between prunes or defaults other fields, and another API server may, too.
    """

    program: str
    server_version: str
    secret_key_id: str
    types: Mapping[str, str]
    """The API version in which each type was read."""
    definitions: dict[str, Version | None]
    """The versions of custom resource definitions, by name; while a mesh is read, of those that have been so far."""

    def is_like(self, other: Sight, resource: str) -> bool:
        """Whether both show the same of an object of this type that is the same: `snapshots/README.md`, invariant 7."""
        if self._eyes != other._eyes:
            return False
        if resource not in self.types or self.types[resource] != other.types.get(resource):
            return False
        if resource in self.definitions or resource in other.definitions:
            definition = self.definitions.get(resource)
            return definition is not None and definition == other.definitions.get(resource)
        return _built_in(resource)

    @property
    def _eyes(self) -> tuple[str, str, str]:
        return self.program, self.server_version, self.secret_key_id


@dataclass(frozen=True, slots=True)
class Recollection:
    """A snapshot, as far as it spares another look at what has not changed since."""

    sight: Sight
    versions: Mapping[tuple[str, str, str], Mapping[str, Version | None]] = field(repr=False)
    """By group, plural and namespace; then by name."""
    withheld: frozenset[Key] | None
    """Objects, other than Secrets, of which values are withheld; None where the snapshot does not say."""

    def clears(self, resource: str, sight: Sight) -> Callable[[MeshObject], bool]:
        """Tells of objects of one type whether they were looked through for credentials as they are, and had none."""
        withheld = self.withheld
        if withheld is None or not self.sight.is_like(sight, resource):
            return _none

        def is_clear(obj: MeshObject) -> bool:
            version = obj.server.version
            known = self.versions.get(obj.key[:3])
            if version is None or known is None or known.get(obj.key.name) != version:
                return False
            return obj.key not in withheld

        return is_clear


def _none(_: MeshObject) -> bool:
    return False


def _built_in(resource: str) -> bool:
    """Whether the API server defines the type itself (or claims to: CRDs of *.k8s.io are in every snapshot)."""
    group = resource.partition(".")[2]
    return "." not in group or group.endswith(".k8s.io")
