"""What `store gc` removes and keeps: as text, and as data."""

from __future__ import annotations

from collections.abc import Iterable

from ..models.objects import Json
from ..models.retention import Retention
from ..operations.retaining import Tidied
from .names import moment, plural, why
from .snapshots import snapshot_data
from .terminal import Terminal

_UNITS = ("B", "kB", "MB", "GB", "TB")


def print_retentions(out: Terminal, retentions: Iterable[Retention]) -> None:
    """Of every branch every snapshot, newest first: why it stays, or that it goes."""
    for each in retentions:
        reasons = {kept.info.commit: ", ".join(kept.reasons) for kept in each.kept}
        infos = sorted(
            (*(kept.info for kept in each.kept), *each.removed), key=lambda info: info.meta.created, reverse=True
        )
        rows = [
            (
                info.short,
                moment(info.meta.created),
                "stays" if info.commit in reasons else "goes",
                ",".join(info.names) or "-",
                reasons.get(info.commit) or why(info) or "-",
            )
            for info in infos
        ]
        out.prose(f"{each.branch}: {len(each.removed)} of {plural(len(infos), 'snapshot')} would go")
        out.table(("SNAPSHOT", "TAKEN", "", "NAME", "WHY"), rows)


def print_tidied(out: Terminal, tidied: Tidied) -> None:
    """The sum."""
    if tidied.freed is None:
        out.prose(f"dry run: {plural(tidied.removed, 'snapshot')} would go, {tidied.kept} stay; nothing was changed")
    else:
        freed = f"{size(tidied.freed.bytes)} freed, {size(tidied.freed.after)} left"
        out.prose(f"removed {plural(tidied.removed, 'snapshot')}, kept {tidied.kept}; {freed}")


def tidied_data(tidied: Tidied) -> Json:
    """The same for programs."""
    return {
        "branches": [
            {
                "branch": each.branch,
                "kept": [{**snapshot_data(kept.info), "reasons": list(kept.reasons)} for kept in each.kept],
                "removed": [snapshot_data(info) for info in each.removed],
            }
            for each in tidied.retentions
        ],
        "removed": tidied.removed,
        "kept": tidied.kept,
        "dryRun": tidied.freed is None,
        "freedBytes": tidied.freed.bytes if tidied.freed else None,
        "leftBytes": tidied.freed.after if tidied.freed else None,
    }


def size(count: float) -> str:
    """`1.2 MB`, in powers of 1000, as disks are sold."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
