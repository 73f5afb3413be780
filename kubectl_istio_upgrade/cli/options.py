"""Options that every command has, accepted before and after its name; later ones win.

Values travel in `click.Context.meta`, which a group shares with its commands, so the commands' functions list only
what is their own. `settings` reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

_Command = TypeVar("_Command", bound=Callable[..., Any])

PREFIX = "kubectl_istio_upgrade."

EXIT_CODES = """\b
Exit codes: 0 done, no differences · 1 differences found · 2 usage ·
3 refused, nothing changed · 4 incomplete · 5 cluster · 6 store · 70 bug ·
130 interrupted"""


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    name = PREFIX + str(parameter.name)
    from_environment = context.get_parameter_source(str(parameter.name)) is ParameterSource.ENVIRONMENT
    if value not in (None, (), False) and not (from_environment and name in context.meta):
        context.meta[name] = value


class CommonOption(click.Option):
    """An option that every command has."""


def _shared(*names: str, **settings: Any) -> Callable[[_Command], _Command]:
    return click.option(*names, cls=CommonOption, expose_value=False, callback=_keep, **settings)


def _own(*names: str, **settings: Any) -> Callable[[_Command], _Command]:
    """An option whose value travels like that of a common one."""
    return click.option(*names, expose_value=False, callback=_keep, **settings)


_COMMON = (
    _shared("--kubeconfig", metavar="FILE", help="Kubeconfig to use."),
    _shared("--context", metavar="NAME", help="Kubeconfig context to use."),
    _shared("--cluster", metavar="NAME", help="Kubeconfig cluster to use."),
    _shared("--user", metavar="NAME", help="Kubeconfig user to use."),
    _shared("--as", "as_user", metavar="USER", help="User to impersonate."),
    _shared("--as-group", "as_groups", metavar="GROUP", multiple=True, help="Group to impersonate; repeatable."),
    _shared("--request-timeout", metavar="TIME", help="Limit of one request, such as 30s; 0 for none."),
    _shared("-n", "--namespace", metavar="NS", help="Namespace to look at or, for apply, to default to."),
    _shared("--root-namespace", metavar="NS", help="Where istiod runs.  [default: istio-system]"),
    _shared("--exclude-type", metavar="TYPE", multiple=True, help="Leave a type (plural.group) out, on record."),
    _shared("--store", metavar="DIR", envvar="ISTIO_UPGRADE_STORE", help="The store.  [env: ISTIO_UPGRADE_STORE]"),
    _shared("--color", type=click.Choice(["auto", "always", "never"]), help="Colour the output.  [default: auto]"),
    _shared("-q", "--quiet", is_flag=True, help="No progress, no notes."),
    _shared("--debug", is_flag=True, help="Show a traceback with an error."),
)


class Sections(click.Command):
    """Help that shows a command's own options first, and those that every command has after them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two sections of options."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                (common if isinstance(parameter, CommonOption) else own).append(record)
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)


def command(function: Callable[..., Any]) -> click.Command:
    """Make a command of a function."""
    return click.command(cls=Sections, epilog=EXIT_CODES)(function)


def COMMON(command: _Command) -> _Command:  # noqa: N802 - reads as the constant set of options that it is
    """Add the options that every command has."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


def output(*formats: str) -> Callable[[_Command], _Command]:
    """`-o` with the formats that make sense for the command."""
    choice = click.Choice(["text", *formats])
    return click.option("-o", "--output", "format_", type=choice, default="text", help="How to print the result.")


def unlocking(command: _Command) -> _Command:
    """The option of commands that need withheld values."""
    help_ = "age identity (or SSH key) that opens encrypted values; repeatable.  [env: ISTIO_UPGRADE_IDENTITY]"
    file = click.Path(path_type=Path)
    return click.option(
        "--identity",
        "identities",
        multiple=True,
        type=file,
        metavar="FILE",
        envvar="ISTIO_UPGRADE_IDENTITY",
        expose_value=False,
        callback=_keep,
        help=help_,
    )(command)


def tooling(command: _Command) -> _Command:
    """Options of commands that start programs of others."""
    program = click.Path(path_type=Path, dir_okay=False)
    options = (
        _own("--istioctl", metavar="PATH", type=program, help="istioctl of the target release.  [env: ISTIOCTL]"),
        _own("--helm", metavar="PATH", type=program, help="Helm, where Helm installed the mesh.  [env: HELM]"),
        _own(
            "--charts",
            metavar="DIR|URL",
            help="Istio's charts, for Helm: a folder, or another repository.",
        ),
        _own("--download", is_flag=True, help="Fetch a missing istioctl from Istio's release address."),
        _own("--releases", metavar="URL", envvar="ISTIO_UPGRADE_RELEASES", help="Fetch it from a mirror of that."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def writing(command: _Command) -> _Command:
    """Options of every command that changes a cluster."""
    options = (
        click.option("--dry-run", is_flag=True, help="Plan, try everything on the server, show, and stop."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation."),
        click.option("--diff", "with_diff", is_flag=True, help="Show the full difference of every object in the plan."),
        click.option("--timeout", type=float, default=300.0, metavar="SECONDS", help="Longest wait for a rollout."),
    )
    for option in reversed(options):
        command = option(command)
    return command
