"""`completion`."""

from __future__ import annotations

from pathlib import Path

import click

from .options import COMMON, command

SHELLS = ("bash", "zsh", "fish", "powershell")

_COMMENT = """\
# Completes `kubectl-istio_upgrade`. kubectl's own completion does it for
# `kubectl istio-upgrade`, once that with `completion --install` has been run.
"""


@command
@click.argument("shell", metavar="[SHELL]", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Let kubectl complete `kubectl istio-upgrade`, in every shell.")
@click.option("--dir", "folder", metavar="DIR", help="With --install: into this folder, which must be on the PATH.")
@COMMON
def completion(shell: str | None, install: bool, folder: str | None) -> None:
    """Complete commands, references and names at a TAB.

    kubectl completes its plugins itself, in every shell that completes kubectl, if it finds one more file on the PATH;
    --install writes that file, beside the plugin if it can. It needs to be done once and survives upgrades.

    With SHELL (bash, zsh, fish or powershell), prints a script for that shell which completes the plugin under its
    own name, `kubectl-istio_upgrade`.

    What is suggested comes from the kubeconfig and the store. No request is sent to any cluster.

    \b
    Examples:
      kubectl istio-upgrade completion --install
      source <(kubectl completion bash)        # if kubectl does not complete
      kubectl istio-upgrade completion zsh > ~/.zsh/_kubectl-istio_upgrade
    """
    from .settings import Settings

    settings = Settings.current()
    if install and shell is None:
        from ..adapters.plugins import install_completion

        done = install_completion(Path(folder) if folder else None)
        settings.out.line(f"{'wrote' if done.changed else 'there already:'} {done.path}")
        settings.progress.note("this works where kubectl completes itself: kubectl completion --help")
    elif shell and not install and folder is None:
        settings.out.line(script(shell).rstrip("\n"))
    else:
        raise click.UsageError("name one of: a shell, or --install (with or without --dir)")


def script(shell: str) -> str:
    """click's script for the shell, which must have the comment of a zsh function file first."""
    from click.shell_completion import ShellComplete, get_completion_class

    from ..adapters.plugins import PLUGIN
    from .main import COMPLETION_VARIABLE, main

    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101 - the names are click's
    source = ShellComplete.source(completer(main, {}, PLUGIN, COMPLETION_VARIABLE))
    first, rest = source.split("\n", 1)
    return f"{first}\n{_COMMENT}{rest}" if first.startswith("#compdef") else f"{_COMMENT}{source}"
