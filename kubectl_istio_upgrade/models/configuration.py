"""What is configured: settings, their values, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

VARIABLE_PREFIX = "ISTIO_UPGRADE_"


class Setting(NamedTuple):
    """One row."""

    name: str
    """In `Settings.values`, and of click's parameter where every command has the option."""
    option: str
    """On the command line, of some commands or of all; the variable is named after it."""
    key: str
    """In `config.yaml`, for all contexts or below `contexts` for one."""
    what: str
    default: str = ""
    """In words; "" for nothing."""
    many: bool = False
    is_path: bool = False
    """Relative to the file that names it; `~` is the user's home."""
    choices: tuple[str, ...] = ()

    @property
    def variable(self) -> str:
        """In the environment."""
        return VARIABLE_PREFIX + self.option.removeprefix("--").replace("-", "_").upper()


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
