"""`store`."""

from __future__ import annotations

import click

from .options import COMMON, EXIT_CODES, Sections


class _Group(Sections, click.Group):
    """Help in the form of every command's."""


@click.group(cls=_Group, epilog=EXIT_CODES)
@COMMON
def store() -> None:
    """Look after the store itself.

    \b
    Examples:
      kubectl istio-upgrade store init --recipient age1…
    """


@store.command("init", cls=Sections, epilog=EXIT_CODES)
@click.option(
    "--recipient",
    "recipients",
    multiple=True,
    metavar="KEY",
    help="Public key (age1…, ssh-ed25519 …, ssh-rsa …) that secret values are encrypted to; repeatable.",
)
@COMMON
def init(recipients: tuple[str, ...]) -> None:
    """Make the store, or let snapshots from now on hold secret values, encrypted.

    Without recipients, snapshots hold only keyed digests of secret values: a change shows, and cannot be taken back.
    With them, whoever has one of the identities can restore them with `rollback --identity`. Recipients add up.

    \b
    Examples:
      kubectl istio-upgrade store init
      kubectl istio-upgrade store init --recipient age1… --recipient "$(cat ~/.ssh/id_ed25519.pub)"
    """
    from ..adapters.store.store import GitStore
    from .settings import Settings

    settings = Settings.current()
    with GitStore.open(settings.store_path, create=True) as opened:
        opened.renew_configuration(settings.progress.note)
        new = opened.add_recipients(recipients) if recipients else ()
        known = opened.recipients()
    for recipient in known:
        settings.out.line(f"{recipient}{' (new)' if recipient in new else ''}")
    if not known:
        settings.progress.note("no recipients: snapshots hold digests of secret values, which cannot be put back")
