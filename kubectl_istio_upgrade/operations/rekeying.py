"""A snapshot taken with another store's digest key: what of it can be compared, and restored, all the same.

Digests of two keys say nothing about each other. Where an identity opens the encrypted values, they are digested anew:
that is how a mesh is taken back from a copy of the store on another machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..models.objects import Completeness, Key, MeshObject, NotCaptured, ResourceType, ScaleTarget, State, Version
from ..models.secrets import NO_VALUES, Values
from ..normalise.secrets import revealed, without_values
from ..plan.secrets import missing
from ..ports import Digester, SealedValues
from ..rules.scope import SECRET


@dataclass(frozen=True)
class Rekeyed:
    """Implements `models.objects.State`: another state, with those objects in place that were digested anew."""

    state: State
    renewed: Mapping[Key, MeshObject]

    @property
    def label(self) -> str:
        """See `State`."""
        return self.state.label

    @property
    def types(self) -> tuple[ResourceType, ...]:
        """See `State`."""
        return self.state.types

    @property
    def not_captured(self) -> tuple[NotCaptured, ...]:
        """See `State`."""
        return self.state.not_captured

    @property
    def completeness(self) -> Completeness:
        """See `State`."""
        return self.state.completeness

    @property
    def autoscaled(self) -> frozenset[ScaleTarget]:
        """See `State`."""
        return self.state.autoscaled

    @property
    def versions(self) -> Mapping[Key, Version | None]:
        """See `State`; an object of the same version is the same, whatever its digests."""
        return self.state.versions

    def load(self, keys: Iterable[Key]) -> dict[Key, MeshObject]:
        """See `State`."""
        loaded = self.state.load(keys)
        return {key: self.renewed.get(key, obj) for key, obj in loaded.items()}

    def unseal(self, key: Key) -> Values:
        """The values of an object, by their new digests."""
        return self.renewed[key].withheld if key in self.renewed else NO_VALUES

    def compares(self, key: Key) -> bool:
        """False for a Secret of the snapshot whose values nobody here can read."""
        return key.resource != SECRET or key in self.renewed or key not in self.state.versions

    @property
    def left_out(self) -> tuple[Key, ...]:
        """The Secrets that do not compare."""
        return tuple(sorted(key for key in self.state.versions if not self.compares(key)))


def rekeyed(state: State, sealed: SealedValues, digester: Digester) -> Rekeyed:
    """The state with all values that can be opened digested by this digester. Raises StoreError for damage."""
    return Rekeyed(state, dict(_renewed(state, sealed, digester)))


def _renewed(state: State, sealed: SealedValues, digester: Digester) -> Iterator[tuple[Key, MeshObject]]:
    for key, obj in state.load([key for key in state.versions if key in sealed]).items():
        values = sealed.open(key)
        if not missing(obj.body, values):
            yield key, without_values(replace(obj, body=revealed(obj.body, values)), digester)
