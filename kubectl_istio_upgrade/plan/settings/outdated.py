"""Finds settings that mean nothing any more in what is about to be installed with."""

from __future__ import annotations

from collections.abc import Iterable

from ...models.objects import Body, Json
from ...rules.outdated_settings import OUTDATED, OutdatedSetting


def outdated(settings: Body) -> tuple[OutdatedSetting, ...]:
    """Those rows that an IstioOperator has, or the values of any Helm release (of which `settings` has one each)."""
    specs = [settings["spec"]] if "spec" in settings else [{"values": values} for values in settings.values()]
    return tuple(row for row in OUTDATED if any(_has(spec, row.path) for spec in specs))


def told(rows: Iterable[OutdatedSetting]) -> tuple[str, ...]:
    """The rows in words, a line each."""
    return tuple(f"{'.'.join(row.path)}: {row.instead}" for row in rows)


def _has(node: Json, path: tuple[str, ...]) -> bool:
    for step in path:
        if not isinstance(node, dict) or step not in node:
            return False
        node = node[step]
    return node not in (None, False, {}, "")
