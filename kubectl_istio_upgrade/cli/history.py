"""`history` and `show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .options import COMMON, command, output

if TYPE_CHECKING:
    from ..models.objects import Body
    from ..models.snapshots import SnapshotInfo
    from ..operations.session import Session


@command
@click.option("-l", "--limit", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
@output("json", "yaml", "name")
@COMMON
def history(limit: int | None, format_: str) -> None:
    """List snapshots of the cluster, newest first.

    OPERATION is the beginning of the id of the operation that a snapshot was taken before or after; `report` shows it.
    A narrow terminal has no room for it: `report` takes the snapshot, too.

    Reads the store only, as long as one branch was made under the current context's name: it works while the cluster
    is down.

    \b
    Examples:
      kubectl istio-upgrade history
      kubectl istio-upgrade history --limit 5 -o json
    """
    from ..operations.reporting.finding import operation_ids
    from ..render.snapshots import history_data, print_history
    from ..render.structured import Format, formatted
    from .settings import Settings

    settings = Settings.current()
    with settings.session() as session:
        branch = session.readable_branch
        infos = list(session.store.history(branch, limit=limit))
        operations = operation_ids(infos, session.store.unfinished(branch))
    if format_ == Format.TEXT:
        print_history(settings.out, infos, operations)
    elif format_ == Format.NAME:
        for info in infos:
            settings.out.line(info.commit)
    else:
        settings.out.line(formatted(history_data(infos, operations), Format(format_)))


@command
@click.argument("reference", metavar="REF")
@click.argument("selector", metavar="[KIND[/NAME]]", required=False)
@output("json", "yaml")
@COMMON
def show(reference: str, selector: str | None, format_: str) -> None:
    """Show one snapshot, or objects of it as YAML that `kubectl apply` takes.

    REF is a name, a commit or its beginning, `latest`, `latest~2`, or a time such as 2026-11-23T08:00Z, which means the
    newest snapshot at or before it. Without KIND/NAME, `-o yaml` and `-o json` print all objects as a List.

    \b
    Examples:
      kubectl istio-upgrade show latest
      kubectl istio-upgrade show friday configmap/istio -n istio-system
      kubectl istio-upgrade show latest~1 -o yaml > everything.yaml
    """
    from ..operations import snapshots
    from ..render.snapshots import print_snapshot
    from ..render.structured import Format, formatted
    from .settings import Settings

    settings = Settings.current()
    with settings.session() as session:
        info = snapshots.find(session, reference)
        if selector is None and format_ == Format.TEXT:
            print_snapshot(settings.out, info, session.store.workloads(info))
            return
        bodies = _objects(session, info, selector, settings.namespaces)
    format_ = Format.YAML if format_ == Format.TEXT else Format(format_)
    single = selector is not None and len(bodies) == 1
    document = bodies[0] if single else {"apiVersion": "v1", "kind": "List", "items": bodies}
    settings.out.line(formatted(document, format_))


def _objects(session: Session, info: SnapshotInfo, selector: str | None, namespaces: tuple[str, ...]) -> list[Body]:
    from ..operations.selecting import refuse_unknown, selection

    state = session.store.state(info)
    only = [selector] if selector else []
    refuse_unknown(only, namespaces, state)
    select = selection(only, namespaces, state.types)
    keys = sorted(key for key in state.versions if select(key))
    if not keys and selector:
        where = f" in namespace {namespaces[0]}" if namespaces else ""
        raise UsageError(f"snapshot {info.short} has no {selector}{where}")
    loaded = state.load(keys)
    return [loaded[key].body for key in keys]
