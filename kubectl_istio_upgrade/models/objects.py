"""Kubernetes objects as this tool sees them: an identity, a body, and what only the server owns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from .secrets import NO_VALUES, Values

Json = Any
"""A JSON value: dict, list, str, int, float, bool or None."""

Body = dict[str, Any]
"""A Kubernetes object as JSON. Treated as read-only everywhere; whoever changes one copies it first."""


def clone(value: Json) -> Json:
    """A deep copy of a JSON value, some five times faster than `copy.deepcopy`, which knows more than JSON."""
    if isinstance(value, dict):
        return {name: clone(item) for name, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


class Key(NamedTuple):
    """Which object: stable across API versions, states and clusters. Sorts by type, then namespace, then name."""

    group: str
    """API group, "" for the core group."""
    plural: str
    """Resource name as in the URL, such as `virtualservices`."""
    namespace: str
    """"" for cluster-scoped objects."""
    name: str

    @property
    def resource(self) -> str:
        """`virtualservices.networking.istio.io`, or `configmaps` in the core group: kubectl's own spelling."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource} {where}"

    @classmethod
    def of(cls, text: str) -> Key:
        """The key that is written so. Raises ValueError for what is no key."""
        resource, blank, where = text.partition(" ")
        plural, _, group = resource.partition(".")
        namespace, _, name = where.rpartition("/")
        if not (plural and blank and name):
            raise ValueError(f"{text!r} is no object")
        return cls(group, plural, namespace, name)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One listable type of the API server, at the version that this tool reads."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    singular: str = ""
    short_names: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1` or `networking.istio.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The same spelling as `Key.resource`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def spellings(self) -> frozenset[str]:
        """What people may call it, with or without its group; in lower case."""
        words = {self.kind.lower(), self.plural.lower(), self.singular.lower(), *self.short_names} - {""}
        return frozenset(words | {f"{word}.{self.group}" for word in words})

    def key(self, body: Body) -> Key:
        """The key of an object of this type. Raises KeyError when the object has no name."""
        metadata = body["metadata"]
        return Key(self.group, self.plural, metadata.get("namespace", "") if self.namespaced else "", metadata["name"])


@dataclass(frozen=True, slots=True)
class ServerFields:
    """What only the API server may write; kept beside the object, so that ownership and age are on record."""

    uid: str = ""
    resource_version: str = ""
    generation: int | None = None
    creation_timestamp: str = ""
    managed_fields: tuple[Body, ...] = ()

    @property
    def version(self) -> Version | None:
        """Identity and revision, or None where they are not known (an imported file, a manifest)."""
        return Version(self.uid, self.resource_version) if self.uid and self.resource_version else None


class Version(NamedTuple):
    """UID and resource version: two reads of one cluster that agree in both read the same content."""

    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class MeshObject:
    """One object of the mesh scope: `body` is without the server's own fields, which are in `server`."""

    key: Key
    body: Body
    server: ServerFields = field(default_factory=ServerFields)
    withheld: Values = field(default=NO_VALUES, repr=False, compare=False)
    """What the digests in the body stand for, where that is known; in memory only."""

    @property
    def kind(self) -> str:
        """The object's kind, as written in its body."""
        return str(self.body.get("kind", ""))

    @property
    def labels(self) -> Mapping[str, str]:
        """The object's labels; empty when there are none."""
        return self.body.get("metadata", {}).get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """The object's annotations; empty when there are none."""
        return self.body.get("metadata", {}).get("annotations") or {}


@dataclass(frozen=True, slots=True)
class NotCaptured:
    """A type, or as `*.group` a whole group, that the user excluded.

    Recorded, so that its objects are never mistaken for deleted ones.
    """

    resource: str
    reason: str


class ScaleTarget(NamedTuple):
    """What an autoscaler targets, in its own words."""

    kind: str
    namespace: str
    name: str


class Completeness(Enum):
    """What the absence of something in a state means."""

    COMPLETE = "an object that is not in the state did not exist"
    OBJECTS = "only some objects are known, each as a whole: an imported backup"
    FIELDS = "only some objects are known, and of those only the fields written: manifests"


class State(Protocol):
    """All objects of a mesh at one moment: a snapshot, the live cluster, or a folder of manifests.

    Versions are cheap to get and settle most comparisons; bodies are loaded only for objects that need a look.
    """

    @property
    def label(self) -> str:
        """How people call it: `live`, `snapshot 3f2a91c`, `manifests`."""

    @property
    def completeness(self) -> Completeness:
        """Whether absence means anything."""

    @property
    def types(self) -> tuple[ResourceType, ...]:
        """The types that were read."""

    @property
    def not_captured(self) -> tuple[NotCaptured, ...]:
        """Types left out on request."""

    @property
    def versions(self) -> Mapping[Key, Version | None]:
        """Every object of the state, with its version where known."""

    @property
    def autoscaled(self) -> frozenset[ScaleTarget]:
        """What autoscalers target that are no state themselves: users' own, and those that controllers make."""

    def load(self, keys: Iterable[Key]) -> dict[Key, MeshObject]:
        """The named objects. Raises KeyError for a key that is not in `versions`."""


@dataclass(frozen=True)
class MemoryState:
    """A state held in memory: what `capture` returns, and what manifests are read into."""

    label: str
    objects: Mapping[Key, MeshObject]
    types: tuple[ResourceType, ...] = ()
    not_captured: tuple[NotCaptured, ...] = ()
    completeness: Completeness = Completeness.COMPLETE
    autoscaled: frozenset[ScaleTarget] = frozenset()

    @cached_property
    def versions(self) -> Mapping[Key, Version | None]:
        """See `State`."""
        return {key: obj.server.version for key, obj in self.objects.items()}

    def load(self, keys: Iterable[Key]) -> dict[Key, MeshObject]:
        """See `State`."""
        return {key: self.objects[key] for key in keys}
