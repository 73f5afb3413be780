"""`config`."""

from __future__ import annotations

import click

from .options import COMMON, EXIT_CODES, CommandGroup, Sections, output


@click.group(cls=CommandGroup, epilog=EXIT_CODES, invoke_without_command=True)
@click.pass_context
@COMMON
def config(context: click.Context) -> None:
    """Show what is configured, and where each value comes from.

    It changes nothing. Options of the command line come first, then variables, then the file, then defaults. The file
    is ~/.config/kubectl-istio-upgrade/config.yaml, or what ISTIO_UPGRADE_CONFIG names:

    \b
      store: ~/meshes.git            # for all contexts
      contexts:
        prod:                        # for this one, over the above
          store: ~/prod.git
          remote: git@git.example.com:meshes/prod.git
          recipients: [age1...]
          rootNamespace: istio-system
          ignoredFindings: [IST0102]

    \b
    Examples:
      kubectl istio-upgrade config view
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@config.command("view", cls=Sections, epilog=EXIT_CODES)
@output("json", "yaml")
@COMMON
def view(format_: str) -> None:
    """Show every setting with its value, and where that comes from.

    For the current context, or the one that --context names. Reads no store and no cluster.

    \b
    Examples:
      kubectl istio-upgrade config view
      kubectl istio-upgrade config view --context prod -o json
    """
    from ..adapters.configuration import configure, unknown_contexts, unknown_variables
    from ..render.configuration import configuration_data, print_configuration
    from ..render.structured import Format, formatted
    from .options import given
    from .settings import Settings

    flags = given(click.get_current_context())
    found = configure(flags)
    settings = Settings({**flags, **found.values})
    for name in unknown_variables():
        settings.progress.note(f"{name} is in the environment and means nothing")
    for name in unknown_contexts(flags):
        settings.progress.note(f"{found.file.name} has settings of a context {name!r} that is not in the kubeconfig")
    if format_ == Format.TEXT:
        print_configuration(settings.out, found)
    else:
        settings.out.line(formatted(configuration_data(found), Format(format_)))
