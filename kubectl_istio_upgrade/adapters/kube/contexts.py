"""The names in a kubeconfig and nothing else: what completion and the commands that read only the store need.

Read without the `kubernetes` library, which takes five times as long to import as all of this takes to run. What this
cannot read is left to `kubeconfig`, which knows what to say of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...models.objects import Json
from ..paths import expanded, is_there
from ..yamlio import YamlError, load_all


@dataclass(frozen=True, slots=True)
class Names:
    """What the files of a kubeconfig name; of each list, sorted."""

    current: str = ""
    """The selected context, whether or not it exists; "" where none is."""
    contexts: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


def names(explicit: str = "") -> Names:
    """Of `--kubeconfig`, else of the files of $KUBECONFIG, else of ~/.kube/config; none where there is no file.

    Raises UsageError for a file that is named and not there, and for one that is no kubeconfig.
    """
    try:
        documents = [_read(path) for path in candidates(explicit) if explicit or is_there(path)]
        return Names(
            next((str(current) for document in documents if (current := document.get("current-context"))), ""),
            *(tuple(sorted(set(_listed(documents, section)))) for section in ("contexts", "clusters", "users")),
        )
    except (OSError, YamlError, TypeError, KeyError):
        from . import kubeconfig

        loaded = kubeconfig.load(explicit)
        return Names(
            loaded.current, *(tuple(sorted(each)) for each in (loaded.contexts, loaded.clusters, loaded.users))
        )


def candidates(explicit: str) -> Iterator[Path]:
    """Where kubectl looks, in its order."""
    if explicit:
        yield expanded(explicit)
        return
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    yield from dict.fromkeys(expanded(part) for part in listed or ["~/.kube/config"])


def _read(path: Path) -> dict[str, Json]:
    documents = list(load_all(path.read_bytes()))
    content = (documents or [None])[0] or {}
    if not isinstance(content, dict) or len(documents) > 1:
        raise TypeError
    return content


def _listed(documents: Iterable[dict[str, Json]], section: str) -> Iterator[str]:
    """Raises KeyError or TypeError for an entry without a name."""
    for document in documents:
        for entry in document.get(section) or ():
            if not entry["name"] or not isinstance(entry.get(section[:-1]) or {}, dict):
                raise KeyError(section)
            yield str(entry["name"])
