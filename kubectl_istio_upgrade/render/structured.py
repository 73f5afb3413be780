"""`-o json|yaml|name`: the same facts as the text, for programs. Valid even when there is nothing to say."""

from __future__ import annotations

import json
from enum import StrEnum

from ..canonical import to_yaml
from ..models.objects import Json


class Format(StrEnum):
    """`-o`."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def formatted(value: Json, format_: Format) -> str:
    """The value as JSON or YAML, without a newline at the end."""
    if format_ is Format.YAML:
        return to_yaml(value).rstrip("\n")
    return json.dumps(value, indent=2, ensure_ascii=False)
