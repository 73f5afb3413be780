"""What is configured, and where it comes from."""

from __future__ import annotations

from ..models.configuration import Configuration, Configured
from ..models.objects import Json
from .terminal import Terminal

_NOTHING = "-"

_GAPS = 4
"""Columns between those of the table."""


def print_configuration(out: Terminal, configuration: Configuration) -> None:
    """The file, then a setting a line; where that has no room, whole values below their names rather than halves."""
    exists = "" if configuration.file.exists() else " (there is none)"
    out.prose(f"{configuration.file}{exists}", "file:    ")
    if configuration.context:
        out.prose(configuration.context, "context: ")
    out.line()
    rows = [(one.setting.key, _shown(one), _source(one)) for one in configuration.settings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + _GAPS <= out.width:
        out.table(("SETTING", "VALUE", "FROM"), rows)
        return
    for key, value, source in rows:
        out.prose(f"{value} ({source})", f"{key:<{widths[0]}}  ")


def _shown(one: Configured) -> str:
    if one.value is None:
        return one.setting.default or _NOTHING
    return ", ".join(map(str, one.value)) if one.setting.many else str(one.value)


def _source(one: Configured) -> str:
    return one.where or str(one.origin)


def configuration_data(configuration: Configuration) -> Json:
    """The same for programs: each setting by its name in the file."""
    return {
        "file": str(configuration.file),
        "context": configuration.context or None,
        "settings": {one.setting.key: _data(one) for one in configuration.settings},
    }


def _data(one: Configured) -> Json:
    value: Json
    if one.setting.many:
        value = [str(each) for each in one.value or ()]
    else:
        value = None if one.value is None else str(one.value)
    return {"value": value, "from": str(one.origin), "where": one.where or None}
