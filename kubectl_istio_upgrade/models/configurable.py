"""What a setting is. Imported at every start, so apart from `configuration`, which needs more."""

from __future__ import annotations

from typing import NamedTuple

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
    form: str = ""
    """A regular expression that a value matches; "" for any text."""
    such_as: str = ""
    """Values of that form."""

    @property
    def variable(self) -> str:
        """In the environment."""
        return VARIABLE_PREFIX + self.option.removeprefix("--").replace("-", "_").upper()
