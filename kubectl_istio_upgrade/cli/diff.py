"""`diff`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, UsageError
from .options import COMMON, command, output

if TYPE_CHECKING:
    from ..models.changes import Comparison
    from .settings import Settings

_LIVE = "live"


@command
@click.argument("references", metavar="[A] [B]", nargs=-1)
@click.option("-f", "--filename", "files", multiple=True, metavar="FILE", help="Manifests as the second side.")
@click.option("--only", multiple=True, metavar="KIND[/NAME]", help="Only these objects; repeatable, NAME may have *.")
@click.option("--stat", is_flag=True, help="One line an object.")
@click.option("--show-ignored", is_flag=True, help="Also what differs and was left out, and by which rule.")
@click.option("--context-lines", type=click.IntRange(min=0), default=3, metavar="N", help="Lines around a change.")
@output("json", "yaml")
@COMMON
def diff(
    references: tuple[str, ...],
    files: tuple[str, ...],
    only: tuple[str, ...],
    stat: bool,
    show_ignored: bool,
    context_lines: int,
    format_: str,
) -> int:
    """Compare any two of: a snapshot, the live mesh, manifests.

    A and B are snapshot references or `live`. Without B the second side is `live`, without A the first is the newest
    snapshot; with -f the second side is the manifests, and the first is `live` if not given. Only reads. Exits with 1
    when there are differences. What cannot be compared (types that were left out, secret values that were digested with
    another key) is named, and is neither.

    \b
    Examples:
      kubectl istio-upgrade diff
      kubectl istio-upgrade diff friday latest --stat
      kubectl istio-upgrade diff live -f mesh/ --only virtualservice -n shop
    """
    from ..render.differences import DiffView, comparison_data, print_comparison
    from ..render.structured import Format, formatted
    from .settings import Settings

    settings = Settings.current()
    comparison = _compared(settings, *_names(references, bool(files)), files, only)
    if format_ == Format.TEXT:
        print_comparison(settings.out, comparison, DiffView(context_lines, stat, show_ignored))
    else:
        settings.out.line(formatted(comparison_data(comparison, show_ignored=show_ignored), Format(format_)))
    return ExitCode.DIFFERENT if comparison.diffs else ExitCode.DONE


def _compared(settings: Settings, before: str, after: str, files: tuple[str, ...], only: tuple[str, ...]) -> Comparison:
    from ..operations import diffing

    documents = settings.documents(files) if files else ()
    with settings.session(create=before == _LIVE and after in ("", _LIVE)) as session:
        if not files:
            return diffing.diff(session, *diffing.sides(session, before, after), only, settings.namespaces)
        from ..operations import applying  # not above: it takes a while, and most have no manifests

        first = diffing.side(session, before)
        namespace = settings.namespaces[0] if settings.namespaces else session.namespace
        manifests = applying.read(session, documents, "manifests", namespace)
        wanted = applying.withheld(manifests, session.store.digester()).state()
        return diffing.diff(session, first, (wanted, None), only, settings.namespaces)


def _names(references: tuple[str, ...], with_files: bool) -> tuple[str, str]:
    """The two sides as named, with the defaults; "" is the newest snapshot."""
    match references, with_files:
        case (), False:
            return "", _LIVE
        case (), True:
            return _LIVE, ""
        case (first,), _:
            return first, _LIVE
        case (first, second), False:
            return first, second
    raise UsageError("too many sides to compare", hint="name two at most: A and B, or A and -f FILE")
