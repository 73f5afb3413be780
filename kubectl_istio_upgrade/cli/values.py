"""What values of options are: texts that completion knows, names of files, lengths of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.types import StringParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_YEAR = 365 * 24 * 3600.0


class Word(StringParamType):
    """A text of which completion may know more than that it is one: see `completing`."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """What the parameter's name or metavar stands for."""
        from .completing import complete

        return complete(ctx, param, incomplete)


class Written(Word):
    """A text that is written down for others to read, so it must be one: UTF-8."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse bytes that mean nothing."""
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is not UTF-8", param, ctx)
        return text


class Filled(Written):
    """A name: "" is that of a variable which is not set, and would mean something else than nothing."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is empty."""
        text = super().convert(value, param, ctx)
        if not text.strip():
            self.fail("it is empty; is a variable not set?", param, ctx)
        return text


class Named(Word):
    """The name of a file or folder to write."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As a path; refuse what can be none."""
        from ..adapters.paths import expanded

        return expanded(super().convert(value, param, ctx))


class Seconds(click.FloatRange):
    """A length of time: at least so long, at most a year, and a number, which to Python `nan` and `inf` are, too."""

    def __init__(self, least: float) -> None:
        super().__init__(least, _YEAR)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what no clock can count."""
        seconds = super().convert(value, param, ctx)
        if seconds != seconds:  # nan is not even itself
            self.fail(f"{value} is no length of time", param, ctx)
        return seconds
