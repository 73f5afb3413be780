"""`store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, UsageError
from .options import COMMON, EXIT_CODES, CommandGroup, Sections, output, unlocking

if TYPE_CHECKING:
    from ..models.copies import Exchange
    from ..models.retention import Retention
    from .settings import Settings


@click.group(cls=CommandGroup, epilog=EXIT_CODES, invoke_without_command=True)
@click.pass_context
@COMMON
def store(context: click.Context) -> None:
    """Look after the store itself.

    By itself it changes nothing; the help of each command below says what that one changes.

    \b
    Examples:
      kubectl istio-upgrade store init --recipient age1...
      kubectl istio-upgrade store verify
      kubectl istio-upgrade store push git@example.com:platform/mesh.git
      kubectl istio-upgrade store gc --keep-last 20 --keep-daily 30
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
      kubectl istio-upgrade store init --recipient age1...
      kubectl istio-upgrade store init --recipient "$(cat ~/.ssh/id_ed25519.pub)"
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
    the store only.

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


@store.command("gc", cls=Sections, epilog=EXIT_CODES, short_help="Remove old snapshots, and what nothing leads to.")
@click.option("--keep-last", type=click.IntRange(min=1), metavar="N", help="Keep the newest N of each cluster.")
@click.option(
    "--keep-daily",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the newest of each day, of N days that have any.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go, and stop.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@output("json", "yaml")
@COMMON
def gc(keep_last: int | None, keep_daily: int | None, dry_run: bool, yes: bool, format_: str) -> None:
    """Remove old snapshots from the store, and whatever else nothing leads to.

    A snapshot stays if any of the options keeps it. Always kept are the newest of each cluster, those with names, where
    `rollback` would go, and of every operation that is kept in part the whole. Without --keep-last and --keep-daily no
    snapshot goes; only what crashes have left behind does.

    What stays keeps its commit, so all that people wrote down still means the same. The store is checked first, and
    nothing is removed from one with damage, nor while an operation is unfinished.

    Nothing is removed from remotes, and `store pull` brings back what they have under a name.

    \b
    Examples:
      kubectl istio-upgrade store gc --keep-last 20 --keep-daily 30 --dry-run
      kubectl istio-upgrade store gc --keep-last 20 --keep-daily 30
      kubectl istio-upgrade store gc --keep-daily 90 --yes
    """
    from ..adapters.store.store import GitStore
    from ..models.retention import Policy
    from ..operations import retaining
    from ..render.retention import print_retentions, print_tidied, tidied_data
    from ..render.structured import Format, formatted
    from .approval import check_can_confirm
    from .settings import Settings

    settings = Settings.current()
    policy = Policy(keep_last, keep_daily)
    check_can_confirm("remove snapshots", yes=yes or policy.is_all, dry_run=dry_run)

    def review(retentions: Sequence[Retention]) -> bool:
        print_retentions(settings.err, retentions)
        return yes or click.confirm("Remove these snapshots for good?", default=False, err=True)

    with GitStore.open(settings.store_path) as opened, opened.lock("store gc"):
        tidied = retaining.prepare(opened, policy, settings.progress)
        if not dry_run:
            tidied = retaining.carry_out(opened, tidied, review, settings.progress)
    if format_ != Format.TEXT:
        settings.out.line(formatted(tidied_data(tidied), Format(format_)))
        return
    if dry_run:
        print_retentions(settings.out, tidied.retentions)
    print_tidied(settings.out, tidied)


@store.command("push", cls=Sections, epilog=EXIT_CODES, short_help="Send snapshots and names to a git remote.")
@click.argument("remote", metavar="[REMOTE]", required=False)
@output("json", "yaml")
@COMMON
def push(remote: str | None, format_: str) -> int:
    """Send all snapshots and names to a git repository.

    REMOTE is whatever git can push to: an address or a path. Without it: `remote` of the configuration.

    Nothing there is overwritten. Where the remote has snapshots of the same cluster that this store has not, they are
    checked and taken over first, and both histories become one. Names are never moved: one that means another snapshot
    there is left as it is on both sides, and the exit code is 1. The key of the digests of secret values stays here.

    Nobody is asked for credentials; they must be where git finds them by itself.

    \b
    Examples:
      kubectl istio-upgrade store push git@example.com:platform/mesh.git
      kubectl istio-upgrade store push /mnt/backup/mesh.git
      kubectl istio-upgrade store push
    """
    from ..adapters.store import copies
    from ..adapters.store.store import GitStore
    from .settings import Settings

    settings = Settings.current()
    with GitStore.open(settings.store_path) as opened:
        where = copies.Remote.at(_address(settings, remote, opened.remote))
        exchange = copies.push(opened, where, settings.progress)
    return _tell(settings, exchange, format_, "sent to")


@store.command("pull", cls=Sections, epilog=EXIT_CODES, short_help="Get snapshots and names from a git remote.")
@click.argument("remote", metavar="[REMOTE]", required=False)
@output("json", "yaml")
@COMMON
def pull(remote: str | None, format_: str) -> int:
    """Get all snapshots and names that a git repository has and this store has not; make the store if there is none.

    REMOTE is whatever git can fetch from: an address or a path. Without it: `remote` of the configuration.

    Everything is checked before any of it is taken over: as by `store verify`. Where both sides have snapshots of one
    cluster that the other has not, their histories become one. A name that means another snapshot here is left as it
    is, and the exit code is 1. Whatever goes wrong, the store is as it was.

    \b
    Examples:
      kubectl istio-upgrade store pull git@example.com:platform/mesh.git
      kubectl istio-upgrade store pull && kubectl istio-upgrade history
    """
    from ..adapters.paths import is_there
    from ..adapters.store import copies
    from ..adapters.store.store import GitStore
    from .settings import Settings

    settings = Settings.current()
    there = is_there(settings.store_path)
    if there:
        with GitStore.open(settings.store_path) as opened:
            recorded = opened.remote
    where = copies.Remote.at(_address(settings, remote, recorded if there else ""))
    if not there:
        copies.listing(where)  # a slip must not leave an empty store behind
    with GitStore.open(settings.store_path, create=True) as opened:
        exchange = copies.pull(opened, where, settings.progress)
    return _tell(settings, exchange, format_, "taken over from")


def _address(settings: Settings, given: str | None, recorded: str) -> str:
    address = given or settings.remote or recorded
    if not address:
        hint = "name one: an address or a path that git knows how to use; or set `remote` in the configuration"
        raise UsageError("there is no remote to go to", hint=hint)
    return address


def _tell(settings: Settings, exchange: Exchange, format_: str, done: str) -> int:
    from ..render.copies import exchange_data, print_exchange
    from ..render.structured import Format, formatted

    if format_ == Format.TEXT:
        print_exchange(settings.out, exchange, done)
    else:
        settings.out.line(formatted(exchange_data(exchange), Format(format_)))
    for branch in exchange.passed_over:
        settings.progress.note(f"branch {branch} of the remote holds no snapshots; passed over")
    return ExitCode.DIFFERENT if exchange.clashes else ExitCode.DONE


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
