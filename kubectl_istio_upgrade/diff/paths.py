"""Paths into an object, as people read them, and as managedFields spell them."""

from __future__ import annotations

import re

from ..models.changes import ItemKey, Path

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def dotted(path: Path) -> str:
    """`spec.http[0].route[1].weight`, `metadata.labels["istio.io/rev"]`, `…containers[name=discovery].image`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, ItemKey):
            pairs = zip(step.names, step.values, strict=True)
            parts.append(f"[{','.join(f'{name}={value}' for name, value in pairs if value is not None)}]")
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN.match(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f'["{step}"]')
    return "".join(parts)
