"""Names for the moments at which something may go wrong: the same in every run, whatever its threads do first."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Class(StrEnum):
    """What a request is for, as far as faults are concerned."""

    READ = "read"
    """Discovery, the version, one object."""
    LIST = "list"
    """All objects of a type at one resource version."""
    TRIAL = "trial"
    """A dry run."""
    WRITE = "write"
    LEASE = "lease"
    """Whatever it does to the cluster's lock."""


class Name(NamedTuple):
    """A request's class and what one calls it."""

    kind: Class
    text: str


def name_of(method: str, target: str, body: bytes) -> Name:
    """`PUT-configmaps-istio-system-istio`, `LIST-services-istio-system`, `TRY-DELETE-…`."""
    url = urlsplit(target)
    query = parse_qs(url.query)
    sent = _parsed(body)
    words = _words(url.path, sent)
    if "leases" in words:
        return Name(Class.LEASE, "-".join((method, *words)))
    if method == "GET":
        pinned = "resourceVersionMatch" in query
        words = [*words, *(f"by-{_plain(text)}" for text in query.get("labelSelector", ()))]
        return Name(Class.LIST if pinned else Class.READ, "-".join(("LIST" if pinned else "GET", *words)))
    tries = "dryRun" in query or (isinstance(sent, dict) and bool(sent.get("dryRun")))
    return Name(Class.TRIAL if tries else Class.WRITE, "-".join((*(["TRY"] if tries else []), method, *words)))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _words(path: str, sent: Any) -> list[str]:
    """`/api/v1/namespaces/a/services/b` is services, a, b; of what is created the name is in the body."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    if not rest:
        return [_plain(part) for part in parts]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = [rest[2], rest[1], *rest[3:]]
    named = (sent.get("metadata") or {}).get("name") if isinstance(sent, dict) else None
    if named and named != rest[-1]:
        rest.append(named)
    return [_plain(part) for part in rest]


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text)


@dataclass
class Counting:
    """Tells the occurrences of a name apart: the first is `@1`."""

    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def numbered(self, name: str) -> str:
        """The name with the number of this occurrence."""
        with self._lock:
            self._counts[name] += 1
            return f"{name}@{self._counts[name]}"
