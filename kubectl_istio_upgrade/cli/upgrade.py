"""`upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import COMMON, command, output, probing, tooling, unlocking, writing
from .values import Named, Written

if TYPE_CHECKING:
    from ..models.releases import Release
    from .settings import Settings

NOT_PLANNED = frozenset(
    {"files", "sets", "workloads", "batch", "to_dir", "with_diff"} | {"probe_urls", "probe_commands", "probe_statuses"}
)
"""Parameters that `--plan` does not look at, though they say what an upgrade would do or show."""


@command
@click.option("--to", required=True, metavar="VERSION", help="The release to upgrade to, such as 1.29.1.")
@click.option("--plan", "only_plan", is_flag=True, help="Look at everything, say what would be done, and stop.")
@click.option("--revision", default="", metavar="NAME", help="The control plane of this revision, be it a new one.")
@click.option("--with-gateways", "gateways", is_flag=True, help="With --revision: move gateways to it, too.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Let this finding stop nothing; repeatable.")
@click.option(
    "-f", "--filename", "files", multiple=True, metavar="[RELEASE:]FILE", help="Settings to lay over the recovered."
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    type=Written(),
    metavar="[RELEASE:]PATH=VALUE",
    help="A setting, as for istioctl or helm.",
)
@click.option(
    "--workloads",
    multiple=True,
    metavar="WHICH",
    help="Restart none, plan (say which and stop there), all, or a selector, as `restart` has it; repeatable.  "
    "[default: out of date]",
)
@click.option("--batch", type=click.IntRange(1), default=5, metavar="N", help="Workloads at once.  [default: 5]")
@click.option("--to-dir", type=Named(), metavar="DIR", help="Write settings and manifests there, credentials included.")
@click.option("--auto-rollback", is_flag=True, help="If it fails, or is not proved, take it back.")
@tooling
@unlocking
@writing
@probing
@output("json", "yaml")
@COMMON
def upgrade(
    to: str,
    only_plan: bool,
    revision: str,
    gateways: bool,
    ignore: tuple[str, ...],
    files: tuple[str, ...],
    sets: tuple[str, ...],
    workloads: tuple[str, ...],
    batch: int,
    to_dir: Path | None,
    auto_rollback: bool,
    dry_run: bool,
    yes: bool,
    with_diff: bool,
    timeout: float,
    format_: str,
) -> None:
    """Upgrade Istio, step by step, with a way back.

    --plan says before anything happens: which versions run where, whether the jump is one that Istio supports, how the
    mesh is installed and who manages it, what is in the way, which changes of the releases crossed concern this mesh,
    what will be done phase by phase, and what a rollback to now could not restore. Blockers end with exit code 3;
    --ignore lets one stop nothing.

    Without --plan it goes on: the settings are recovered from the mesh and proved by the istioctl of the running
    release (PATH or cache; --istioctl names the target's, --download fetches either; without it that is a blocker),
    every object of the new release is tried on the server, the difference is shown, and you are asked. A snapshot is
    taken, and the new release is installed in the way in which the old one was; a Helm release of a chart that wraps
    Istio's is refused. Then the mesh is validated; what failed before as well is told and stops nothing. What runs an
    outdated proxy is restarted as `restart` does it, and nothing else: --workloads says what instead. Last, everything
    is read again and proved. Whatever stops it on the way is explained, and `resume` goes on with what is left, `abort`
    takes everything back, restarts included.

    --set and -f lay settings over the recovered ones: on a mesh of istioctl's those of an IstioOperator, on a mesh of
    Helm's the values of istiod's release, or with RELEASE: in front those of another one. A value that changes nothing
    of what its chart renders is told. A value of --set is what that program takes it for: a number, true, false, for
    helm null or a list {a,b}, else text as it is written. For helm a comma ends a setting, unless a backslash is before
    it. Settings that would keep an image at another release than the target are a blocker, and the option that settles
    it is named.

    With the --revision of no control plane so far a new one is installed beside the present one, and nothing follows
    it yet: `promote` leads namespaces and tags to it, --with-gateways the gateways, and `retire` removes the old one.
    The CNI node agent and ztunnel, of which each node has one, stay as they are: without --revision they go on with
    the control plane that the tag `default` leads to. A control plane of that revision that is there is upgraded in
    place, and its workloads are restarted.

    --auto-rollback takes back at once whatever stops half-way, ends unproved, or ends with a probe that fails. The exit
    code is 4 all the same. --to-dir is written once the upgrade is proved, or by a dry run.

    --probe asks a URL all the while: whether traffic passes is counted, phase by phase. A probe that fails before
    anything was changed refuses the upgrade; one that fails in the end is exit code 4.

    \b
    Examples:
      kubectl istio-upgrade upgrade --to 1.29.1 --plan
      kubectl istio-upgrade upgrade --to 1.29.1 --dry-run --diff
      kubectl istio-upgrade upgrade --to 1.29.1
      kubectl istio-upgrade upgrade --to 1.29.1 --set values.pilot.autoscaleMin=2
      kubectl istio-upgrade upgrade --to 1.29.1 -f istio-cni:cni.yaml
      kubectl istio-upgrade upgrade --to 1.29.1 --yes --auto-rollback
      kubectl istio-upgrade upgrade --to 1.29.1 --probe http://shop.example.com/
      kubectl istio-upgrade upgrade --to 1.29.1 --workloads none
      kubectl istio-upgrade upgrade --to 1.29.1 --workloads app=web --batch 2
      kubectl istio-upgrade upgrade --to 1.30.2 --revision 1-30-2 --plan -o json
    """
    from .approval import check_can_confirm
    from .settings import Settings
    from .tools import target_release
    from .upgrading import Options, Restarts, carry_out

    target = target_release(to)
    settings = Settings.current()
    settings.refuse_namespace("for restarts of one namespace alone: --workloads namespace/NAME")
    ignore = (*settings.ignored_findings, *ignore)
    if gateways and not revision:
        raise click.UsageError("--with-gateways is for --revision: without it, gateways are upgraded anyway")
    if only_plan:
        _refuse_unused(click.get_current_context())
        _plan(settings, target, revision, ignore, format_, gateways=gateways)
        return
    check_can_confirm("upgrade", yes=yes, dry_run=dry_run)
    restarts = Restarts(workloads, batch)
    options = Options(
        to, revision, gateways, ignore, files, sets, restarts, to_dir, auto_rollback, dry_run, yes, with_diff
    )
    carry_out(settings, options, timeout, format_)


def _refuse_unused(context: click.Context) -> None:
    """--plan must not pass over in silence what would make another upgrade of it, or what is to be written."""
    default = click.core.ParameterSource.DEFAULT
    given = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name in NOT_PLANNED and context.get_parameter_source(parameter.name) is not default
    ]
    if given:
        message = f"{', '.join(sorted(given))} means nothing to --plan, which looks at the mesh alone: use --dry-run"
        raise click.UsageError(message)


def _plan(
    settings: Settings, to: Release, revision: str, ignore: tuple[str, ...], format_: str, *, gateways: bool
) -> None:
    from ..render.assessments import print_assessment
    from .assessing import assessed, conclude

    with settings.session(create=True) as session:
        found = assessed(settings, session, to, revision=revision, gateways=gateways, ignore=ignore)
        where = f"cluster {session.context} ({session.cluster.uid[:8]} at {session.place().server})"
    conclude(settings, found, format_, lambda out, each: print_assessment(out, each, where))
