"""`restart`."""

from __future__ import annotations

import click

from .options import COMMON, command, output, probing, writing


@command
@click.option(
    "--workloads",
    multiple=True,
    metavar="WHICH",
    help="none, plan, all, or a selector: namespace/shop, deployment/web, app=web; repeatable.  [default: out of date]",
)
@click.option("--plan", "plan_only", is_flag=True, help="Show what is out of date and why, and stop.")
@click.option("--batch", type=click.IntRange(1), default=5, metavar="N", help="Workloads at once.  [default: 5]")
@writing
@probing
@output("json", "yaml")
@COMMON
def restart(
    workloads: tuple[str, ...],
    plan_only: bool,
    batch: int,
    dry_run: bool,
    yes: bool,
    with_diff: bool,
    timeout: float,
    format_: str,
) -> None:
    """Restart what runs an outdated proxy, and only that.

    A workload is out of date if the pod that the API server would create from its template now, injection included, is
    another than its pods are: it is asked, by a dry run. Parts of the installation are restarted if something has
    changed that they read at their start alone.

    Restarts as `kubectl rollout restart` does, namespace by namespace, --batch workloads at once, each batch waited
    for. A rollout that takes pods away before others have come waits until its PodDisruptionBudgets allow it. The run
    stops at a workload that does not become ready, or a budget that does not allow it within --timeout; `resume` goes
    on with what is still out of date, `abort` gives those that were restarted their template of before.

    Not restarted, and named with the reason: pods without a controller, Jobs, what has the strategy OnDelete, a
    partition or paused rollouts, gateways that istiod deploys, what a budget never allows. --workloads all restarts
    what is up to date as well.

    --probe asks a URL all the while: whether traffic passes is counted, phase by phase. A probe that fails before
    anything was changed refuses the restart; one that fails in the end is exit code 4.

    \b
    Examples:
      kubectl istio-upgrade restart --plan
      kubectl istio-upgrade restart
      kubectl istio-upgrade restart --workloads namespace/shop --batch 2
      kubectl istio-upgrade restart --workloads app=web --yes
      kubectl istio-upgrade restart --workloads none
      kubectl istio-upgrade restart --probe http://shop.example.com/
    """
    from ..operations import restarting
    from ..plan.choosing import PLAN
    from ..render.restarts import print_survey, survey_data
    from ..render.structured import Format, formatted
    from .approval import Approval, check_blockers, check_can_confirm
    from .settings import Settings

    settings = Settings.current()
    plan_only = plan_only or dry_run or PLAN in workloads
    words = tuple(word for word in workloads if word != PLAN)
    check_can_confirm("restart", yes=yes, dry_run=plan_only)
    with settings.writing_session(timeout) as session, session.store.lock("restart"):
        if not plan_only:
            session.refuse_unfinished()
        planned = restarting.prepare(session, restarting.Request(words, settings.namespaces, batch))
        if plan_only and format_ != Format.TEXT:
            settings.out.line(formatted(survey_data(planned), Format(format_)))
            check_blockers(planned.plan)
            return
        print_survey(settings.out if plan_only else settings.err, planned)
        if not planned.plan.writes and not planned.plan.blockers and format_ == Format.TEXT:
            settings.out.line("nothing to restart")
            return
        approval = Approval(settings, session, "what is out of date", yes, with_diff)
        start = planned.plan.writes and not plan_only
        finished = restarting.run(session, planned, approval.review) if start else None
        approval.conclude(planned.plan, finished, Format(format_))
