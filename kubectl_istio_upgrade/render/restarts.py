"""What is out of date, and what becomes of it: the answer of `restart --plan`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..models.objects import Json
from ..models.restarts import Currency, Need, Part, Survey, Workload
from ..operations.restarting import Planned
from .names import object_name, object_ref, plural
from .plans import plan_data
from .terminal import Terminal

_COLOURS = {Need.NEEDED: "yellow", Need.NOT_NEEDED: "green", Need.AUTOMATIC: "cyan"}
_INDENT = " " * 13


def print_survey(out: Terminal, planned: Planned) -> None:
    """The responsibility matrix for this mesh, then every workload that is out of date and stays so, and why."""
    found = planned.survey
    for part in found.parts:
        _print_part(out, part)
    for workload in (*planned.skipped, *_unknown(found)):
        _print_workload(out, "skip" if workload.obstacle else "unsure", workload)
    out.prose(_count(found))


def _print_part(out: Terminal, part: Part) -> None:
    name = f"{part.component} {part.name}".strip()
    out.line(f"  {out.style(f'{part.need:<10}', fg=_COLOURS[part.need])} {name}")
    out.prose(part.reason, _INDENT)


def _print_workload(out: Terminal, word: str, workload: Workload) -> None:
    out.prose(f"{object_name(workload.kind, workload.key)}: {workload.currency}", f"  {word:<10} ")
    for text in (*workload.reasons[:2], *workload.notes, workload.obstacle):
        if text:
            out.prose(text, _INDENT)


def _unknown(found: Survey) -> Sequence[Workload]:
    return [each for each in found.workloads if each.currency is Currency.UNKNOWN]


def _count(found: Survey) -> str:
    """`12 workloads: 3 out of date, 9 up to date`."""
    counts = Counter(each.currency for each in found.workloads)
    words = ", ".join(f"{counts[currency]} {currency}" for currency in Currency if counts[currency])
    return f"{plural(len(found.workloads), 'workload')} in the mesh{f': {words}' if words else ''}"


def survey_data(planned: Planned) -> Json:
    """The same for programs, with the plan."""
    found = planned.survey
    return {
        "parts": [_part_data(part) for part in found.parts],
        "workloads": [_workload_data(workload, planned) for workload in found.workloads],
        "plan": plan_data(planned.plan),
    }


def _part_data(part: Part) -> Json:
    return {
        "component": part.component,
        "name": part.name,
        "need": str(part.need),
        "reason": part.reason,
        "source": part.source,
    }


def _workload_data(workload: Workload, planned: Planned) -> Json:
    chosen = {change.key for change in planned.plan.writes}
    return {
        **object_ref(workload.kind, workload.key),
        "pods": workload.pods,
        "gateway": workload.gateway,
        "proxies": list(workload.proxies),
        "proxy": workload.proxy,
        "currency": str(workload.currency),
        "reasons": list(workload.reasons),
        "notes": list(workload.notes),
        "obstacle": workload.obstacle,
        "restart": workload.key in chosen,
    }
