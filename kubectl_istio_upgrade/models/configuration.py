"""What is configured: values of settings, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from .configurable import Setting


class Origin(StrEnum):
    """Who said it; the first one that did counts."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Configured:
    """One setting as it is in force."""

    setting: Setting
    value: Any
    """A text, or a tuple of them; paths as `Path`; None where nobody said anything and there is no default."""
    origin: Origin
    where: str = ""
    """The option, the variable, or the place in the file."""


@dataclass(frozen=True)
class Configuration:
    """Everything that is configured for one command."""

    file: Path
    """Whether or not there is one."""
    context: str
    """The context whose settings count; "" where the file has none for single contexts, so nobody asked."""
    settings: tuple[Configured, ...]

    @property
    def values(self) -> dict[str, Any]:
        """The values by the names of their settings; those that nobody gave are not there."""
        return {one.setting.name: one.value for one in self.settings if one.value is not None}
