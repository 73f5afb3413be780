"""What was pushed or pulled: as text, and as data."""

from __future__ import annotations

from ..models.copies import Carried, Course, Exchange
from ..models.objects import Json
from .names import plural
from .terminal import Terminal

_WORDS = {
    Course.SAME: "",
    Course.NEW: "a new branch",
    Course.FORWARD: "",
    Course.MERGED: "both sides had snapshots of their own: one history now",
    Course.LEFT: "",
}


def print_exchange(out: Terminal, exchange: Exchange, done: str) -> None:
    """A line for each cluster, one for each name that means two things, and where all of it went or came from."""
    for each in exchange.carried:
        out.prose(_line(each))
        for clash in each.clashes:
            out.prose(f"  name {clash.name}: {clash.here[:7]} here, {clash.there[:7]} there; left as it is")
    snapshots = sum(each.snapshots for each in exchange.carried)
    out.prose(f"{plural(snapshots, 'snapshot')} {done} {exchange.remote}")


def _line(each: Carried) -> str:
    called = each.branch if each.branch == each.theirs else f"{each.branch} (there {each.theirs})"
    names = f" and {plural(len(each.names), 'name')}" if each.names else ""
    if not each.snapshots and not names:
        return f"{called}: nothing new"
    words = f", {_WORDS[each.course]}" if _WORDS[each.course] else ""
    return f"{called}: {plural(each.snapshots, 'snapshot')}{names}{words}"


def exchange_data(exchange: Exchange) -> Json:
    """The same for programs."""
    return {
        "remote": exchange.remote,
        "branches": [
            {
                "branch": each.branch,
                "theirs": each.theirs,
                "course": str(each.course),
                "snapshots": each.snapshots,
                "names": list(each.names),
                "clashes": [{"name": clash.name, "here": clash.here, "there": clash.there} for clash in each.clashes],
            }
            for each in exchange.carried
        ],
        "passedOver": list(exchange.passed_over),
    }
