"""`upgrade`."""

from __future__ import annotations

import click

from .options import COMMON, command, output, tooling


@command
@click.option("--to", required=True, metavar="VERSION", help="The release to upgrade to, such as 1.29.1.")
@click.option("--plan", "only_plan", is_flag=True, help="Look at everything, say what would be done, and stop.")
@click.option("--revision", default="", metavar="NAME", help="By a new control plane of this revision.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Let this finding stop nothing; repeatable.")
@tooling
@output("json", "yaml")
@COMMON
def upgrade(to: str, only_plan: bool, revision: str, ignore: tuple[str, ...], format_: str) -> None:
    """Upgrade Istio, step by step, with a way back.

    --plan says before anything happens: which versions run where, whether the jump is one that Istio supports, how the
    mesh is installed and who manages it, what is in the way, which changes of the releases crossed concern this mesh,
    what will be done phase by phase, and what a rollback to now could not restore. Blockers end with exit code 3;
    --ignore lets one stop nothing.

    \b
    Examples:
      kubectl istio-upgrade upgrade --to 1.29.1 --plan
      kubectl istio-upgrade upgrade --to 1.29.1 --plan --ignore no-room
      kubectl istio-upgrade upgrade --to 1.30.2 --revision 1-30-2 --plan -o json
    """
    from ..render.assessments import print_assessment
    from .assessing import assessed, conclude
    from .settings import Settings

    if not only_plan:
        raise click.UsageError("only --plan is there yet")
    settings = Settings.current()
    with settings.session(create=True) as session:
        found = assessed(settings, session, to, revision=revision, ignore=ignore)
        where = f"cluster {session.context} ({session.cluster.uid[:8]} at {session.place().server})"
    conclude(settings, found, format_, lambda out, each: print_assessment(out, each, where))
