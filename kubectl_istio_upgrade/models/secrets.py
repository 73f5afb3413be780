"""Values that must not be seen, while the program has to have them: in memory, and nowhere else."""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping
from typing import Any, NoReturn


class Values:
    """What was withheld from objects, each value by the digest that stands for it in their bodies.

    Digests are bound to the object and the field, so values of many objects can be pooled. It shows only how many it
    holds, compares by identity, and refuses to be copied or pickled: nothing writes it by accident. Read by the sealer
    and by the sender; and of Helm's records, for the name of the chart in them (`normalise.records`).
    """

    __slots__ = ("_by_digest",)

    def __init__(self, by_digest: Mapping[str, Any] | None = None) -> None:
        self._by_digest = dict(by_digest or {})

    @property
    def digests(self) -> KeysView[str]:
        """The digests whose values are known."""
        return self._by_digest.keys()

    def get(self, digest: str, default: Any = None) -> Any:
        """The value that a digest stands for, or the default where it is not known."""
        return self._by_digest.get(digest, default)

    def items(self) -> ItemsView[str, Any]:
        """Every digest with its value."""
        return self._by_digest.items()

    def __len__(self) -> int:
        return len(self._by_digest)

    def __or__(self, other: Values) -> Values:
        """Both; of a digest in both, the value of the other."""
        return Values({**self._by_digest, **other._by_digest}) if self and other else self or other

    def __repr__(self) -> str:
        return f"<{len(self)} values>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("secret values are neither copied nor pickled")


NO_VALUES = Values()
