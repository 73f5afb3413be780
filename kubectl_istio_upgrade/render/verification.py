"""What `store verify` found: as text, and as data."""

from __future__ import annotations

from collections import Counter

from ..models.objects import Json
from ..models.verification import Fault, Signature, Verification
from .names import moment, plural
from .terminal import Terminal

_LISTED = 5
"""Snapshots that are named with a fault; all are in the table."""


def print_verification(out: Terminal, found: Verification) -> None:
    """Every fault; if there is any, which snapshots are intact; and the sum."""
    for fault in found.faults:
        out.prose(f"{fault.place}: {fault.why}", "damaged: ")
        if fault.snapshots:
            out.prose(f"  in {_listed(fault)}")
    if not found.intact and found.snapshots:
        out.line()
        rows = [
            (
                snapshot.short,
                "intact" if snapshot.intact else "damaged",
                moment(snapshot.created) if snapshot.created else "-",
                snapshot.branch or "none",
                ",".join(snapshot.names) or "-",
            )
            for snapshot in found.snapshots
        ]
        out.table(("SNAPSHOT", "STATE", "TAKEN", "BRANCH", "NAME"), rows)
        out.line()
    out.prose(_sum(found))


def _listed(fault: Fault) -> str:
    named = ", ".join(commit[:7] for commit in fault.snapshots[:_LISTED])
    more = len(fault.snapshots) - _LISTED
    return f"{plural(len(fault.snapshots), 'snapshot')}: {named}{f' and {more} more' if more > 0 else ''}"


def _sum(found: Verification) -> str:
    total = len(found.snapshots)
    damaged = sum(not snapshot.intact for snapshot in found.snapshots)
    branches = f"{len(found.branches)} {'branch' if len(found.branches) == 1 else 'branches'}"
    if damaged:
        state = f"{damaged} of {plural(total, 'snapshot')} damaged, {total - damaged} intact"
    else:
        state = f"{plural(total, 'snapshot')} on {branches}, all intact"
    signed = Counter(snapshot.signature for snapshot in found.snapshots)
    signatures = [
        f"{signed[kind]} {kind}" for kind in (Signature.GOOD, Signature.BAD, Signature.UNCHECKED) if signed[kind]
    ]
    counted = f"; {total - signed[Signature.NONE]} signed: {', '.join(signatures)}" if signatures else ""
    elsewhere = "" if found.intact or damaged else "; the store is damaged elsewhere, see above"
    return f"{state}{counted}{elsewhere}"


def verification_data(found: Verification) -> Json:
    """The same for programs."""
    return {
        "store": found.store,
        "intact": found.intact,
        "branches": list(found.branches),
        "snapshots": [
            {
                "snapshot": snapshot.commit,
                "branch": snapshot.branch,
                "intact": snapshot.intact,
                "created": snapshot.created.isoformat().replace("+00:00", "Z") if snapshot.created else None,
                "names": list(snapshot.names),
                "signature": str(snapshot.signature),
            }
            for snapshot in found.snapshots
        ],
        "faults": [
            {"place": fault.place, "why": fault.why, "snapshots": list(fault.snapshots)} for fault in found.faults
        ],
        "notes": list(found.notes),
    }
