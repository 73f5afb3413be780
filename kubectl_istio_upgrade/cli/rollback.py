"""`rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import COMMON, command, output, probing, unlocking, writing
from .values import Named

if TYPE_CHECKING:
    from ..operations.rollback import Workloads
    from .settings import Settings


@command
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--only", multiple=True, metavar="KIND[/NAME]", help="Only these objects; repeatable, NAME may have *.")
@click.option(
    "--delete-added/--keep-added", default=True, help="What to do with objects added since.  [default: delete them]"
)
@click.option(
    "--crds",
    type=click.Choice(["auto", "keep", "restore"]),
    help="Older CRDs: restore the safe ones, none, or unsafe ones that are named, too.  [default: auto]",
)
@click.option("--restore-crd", multiple=True, metavar="NAME", help="Restore this CRD at any cost; repeatable.")
@click.option(
    "--to-dir", type=Named(), metavar="DIR", help="Write the snapshot's manifests into a folder (for GitOps) and stop."
)
@click.option(
    "--restore-secret",
    "restore_secrets",
    multiple=True,
    metavar="NS/NAME",
    help="Also this Secret of the CA, or of another cluster; repeatable.",
)
@click.option(
    "--workloads",
    type=click.Choice(["undo", "stale", "none"]),
    default="undo",
    help="Undo this tool's restarts since; stale: and restart what else runs another proxy.  [default: undo]",
)
@unlocking
@writing
@probing
@output("json", "yaml")
@COMMON
def rollback(
    reference: str | None,
    only: tuple[str, ...],
    delete_added: bool,
    crds: str | None,
    restore_crd: tuple[str, ...],
    to_dir: Path | None,
    restore_secrets: tuple[str, ...],
    workloads: Workloads,
    dry_run: bool,
    yes: bool,
    with_diff: bool,
    timeout: float,
    format_: str,
) -> None:
    """Take the mesh back to a snapshot, exactly, and prove it.

    Reverts what changed, recreates what was deleted, deletes what was added; in place, each write tried on the server
    before the first one is made. Takes a snapshot before, so that a rollback can be taken back, too.

    What is older than the snapshot is never deleted, though it may count as the mesh's only now. What somebody has
    deleted and a finalizer still holds is waited for, and then made anew.

    An older CRD comes back only if no live object would lose a field or a value by that; else it is kept, and the plan
    lists them. --restore-crd brings a named one back all the same; the plan then lists what that costs.

    Secrets, and credentials elsewhere, come back from the values that the snapshot holds encrypted, with the --identity
    that opens them (see `store init --recipient`). The CA's Secrets only if they are named as well.

    Workloads that this tool has restarted since get their template of then, last of all: their pods are made anew, by
    the injector of then. Those that somebody else has restarted since stay as they are. What still runs another proxy
    is named in the plan.

    Without REF: the snapshot before the last operation of this tool; after a rollback, its target again; the newest
    snapshot where somebody has taken one since.

    --probe asks a URL all the while: whether traffic passes is counted, phase by phase. A rollback begins although a
    probe fails, for that may be its reason; if it fails in the end as well, the exit code is 4.

    \b
    Examples:
      kubectl istio-upgrade rollback --dry-run
      kubectl istio-upgrade rollback friday
      kubectl istio-upgrade rollback latest~1 --only virtualservice -n shop
      kubectl istio-upgrade rollback --restore-crd gateways.networking.istio.io
      kubectl istio-upgrade rollback friday --identity key.txt
      kubectl istio-upgrade rollback friday --to-dir restored/
      kubectl istio-upgrade rollback --yes --probe http://shop.example.com/
    """
    from ..operations import rollback as operation
    from ..operations.restarting import now
    from ..operations.selecting import refuse_unknown
    from ..operations.snapshots import find_target
    from ..plan.judging import Crds
    from ..render.names import snapshot_title
    from ..render.structured import Format
    from .approval import Approval, check_can_confirm
    from .settings import Settings

    settings = Settings.current()
    if to_dir is not None:
        _export(settings, reference, to_dir, only)
        return
    chosen = Crds(_checked(crds, restore_crd))
    check_can_confirm("roll back", yes=yes, dry_run=dry_run)
    with settings.writing_session(timeout) as session, session.store.lock("rollback"):
        if not dry_run:
            session.refuse_unfinished()
        target = find_target(session, reference)
        request = operation.Request(
            only, settings.namespaces, delete_added, chosen, restore_crd, restore_secrets, workloads, now()
        )
        options = request.options(session.store.state(target))
        planned = operation.prepare(session, target, options, request.restarts(session, target))
        refuse_unknown(only, settings.namespaces, planned.state, planned.captured.state)
        approval = Approval(settings, session, snapshot_title(target), yes, with_diff)
        start = planned.plan.writes and not dry_run
        finished = operation.run(session, planned, request, approval.review) if start else None
        approval.conclude(planned.plan, finished, Format(format_))


def _checked(crds: str | None, named: tuple[str, ...]) -> str:
    """Naming a definition means restoring it."""
    if named and crds not in (None, "restore"):
        raise click.UsageError(f"--crds {crds} and --restore-crd contradict each other")
    return crds or ("restore" if named else "auto")


def _export(settings: Settings, reference: str | None, folder: Path, only: tuple[str, ...]) -> None:
    from ..adapters.folders import export
    from ..operations.selecting import refuse_unknown, selection
    from ..operations.snapshots import default_target, find
    from ..render.names import plural

    with settings.session() as session:
        info = find(session, reference) if reference else default_target(session)
        state = session.store.state(info)
        refuse_unknown(only, settings.namespaces, state)
        exported = export(state, folder, selection(only, settings.namespaces, state.types))
    for key in exported.withheld:
        settings.progress.note(f"left out: {key}: its values are not in the store")
    settings.out.prose(f"{plural(exported.written, 'manifest')} of snapshot {info.short} in {folder}")
