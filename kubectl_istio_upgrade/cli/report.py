"""`report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import COMMON, command, output
from .values import Named

if TYPE_CHECKING:
    from ..models.reports import Report
    from .settings import Settings


@command
@click.argument("operation", metavar="[OPERATION]", default="latest")
@click.option("--html", "html", metavar="FILE", type=Named(), help="Also write the page to a file.")
@output("json", "yaml", "html")
@COMMON
def report(operation: str, html: Path | None, format_: str) -> None:
    """Show the record of an operation: the upgrade log.

    What it was and how it ended, the versions before and after, every phase and every write, what was found and
    probed, the difference that it made, the proof, and the way back. OPERATION is an id or its beginning, `latest`,
    `latest~2`, or a snapshot before or after it; by default the newest, be it finished or not.

    The page is one file that loads nothing and runs nothing, for a ticket, a mail, or paper. Reads the store only, as
    `history` does, so it works while the cluster is down.

    \b
    Examples:
      kubectl istio-upgrade report
      kubectl istio-upgrade report --html upgrade.html
      kubectl istio-upgrade report 20261124-0055 -o html > upgrade.html
      kubectl istio-upgrade report latest~1 -o json
    """
    from ..operations.reporting.assembling import report as assembled
    from .settings import Settings

    settings = Settings.current()
    with settings.session() as session:
        found = assembled(session, operation)
    if html is not None:
        from ..adapters.pages import write_whole

        write_whole(html, _page(found))
        settings.progress.note(f"the page is in {html}")
    _print(settings, found, format_)


def _print(settings: Settings, found: Report, format_: str) -> None:
    from ..render.report.content import document
    from ..render.report.data import report_data
    from ..render.report.text import print_report
    from ..render.structured import Format, formatted

    if format_ == "html":
        settings.out.line(_page(found).rstrip("\n"))
    elif format_ == Format.TEXT:
        print_report(settings.out, document(found))
    else:
        settings.out.line(formatted(report_data(found), Format(format_)))


def _page(found: Report) -> str:
    from ..render.report.content import document
    from ..render.report.page import page

    return page(document(found))
