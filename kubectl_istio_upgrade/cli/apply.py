"""`apply`."""

from __future__ import annotations

import click

from .options import COMMON, command, output, probing, writing


@command
@click.option(
    "-f", "--filename", "files", multiple=True, required=True, metavar="FILE", help="File, folder or - for stdin."
)
@click.option("--force-conflicts", is_flag=True, help="Take over fields that other managers own.")
@click.option("--force-crd", "force_crds", multiple=True, metavar="NAME", help="This CRD at any cost; repeatable.")
@writing
@probing
@output("json", "yaml")
@COMMON
def apply(
    files: tuple[str, ...],
    force_conflicts: bool,
    force_crds: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    with_diff: bool,
    timeout: float,
    format_: str,
) -> None:
    """Apply manifests, with a snapshot before and a proof after.

    Server-side apply, like `kubectl apply --server-side`, but every object is tried on the server before the first one
    is written, and the way back is there before anything changes. Objects outside the mesh are refused: no snapshot
    holds them, so they could not be taken back. For the same reason only the labels that steer Istio are applied of a
    namespace that is there; the plan names what else its manifest would change.

    A CRD that allows less than the live one is refused while a live object would lose a field or a value by that; the
    plan lists them. --force-crd applies a named one all the same.

    --probe asks a URL all the while: whether traffic passes is counted, phase by phase. A probe that fails before
    anything was changed refuses the apply; one that fails in the end is exit code 4.

    \b
    Examples:
      kubectl istio-upgrade apply -f gateway.yaml --dry-run
      kubectl istio-upgrade apply -f mesh/ --yes
      kubectl istio-upgrade apply -f mesh/ --probe http://shop.example.com/
      istioctl manifest generate | kubectl istio-upgrade apply -f - --yes
    """
    from ..adapters.paths import shown
    from ..operations import applying
    from ..render.names import plural
    from ..render.structured import Format
    from .approval import Approval, check_can_confirm
    from .settings import Settings

    settings = Settings.current()
    check_can_confirm("apply", yes=yes, dry_run=dry_run)
    documents = settings.documents(files)
    with settings.writing_session(timeout) as session, session.store.lock("apply"):
        if not dry_run:
            session.refuse_unfinished()
        namespace = settings.namespaces[0] if settings.namespaces else session.namespace
        label = f"{plural(len(documents), 'object')} of {', '.join(map(shown, files))}"
        manifests = applying.read(session, documents, label, namespace)
        planned = applying.prepare(session, manifests, force_conflicts=force_conflicts, force_crds=force_crds)
        approval = Approval(settings, session, label, yes, with_diff)
        start = planned.plan.writes and not dry_run
        finished = applying.run(session, planned, approval.review) if start else None
        approval.conclude(planned.plan, finished, Format(format_))
