"""`store`."""

from __future__ import annotations

import click

from ..errors import ExitCode
from .options import COMMON, EXIT_CODES, CommandGroup, Sections, output, unlocking


@click.group(cls=CommandGroup, epilog=EXIT_CODES, invoke_without_command=True)
@click.pass_context
@COMMON
def store(context: click.Context) -> None:
    """Look after the store itself.

    \b
    Examples:
      kubectl istio-upgrade store init --recipient age1...
      kubectl istio-upgrade store verify
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@store.command("init", cls=Sections, epilog=EXIT_CODES, short_help="Make the store; let it hold secret values.")
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Public key (age1..., ssh-ed25519 ..., ssh-rsa ...) that secret values are encrypted to; repeatable.",
)
@COMMON
def init(recipients: tuple[str, ...]) -> None:
    """Make the store, or let snapshots from now on hold secret values, encrypted.

    Without recipients, snapshots hold only keyed digests of secret values: a change shows, and cannot be taken back.
    With them, whoever has one of the identities can restore them with `rollback --identity`. Recipients add up.

    \b
    Examples:
      kubectl istio-upgrade store init
      kubectl istio-upgrade store init --recipient age1... --recipient "$(cat ~/.ssh/id_ed25519.pub)"
    """
    from ..adapters.store.store import GitStore
    from .settings import Settings

    settings = Settings.current()
    with GitStore.open(settings.store_path, create=True) as opened:
        opened.renew_configuration(settings.progress.note)
        wanted = recipients or settings.recipients
        new = opened.add_recipients(wanted) if wanted else ()
        known = opened.recipients()
    for recipient in known:
        settings.out.line(f"{recipient}{' (new)' if recipient in new else ''}")
    if not known:
        settings.progress.note("no recipients: snapshots hold digests of secret values, which cannot be put back")


@store.command("verify", cls=Sections, epilog=EXIT_CODES, short_help="Check all that the store holds.")
@unlocking
@output("json", "yaml")
@COMMON
def verify(format_: str) -> int:
    """Check everything that the store holds, and say which snapshots are intact.

    Every object of git by its hash, reached or not; every snapshot of every cluster against the format; branches,
    names, signatures, encrypted values (with --identity also that they open), the digest key and the journals. Reads
    the store only, and changes nothing.

    Exits with 1 when anything is damaged. Nothing is built on a damaged snapshot, and none is rolled back to.

    \b
    Examples:
      kubectl istio-upgrade store verify
      kubectl istio-upgrade store verify --identity key.txt -o json
    """
    from ..adapters.store.store import GitStore
    from ..adapters.store.verification import verify as verify_store
    from ..render.structured import Format, formatted
    from ..render.verification import print_verification, verification_data
    from .settings import Settings

    settings = Settings.current()
    with GitStore.open(settings.store_path) as opened:
        found = verify_store(opened.git, opened.path, settings.values.get("identities", ()), settings.progress)
    if format_ == Format.TEXT:
        print_verification(settings.out, found)
        for note in found.notes:
            settings.progress.note(note)
    else:
        settings.out.line(formatted(verification_data(found), Format(format_)))
    return ExitCode.DONE if found.intact else ExitCode.DIFFERENT


@store.command("path", cls=Sections, epilog=EXIT_CODES, short_help="Print where the store is.")
@COMMON
def path() -> None:
    """Print where the store is, whether there is one yet or not.

    \b
    Examples:
      kubectl istio-upgrade store path
      git -C "$(kubectl istio-upgrade store path)" log --all
    """
    from .settings import Settings

    settings = Settings.current()
    settings.out.line(str(settings.store_path.absolute()))
