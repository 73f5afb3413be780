"""Options that every command has, accepted before and after its name; later ones win.

Values travel in `click.Context.meta`, which a group shares with its commands, so the commands' functions list only
what is their own. `settings` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import click
from click.types import StringParamType

from ..rules.settings import BY_NAME, COLORS
from .formatting import Measured
from .values import Filled, Seconds, Word

_Command = TypeVar("_Command", bound=Callable[..., Any])

PREFIX = "kubectl_istio_upgrade."

EXIT_CODES = """\b
Exit codes: 0 done, no differences; 1 differences found; 2 usage;
3 refused, nothing changed; 4 incomplete; 5 cluster; 6 store; 70 a bug;
130 interrupted"""


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, (), False):
        context.meta[PREFIX + str(parameter.name)] = value


def given(context: click.Context) -> dict[str, Any]:
    """The shared options that the command line has, by their parameters' names."""
    return {name.removeprefix(PREFIX): value for name, value in context.meta.items() if name.startswith(PREFIX)}


class ConfigurableOption(click.Option):
    """An option that may be in the environment or in `config.yaml` instead: see `configurable`."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """With the name of its variable, if it has one."""
        record = super().get_help_record(ctx)
        setting = BY_NAME.get(str(self.name))
        return (record[0], f"{record[1]}  [env: {setting.variable}]") if record and setting else record


class CommonOption(ConfigurableOption):
    """An option that every command has."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The variables are in the program's own help; a command's has enough to say."""
        return super().get_help_record(ctx) if ctx.parent is None else click.Option.get_help_record(self, ctx)


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
    _shared(
        "-n", "--namespace", type=Filled(), metavar="NS", help="Namespace to look at or, for apply, to default to."
    ),
    _shared("--root-namespace", type=Filled(), metavar="NS", help="Where istiod runs.  [default: istio-system]"),
    _shared(
        "--exclude-type", metavar="TYPE", multiple=True, help="Leave a type (plural.group, *.group) out, on record."
    ),
    _shared("--store", metavar="DIR", help="The store."),
    _shared("--color", type=click.Choice(COLORS), help="Colour the output.  [default: auto]"),
    _shared("-q", "--quiet", is_flag=True, help="No progress, no notes."),
    _shared("--debug", is_flag=True, help="Show a traceback with an error."),
)


class Sections(click.Command):
    """Help that shows a command's own options first, and those that every command has after them."""

    context_class = Measured

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for parameter in self.params:
            if type(parameter.type) is StringParamType:
                parameter.type = Word()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it; an error names the command, so that the hint is its help and not the program's."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two sections of options."""
        own: list[tuple[str, str]] = []
        common: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and record[1]:  # click lists arguments, too, of which the text above says what they are
                (common if isinstance(parameter, CommonOption) else own).append(record)
        for title, records in (("Options", own), ("Options of every command", common)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What the command changes, then the exit codes."""
        from .effects import rows

        if changes := rows(ctx.command_path.removeprefix(ctx.find_root().command_path).strip()):
            with formatter.section("Changes"):
                formatter.write_dl(changes)
        super().format_epilog(ctx, formatter)


class CommandGroup(Sections, click.Group):
    """A command with commands below it."""

    meant: ClassVar[Mapping[str, str]] = {}
    """Commands that people try and that are called otherwise here."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a suggestion for a mistyped name."""
        name, known = args[0], self.list_commands(ctx)
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from difflib import get_close_matches

            near = [self.meant[name]] if name in self.meant else get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no such command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


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
    return click.option(
        "--identity",
        "identities",
        cls=ConfigurableOption,
        multiple=True,
        type=click.Path(),
        metavar="FILE",
        expose_value=False,
        callback=_keep,
        help="age identity (or SSH key) that opens encrypted values; repeatable.",
    )(command)


def _program(name: str, purpose: str) -> Callable[[_Command], _Command]:
    from pathlib import Path

    path = click.Path(path_type=Path, dir_okay=False)
    return _own(f"--{name}", metavar="PATH", type=path, help=f"{purpose}  [env: {name.upper()}]")


def asking(of: str) -> Callable[[_Command], _Command]:
    """The option of commands that ask an istioctl; `of` says which one."""
    return _program("istioctl", f"istioctl {of}.")


def fetching(command: _Command) -> _Command:
    """Options of commands that need the istioctl of a release."""
    options = (
        asking("of the target release"),
        _own("--download", is_flag=True, help="Fetch a missing istioctl from Istio's release address."),
        _own("--releases", cls=ConfigurableOption, metavar="URL", help="Fetch it from a mirror of that."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def tooling(command: _Command) -> _Command:
    """Options of commands that let programs of others install."""
    helm = _program("helm", "Helm, where Helm installed the mesh.")
    charts = _own("--charts", metavar="DIR|URL", help="Istio's charts, for Helm: a folder, or another repository.")
    return fetching(helm(charts(command)))


def probing(command: _Command) -> _Command:
    """Options of commands that watch traffic while they work; `Settings.prober` reads them."""
    options = (
        _own("--probe", "probe_urls", multiple=True, metavar="URL", help="GET this URL all the while; repeatable."),
        _own(
            "--probe-command",
            "probe_commands",
            multiple=True,
            metavar="CMD",
            help="Run this all the while, without a shell; a status other than 0 is a failure; repeatable.",
        ),
        _own(
            "--probe-status",
            "probe_statuses",
            multiple=True,
            metavar="CODE",
            help="What a URL should answer, such as 401 or 200-299; repeatable.  [default: 200-399]",
        ),
        _own(
            "--probe-interval",
            type=Seconds(0.02),
            default=0.2,
            metavar="SECONDS",
            help="From one request of a probe to its next.  [default: 0.2]",
        ),
        _own(
            "--probe-timeout",
            type=Seconds(0.1),
            default=5.0,
            metavar="SECONDS",
            help="A request that takes longer has failed.  [default: 5]",
        ),
        _own("--probe-may-fail", is_flag=True, help="Neither refuse nor exit 4 because a probe fails; count only."),
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
        click.option(
            "--timeout",
            type=Seconds(1),
            default=300.0,
            metavar="SECONDS",
            help="Longest wait for a rollout.  [default: 300]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
