"""How objects and snapshots are written in text."""

from __future__ import annotations

import re
from datetime import datetime

from ..models.objects import Json, Key
from ..models.snapshots import Purpose, SnapshotInfo

_MISLEADING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_WITHHELD = re.compile(r"hmac-sha256:([0-9a-f]{8})[0-9a-f]{56}")


def object_name(kind: str, key: Key) -> str:
    """`VirtualService shop/reviews`, `ClusterRole istiod-clusterrole-istio-system`."""
    where = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return f"{kind} {where}" if kind else where


def moment(time: datetime) -> str:
    """`2026-11-23 08:00:12Z`: UTC, and a REF once the blank is a T."""
    return time.strftime("%Y-%m-%d %H:%M:%SZ")


def withheld(text: str) -> str:
    """Digests of Secret values as what they mean to a reader: something differs, and it is not shown."""
    return _WITHHELD.sub(r"<withheld, digest \1>", text)


def harmless(text: str) -> str:
    """Text from elsewhere, fit to be shown: no digests, and nothing that moves a cursor or turns a line around."""
    return _MISLEADING.sub(lambda match: f"\\u{ord(match[0]):04x}", withheld(text))


def snapshot_title(info: SnapshotInfo) -> str:
    """`3f2a91c of 2026-11-23 08:00:12Z (before 1.29)`."""
    title = f"{info.short} of {moment(info.meta.created)}"
    words = info.names[0] if info.names else info.meta.message
    return f"{title} ({words})" if words else title


def why(info: SnapshotInfo) -> str:
    """The message, or the purpose where nobody gave one."""
    return info.meta.message or ("" if info.meta.purpose is Purpose.SNAPSHOT else str(info.meta.purpose))


def plural(count: int, word: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def object_ref(kind: str, key: Key) -> dict[str, Json]:
    """An object's identity in structured output."""
    return {
        "group": key.group,
        "resource": key.plural,
        "kind": kind,
        "namespace": key.namespace,
        "name": key.name,
    }
