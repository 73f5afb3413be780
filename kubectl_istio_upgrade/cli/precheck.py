"""`precheck`."""

from __future__ import annotations

import click

from .options import COMMON, command, fetching, output


@command
@click.option("--to", metavar="VERSION", help="Check for an upgrade to this release; without, the mesh as it is.")
@click.option("--revision", default="", metavar="NAME", help="The control plane of this revision, be it a new one.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Let this finding stop nothing; repeatable.")
@fetching
@output("json", "yaml")
@COMMON
def precheck(to: str | None, revision: str, ignore: tuple[str, ...], format_: str) -> None:
    """Check whether the mesh can be upgraded: this tool's own checks and istioctl's, in one table.

    Versions and how far they may be apart, Kubernetes, the Gateway API, who manages the installation, replicas and
    room, permissions, webhooks, the CA, and which changes of the releases crossed concern this mesh; then `istioctl x
    precheck` and `istioctl analyze`, by what they print. Blockers end with exit code 3. Errors of `analyze` are
    warnings: they are faults of the configuration as it is. Without an istioctl those checks are named as skipped.

    Contacts nothing but the cluster, unless --download says so.

    \b
    Examples:
      kubectl istio-upgrade precheck --to 1.29.1
      kubectl istio-upgrade precheck --to 1.29.1 --ignore single-replica
      kubectl istio-upgrade precheck --to 1.30.2 --revision 1-30-2 -o json
      kubectl istio-upgrade precheck --istioctl ./istioctl
    """
    from ..render.assessments import print_findings
    from .assessing import assessed, conclude
    from .settings import Settings
    from .tools import target_release

    target = target_release(to) if to else None
    settings = Settings.current()
    with settings.session(create=True) as session:
        found = assessed(settings, session, target, revision=revision, ignore=(*settings.ignored_findings, *ignore))
    conclude(settings, found, format_, print_findings)
