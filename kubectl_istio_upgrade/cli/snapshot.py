"""`snapshot`."""

from __future__ import annotations

import click

from .options import COMMON, command, output
from .values import Written


@command
@click.option("-m", "--message", default="", type=Written(), metavar="WHY", help="Why the snapshot is taken.")
@click.option("--name", metavar="NAME", help="A name for it, to be used as REF.")
@click.option("--from-file", "files", multiple=True, metavar="FILE", help="Import `kubectl get -o yaml` files.")
@output("json", "yaml", "name")
@COMMON
def snapshot(message: str, name: str | None, files: tuple[str, ...], format_: str) -> None:
    """Commit the whole mesh to the store.

    Reads every object of the mesh scope at one resource version, and commits it to the cluster's branch. If anything
    cannot be read there is no snapshot.

    With --from-file, imports backups made with `kubectl get ... -o yaml`; nothing is ever deleted on the word of such a
    snapshot, as it may not hold everything.

    \b
    Examples:
      kubectl istio-upgrade snapshot -m "before 1.29"
      kubectl istio-upgrade snapshot --name friday
      kubectl istio-upgrade snapshot --from-file istio-backup.yaml
    """
    from ..render.names import plural
    from ..render.snapshots import print_taken, snapshot_data
    from ..render.structured import Format, formatted
    from .settings import Settings

    settings = Settings.current()
    settings.refuse_namespace()
    documents = settings.documents(files) if files else ()
    with settings.session(create=True) as session:
        if files:
            from ..operations import importing

            imported = importing.import_backup(session, documents, message=message, name=name)
            info = imported.info
            if imported.passed_over:
                count = plural(len(imported.passed_over), "object")
                settings.progress.note(f"passed over {count} that are not state of the mesh")
        else:
            from ..operations import snapshots

            info = snapshots.take(session, message=message, name=name)
    if format_ == Format.TEXT:
        print_taken(settings.out, info)
    elif format_ == Format.NAME:
        settings.out.line(info.commit)
    else:
        settings.out.line(formatted(snapshot_data(info), Format(format_)))
