"""Differences as text that reads like `git diff`, as a summary, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby

from ..canonical import to_yaml
from ..diff.paths import dotted
from ..models.changes import Authorship, Change, Comparison, ObjectDiff
from ..models.objects import Body, Json
from .names import harmless, object_name, object_ref, plural
from .terminal import Terminal

SIGNS = {Change.ADDED: "+", Change.REMOVED: "-", Change.CHANGED: "~"}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True)
class DiffView:
    """How much to show."""

    context_lines: int = 3
    stat: bool = False
    show_ignored: bool = False


def print_comparison(out: Terminal, comparison: Comparison, view: DiffView) -> None:
    """The whole comparison as text: objects by component, then what was left out, then the totals."""
    for component, diffs in groupby(comparison.diffs, key=lambda diff: diff.component):
        out.line(out.style(f"# {component}", bold=True))
        for diff in diffs:
            if view.stat:
                out.line(out.fit(stat(diff)))
            else:
                print_object(out, diff, comparison.before_label, comparison.after_label, view.context_lines)
    if view.show_ignored:
        _print_ignored(out, comparison)
    for text in comparison.not_compared:
        out.prose(text, "not compared: ")
    out.prose(summary(comparison))


def summary(comparison: Comparison) -> str:
    """`no differences between … and …: 245 objects`, or the counts."""
    between = f"{comparison.before_label} and {comparison.after_label}"
    if not comparison.diffs:
        return f"no differences between {between}: {plural(comparison.same, 'object')} the same"
    counts = ", ".join(f"{count} {change}" for change, count in comparison.counts.items() if count)
    return f"between {between}: {counts}; {comparison.same} the same"


def print_object(out: Terminal, diff: ObjectDiff, before: str, after: str, context_lines: int) -> None:
    """One object's difference, with its author."""
    title = f"{SIGNS[diff.change]} {object_name(diff.kind, diff.key)}: {diff.change}"
    out.line(out.style(title, bold=True))
    for author in diff.authors[:3]:
        out.line(out.fit(f"  by {_author(author)}"))
    for line in diff_lines(diff, before, after, context_lines):
        colour = _COLOURS.get(line[:1])
        out.line(out.style(line, fg=colour) if colour and not line.startswith(("+++", "---")) else line)
    out.line()


def diff_lines(diff: ObjectDiff, before: str, after: str, context_lines: int) -> Iterator[str]:
    """The unified diff of the two views; an object that came or went as a whole is shown as a whole."""
    old, new = _lines(diff.view_before), _lines(diff.view_after)
    names = (before if old else "/dev/null", after if new else "/dev/null")
    for line in unified_diff(old, new, *names, n=context_lines, lineterm=""):
        yield harmless(line)


def _lines(view: Body | None) -> list[str]:
    return to_yaml(view).splitlines() if view is not None else []


def _author(author: Authorship) -> str:
    when = f" at {author.time}" if author.time else ""
    fields = f": {', '.join(author.paths)}" if author.paths else ""
    return f"{author.manager}{when}{fields}"


def stat(diff: ObjectDiff) -> str:
    """` ~ VirtualService shop/reviews | +3 -1`."""
    lines = [line for line in diff_lines(diff, "a", "b", 0) if not line.startswith(("---", "+++", "@@"))]
    added = sum(1 for line in lines if line.startswith("+"))
    return f" {SIGNS[diff.change]} {object_name(diff.kind, diff.key)} | +{added} -{len(lines) - added}"


def _print_ignored(out: Terminal, comparison: Comparison) -> None:
    for key, fields in sorted(comparison.ignored.items()):
        for field in fields:
            out.prose(f"{key}: {field.path} [{field.rule}: {field.why}]", "ignored: ")


def comparison_data(comparison: Comparison, *, show_ignored: bool) -> Json:
    """The comparison for programs."""
    data: dict[str, Json] = {
        "before": comparison.before_label,
        "after": comparison.after_label,
        "different": bool(comparison.diffs),
        "summary": {**{str(k): v for k, v in comparison.counts.items()}, "same": comparison.same},
        "objects": [diff_data(diff) for diff in comparison.diffs],
        "notCompared": list(comparison.not_compared),
    }
    if show_ignored:
        data["ignored"] = [
            {"object": str(key), "path": field.path, "rule": field.rule, "why": field.why}
            for key, fields in sorted(comparison.ignored.items())
            for field in fields
        ]
    return data


def diff_data(diff: ObjectDiff) -> Json:
    """One object's difference for programs."""
    return {
        **object_ref(diff.kind, diff.key),
        "component": diff.component,
        "change": str(diff.change),
        "fields": [
            {"op": str(field.op), "path": dotted(field.path), "before": field.before, "after": field.after}
            for field in diff.fields
        ],
        "authors": [
            {"manager": author.manager, "operation": author.operation, "time": author.time, "fields": [*author.paths]}
            for author in diff.authors
        ],
    }
