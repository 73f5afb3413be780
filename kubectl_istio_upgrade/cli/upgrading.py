"""Running `upgrade`: from its options to the operation, and from there to what is printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..adapters.folders import check_writable, export_upgrade
from ..adapters.paths import is_there
from ..adapters.yamlio import YamlError, load
from ..errors import IncompleteError, IstioUpgradeError, RefusedError, UsageError
from ..models.assessments import Assessment
from ..models.settings import ChartSource
from ..normalise.secrets import has_withheld_values
from ..operations.assessing import Helpers, assess
from ..operations.run import Finished
from ..operations.session import WritingSession
from ..operations.upgrading import running
from ..operations.upgrading.by_helm import chart_sources
from ..operations.upgrading.choosing import Chooser, Tools
from ..operations.upgrading.phases import Phases
from ..operations.upgrading.preparing import Prepared, prepare
from ..operations.upgrading.request import Request
from ..operations.upgrading.wishes import SettingsFile, Wishes, apart
from ..render.assessments import print_findings
from ..render.names import plural
from ..render.structured import Format
from ..render.upgrades import print_review, print_settings
from . import taking_back
from .approval import Approval
from .settings import Settings
from .tools import Toolbox, target_release


@dataclass(frozen=True)
class Restarts:
    """What the command line says of workloads."""

    workloads: tuple[str, ...]
    batch: int


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    to: str
    revision: str
    gateways: bool
    ignore: tuple[str, ...]
    files: tuple[str, ...]
    sets: tuple[str, ...]
    restarts: Restarts
    to_dir: Path | None
    auto_rollback: bool
    dry_run: bool
    yes: bool
    with_diff: bool


def carry_out(settings: Settings, options: Options, timeout: float, format_: str) -> None:
    """The whole way. Raises whatever stops it."""
    if options.to_dir is not None:
        check_writable(options.to_dir)
    wishes = Wishes(tuple(_file(name) for name in options.files), options.sets)
    with (
        settings.writing_session(timeout) as session,
        session.store.lock("upgrade"),
        settings.toolbox(session.root_namespace) as box,
    ):
        if not options.dry_run:
            session.refuse_unfinished()
        phases = Phases(session.progress)
        prepared = _prepared(settings, session, box, options, wishes, phases)
        print_settings(settings.err, prepared)
        print_review(settings.err, prepared.points)
        approval = Approval(settings, session, prepared.request.label, options.yes, options.with_diff)
        start = prepared.plan.has_work and not options.dry_run
        finished = _run(session, prepared, phases, approval, options) if start else None
        _conclude(prepared, approval, finished, options, Format(format_))
        if options.to_dir is not None:
            _export(settings, prepared, options.to_dir, has_changed=finished is not None)


def _run(session: WritingSession, prepared: Prepared, phases: Phases, approval: Approval, options: Options) -> Finished:
    try:
        return running.run(session, prepared, phases, approval.review, session.progress.note)
    except (IstioUpgradeError, KeyboardInterrupt) as error:
        if options.auto_rollback and (end := taking_back.stopped(approval, error)):
            raise end from error
        raise


def _conclude(
    prepared: Prepared, approval: Approval, finished: Finished | None, options: Options, format_: Format
) -> None:
    try:
        approval.conclude(prepared.plan, finished, format_)
    except IncompleteError as error:
        if options.auto_rollback and finished:
            raise taking_back.ended(approval, error, finished) from error
        raise


def _export(settings: Settings, prepared: Prepared, folder: Path, *, has_changed: bool) -> None:
    """For a pipeline or a GitOps repository: what it is installed with, and what that gives. Not before that is so."""
    to = prepared.request.to
    try:
        written = export_upgrade(folder, to, prepared.way.files, prepared.applied.bodies)
    except RefusedError as error:
        if not has_changed:
            raise
        hint = f"to write it again: kubectl istio-upgrade upgrade --to {to} --to-dir {folder}"
        raise IncompleteError(f"the mesh is as planned, but {error.message}", hint=hint) from error
    settings.progress.note(f"settings and {plural(written, 'manifest')} in {folder}")


def _prepared(
    settings: Settings, session: WritingSession, box: Toolbox, options: Options, wishes: Wishes, phases: Phases
) -> Prepared:
    helpers = Helpers(load, box.istioctl_of, box.reference, insist="istioctl" in settings.values)

    def judge() -> Assessment:
        target, about = target_release(options.to), options
        found = assess(session, helpers, target, revision=about.revision, gateways=about.gateways, ignore=about.ignore)
        print_findings(settings.err, found)
        return found

    choose = Chooser(tools_of(box, options.to), options.to, wishes, options.revision, options.gateways)
    request = Request(
        options.to,
        options.revision,
        options.gateways,
        options.ignore,
        workloads=options.restarts.workloads,
        batch=options.restarts.batch,
        means=box.named,
    )
    return prepare(session, request, choose, phases, judge)


def tools_of(box: Toolbox, to: str) -> Tools:
    """The programs and charts that an upgrade to this release works with."""
    return Tools(box.istioctl, box.istioctl_at_hand, box.reference_at_hand, box.helm, _charts(box, to), load)


def _charts(box: Toolbox, to: str) -> Callable[[str], ChartSource]:
    """Those of `--charts`, of before where an operation goes on, or of Istio's own repository. Raises UsageError."""
    charts = box.named.charts or box.began.charts
    if has_withheld_values({"charts": charts}):
        return _refuse_unknown
    is_repository = "://" in charts
    folder = Path(charts) if charts and not is_repository else None
    return chart_sources(folder, charts if is_repository else "", to)


def _refuse_unknown(chart: str) -> ChartSource:
    message = f"where chart {chart} is holds what looks like a credential, which no journal keeps"
    raise UsageError(message, hint="name the repository again: --charts URL")


def _file(given: str) -> SettingsFile:
    """`FILE`, or `RELEASE:FILE`. A file of just that name is one."""
    release, name = ("", given) if is_there(Path(given)) else apart(given)
    try:
        body = load(Path(name).read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    except YamlError as error:
        raise UsageError(f"{name}: not YAML: {error}") from error
    if not isinstance(body, dict):
        raise UsageError(f"{name}: not an IstioOperator, nor values")
    return SettingsFile(given, body, release)
