"""The program: its commands, and the one place where errors become output and exit codes.

Nothing but click is imported until a command runs, so `--help` and completion answer at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

import click

from .. import __version__, interrupts
from .options import COMMON, EXIT_CODES, CommandGroup

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "kubectl istio-upgrade"

COMMANDS: dict[str, tuple[str, str, str]] = {
    "snapshot": ("snapshot", "snapshot", "Commit the whole mesh to the store."),
    "history": ("history", "history", "List snapshots, newest first."),
    "show": ("history", "show", "Show one snapshot, or one object of it as YAML."),
    "diff": ("diff", "diff", "Compare any two of: a snapshot, the live mesh, manifests."),
    "apply": ("apply", "apply", "Apply manifests, with a snapshot before and a proof after."),
    "rollback": ("rollback", "rollback", "Take the mesh back to a snapshot, exactly, and prove it."),
    "validate": ("validate", "validate", "Check that the mesh is as an upgrade should leave it."),
    "restart": ("restart", "restart", "Restart what runs an outdated proxy, and only that."),
    "status": ("status", "status", "Show where the cluster stands, and what comes next."),
    "precheck": ("precheck", "precheck", "Check whether the mesh can be upgraded; changes nothing."),
    "upgrade": ("upgrade", "upgrade", "Upgrade Istio, step by step, with a way back."),
    "promote": ("canary", "promote", "Lead namespaces or a tag to another control plane."),
    "retire": ("canary", "retire", "Remove a control plane that nothing uses any more."),
    "resume": ("unfinished", "resume", "Finish an operation that was cut short, and prove it."),
    "abort": ("unfinished", "abort", "Take an operation back that was cut short, and prove it."),
    "report": ("report", "report", "Show the record of an operation, as text or as a page."),
    "rbac": ("rbac", "rbac", "Print the exact roles for using this tool, to read or to write."),
    "store": ("store", "store", "Look after the store itself."),
    "completion": ("completion", "completion", "Complete commands, references and names at a TAB."),
    "config": ("config", "config", "Show what is configured, and where each value comes from."),
}
"""Name to module, function and purpose: the purposes are here so that `--help` imports no command."""


READER_GONE = 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
"""What a shell says of kubectl, git and most others when their output could not be written any more."""

COMPLETION_VARIABLE = "_KUBECTL_ISTIO_UPGRADE_COMPLETE"
"""Through which the scripts of `completion SHELL` ask."""

HIDDEN = {"__complete": ("completing", "command")}
"""What people never type."""


MEANT = {
    "backup": "snapshot",
    "save": "snapshot",
    "restore": "rollback",
    "undo": "rollback",
    "revert": "rollback",
    "downgrade": "rollback",
    "list": "history",
    "ls": "history",
    "log": "history",
    "get": "show",
    "install": "upgrade",
    "plan": "upgrade --to VERSION --plan",
    "check": "precheck",
    "continue": "resume",
    "cancel": "abort",
    "tag": "promote",
    "uninstall": "retire",
    "roles": "rbac",
    "init": "store init",
    "verify": "store verify",
    "push": "store push",
    "pull": "store pull",
    "gc": "store gc",
    "view": "config view",
    "help": "--help",
    "version": "--version",
}
"""Words of other tools, and of our own one level down, that people try; what they come nearest to is something else."""


class LazyGroup(CommandGroup):
    """Commands are imported when they are called."""

    meant = MEANT

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table: that of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import the command's module, or None for an unknown name."""
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        module, function = HIDDEN.get(cmd_name) or COMMANDS[cmd_name][:2]
        command = getattr(import_module(f".{module}", __package__), function)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """The table of commands, without importing any."""
        from click.shell_completion import CompletionItem

        named = [(name, purpose) for name, (_, _, purpose) in COMMANDS.items() if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=purpose) for name, purpose in named),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, _, purpose) in COMMANDS.items()])


@click.group(
    name=PROGRAM,
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@COMMON
@click.pass_context
def main(context: click.Context) -> None:
    """Istio upgrades that can always be taken back.

    Snapshots of the whole mesh in a git-backed store; the difference between any two states; manifests applied and
    mistakes undone by one engine that tries everything on the server first and proves the result afterwards.

    Without a command: where the cluster stands, and what comes next; nothing is changed. The help of each command ends
    with what that one changes: in the cluster, in the store, and in files.
    """
    if context.invoked_subcommand is None:
        from .overview import show_overview

        show_overview()


def run() -> None:
    """The console script: run a command and leave with its exit code."""
    # Ten thousand objects as JSON are millions of values without a cycle; looking for one took a third of the time.
    gc.set_threshold(1_000_000)
    interrupts.listen()

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # As kubectl, whatever the locale: data must not depend on it. Names of files may have any bytes in them.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    _leave(invoke(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End at once: Python would wait for threads that wait for a server, and free a large mesh one object at a time."""
    interrupts.end()
    atexit._run_exitfuncs()  # noqa: SLF001 - as multiprocessing does: files with a plugin's credentials go
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command line; every error ends here, as `error: …`, `hint: …` and an exit code."""
    from ..errors import ExitCode

    stdout = sys.stdout
    try:
        result = main.main(arguments, PROGRAM, COMPLETION_VARIABLE, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except SystemExit:
        if sys.stdout is stdout:
            raise
        sys.stdout = stdout  # click has put another in its place, as the reader has gone, and would leave with 1
        return _unread()
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except click.ClickException as error:
        return _usage(error)
    except Exception as error:  # noqa: BLE001 - the boundary: nothing may escape as a traceback
        return _failure(error, debug="--debug" in arguments)
    return result if isinstance(result, int) else ExitCode.DONE


def _interrupted() -> int:
    from ..errors import ExitCode

    if unfinished := interrupts.unfinished():
        return _report("interrupted; the operation is unfinished", unfinished, ExitCode.INCOMPLETE)
    return _report("interrupted; nothing was changed", None, ExitCode.INTERRUPTED)


def _usage(error: click.ClickException) -> int:
    from ..errors import ExitCode

    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context else f"{PROGRAM} --help"
    message = error.format_message()
    return _report(message[:1].lower() + message[1:].rstrip("."), hint, ExitCode.USAGE)


def _failure(error: Exception, *, debug: bool) -> int:
    from ..errors import ExitCode, IstioUpgradeError

    interrupts.end()  # it is told how it ended, and not that nothing was changed
    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, IstioUpgradeError):
        return _report(error.message, error.hint, error.exit_code)
    hint = "this is a bug; run again with --debug and report what it prints"
    return _report(f"{type(error).__name__}: {error}", hint, ExitCode.BUG)


def _report(message: str, hint: str | None, code: int) -> int:
    if COMPLETION_VARIABLE in os.environ:  # asked by a shell, in the middle of somebody's line
        return code
    from ..render.terminal import stderr

    out = stderr()
    first, *listed = message.splitlines() or [""]
    out.prose(first, "error: ")
    for line in listed:
        out.prose(line)
    for line in (hint or "").splitlines():
        out.prose(line, "hint: ")
    return code


def _unread() -> int:
    """Whoever read us has gone (`| head -1`). Not "done": the answer may have been no, or that it is refused."""
    from ..render.terminal import silence

    silence(sys.stdout)
    silence(sys.stderr)
    return READER_GONE
