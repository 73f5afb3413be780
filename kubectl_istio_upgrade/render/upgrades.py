"""What an upgrade is about to work with, and how its phases went."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ..diff.paths import dotted
from ..models.settings import OperatorSettings
from ..models.upgrades import ReviewPoint
from ..operations.upgrading.by_helm import ByHelm
from ..operations.upgrading.judging import lines_at_risk
from ..operations.upgrading.preparing import Prepared
from ..operations.upgrading.ways import ByIstioctl, ByManifests
from ..plan.settings.outdated import outdated, told
from .names import object_name
from .terminal import Terminal


def print_settings(out: Terminal, prepared: Prepared) -> None:
    """Where the settings come from, whether they are proved, what will not survive, and what means nothing."""
    way = prepared.way
    _print_sources(out, prepared)
    for line in told(row for row in outdated(way.settings) if not row.refused):
        out.prose(line, "  warning: ")
    for line in way.idle if isinstance(way, ByHelm) else ():
        out.prose(line, "  warning: ")
    for image in prepared.doubtful:
        out.prose(f"not known to be of {prepared.request.to}: {image}", "  warning: ")


def _print_sources(out: Terminal, prepared: Prepared) -> None:
    way = prepared.way
    if not isinstance(way, ByIstioctl | ByManifests):
        out.line(f"settings: the values of {len(prepared.way.settings)} Helm releases")
        return
    operator: OperatorSettings = way.operator
    out.line("settings:")
    for source in operator.sources:
        out.prose(f"{source.path:<40} from {source.where}", "  ")
    if operator.proved_with:
        out.line(f"  proved: istioctl {operator.proved_with} would change nothing with them")
    else:
        out.line("  not proved: istioctl of the running release is not at hand")
        for line in lines_at_risk(operator.at_risk):
            out.line(f"  {line}")
    for diff in operator.lost:
        out.line(f"  warning: will not survive: {object_name(diff.kind, diff.key)}")
        for change in diff.fields:
            out.line(f"    {dotted(change.path)}")


def print_review(out: Terminal, points: Sequence[ReviewPoint]) -> None:
    """What to look at before the answer: every point as it is, and what it becomes where that is something else."""
    out.line("to look at:")
    for aspect, group in groupby(points, key=lambda point: point.aspect):
        out.line(f"  {aspect}")
        for point in group:
            out.prose(f"{point.where}: {point.before or 'none yet'}", "    ")
            if point.changed:
                out.prose(point.after or "none any more", "      then ")
