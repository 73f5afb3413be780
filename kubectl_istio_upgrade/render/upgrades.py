"""What an upgrade is about to work with, and how its phases went."""

from __future__ import annotations

from ..diff.paths import dotted
from ..models.settings import OperatorSettings
from ..operations.upgrading.preparing import Prepared
from ..operations.upgrading.ways import ByIstioctl, ByManifests
from .names import object_name
from .terminal import Terminal


def print_settings(out: Terminal, prepared: Prepared) -> None:
    """Where the settings come from, whether they are proved, and what will not survive."""
    way = prepared.way
    if not isinstance(way, ByIstioctl | ByManifests):
        out.line(f"settings: the values of {len(prepared.way.settings)} Helm releases")
        return
    operator: OperatorSettings = way.operator
    out.line("settings:")
    for source in operator.sources:
        out.line(f"  {source.path:<40} from {source.where}")
    if operator.proved_with:
        out.line(f"  proved: istioctl {operator.proved_with} would change nothing with them")
    else:
        out.line(f"  not proved: istioctl {prepared.plane.version} is not at hand")
    for diff in operator.lost:
        out.line(f"  warning: will not survive: {object_name(diff.kind, diff.key)}")
        for change in diff.fields:
            out.line(f"    {dotted(change.path)}")
