"""`promote` and `retire`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from .options import COMMON, command, output, probing, writing

if TYPE_CHECKING:
    from ..operations.reshaping import Request
    from .settings import Settings


@command
@click.argument("revision", metavar="REVISION")
@click.option("--tag", default="default", metavar="TAG", help="The tag to move.  [default: default]")
@writing
@probing
@output("json", "yaml")
@COMMON
def promote(revision: str, tag: str, dry_run: bool, yes: bool, with_diff: bool, timeout: float, format_: str) -> None:
    """Lead namespaces, or a whole tag, to another control plane.

    REVISION is what the control plane is called, as in the label istio.io/rev; `default` is the one without a name.

    With -n only that namespace: its labels are changed. Without, the tag: everything that follows it. Pods get their
    proxy from the other control plane when they are made anew: `restart` is the next step. It can be taken back like
    anything else.

    \b
    Examples:
      kubectl istio-upgrade promote 1-29-1 -n shop
      kubectl istio-upgrade promote 1-29-1 --dry-run
      kubectl istio-upgrade promote 1-29-1 --tag prod
      kubectl istio-upgrade promote 1-29-1 --probe http://shop.example.com/
    """
    from ..operations.reshaping import PROMOTE, Request
    from .settings import Settings

    settings = Settings.current()
    written = click.get_current_context().get_parameter_source("tag") is not click.core.ParameterSource.DEFAULT
    if settings.namespaces and written:
        raise UsageError("-n leads a namespace and --tag a tag; not both", hint="run it once for each")
    _carry_out(
        settings, Request(PROMOTE, revision, settings.namespaces, tag), dry_run, yes, with_diff, timeout, format_
    )


@command
@click.argument("revision", metavar="REVISION")
@writing
@probing
@output("json", "yaml")
@COMMON
def retire(revision: str, dry_run: bool, yes: bool, with_diff: bool, timeout: float, format_: str) -> None:
    """Remove a control plane that nothing uses any more.

    REVISION is what it is called, as in the label istio.io/rev; `default` is the one without a name.

    What goes is shown first. While a namespace, a tag, a proxy or ztunnel still leads to it, it is refused.
    Definitions, gateways and whatever else is shared stay. It can be taken back like anything else.

    Of a control plane that Helm installed, the release goes as by `helm uninstall`, its records too: with a store that
    holds no values of Secrets they stay, and the plan has the command that removes them.

    \b
    Examples:
      kubectl istio-upgrade retire default --dry-run
      kubectl istio-upgrade retire 1-28-3
    """
    from ..operations.reshaping import RETIRE, Request
    from .settings import Settings

    settings = Settings.current()
    settings.refuse_namespace()
    _carry_out(settings, Request(RETIRE, revision), dry_run, yes, with_diff, timeout, format_)


def _carry_out(
    settings: Settings, request: Request, dry_run: bool, yes: bool, with_diff: bool, timeout: float, format_: str
) -> None:
    from ..operations import reshaping
    from ..render.structured import Format
    from .approval import Approval, check_can_confirm

    check_can_confirm(request.kind, yes=yes, dry_run=dry_run)
    with settings.writing_session(timeout) as session, session.store.lock(request.kind):
        if not dry_run:
            session.refuse_unfinished()
        planned = reshaping.prepare(session, request)
        approval = Approval(settings, session, request.label, yes, with_diff)
        start = planned.plan.writes and not dry_run
        finished = reshaping.run(session, planned, approval.review) if start else None
        approval.conclude(planned.plan, finished, Format(format_))
