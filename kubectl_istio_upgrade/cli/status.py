"""`status`."""

from __future__ import annotations

from .options import COMMON, command, output


@command
@output("json", "yaml")
@COMMON
def status(format_: str) -> None:
    """Show where the cluster stands, and what comes next.

    The versions that run, the last snapshot and what has changed since, an operation that was cut short, and who is
    changing the mesh right now.

    \b
    Examples:
      kubectl istio-upgrade status
      kubectl istio-upgrade status -o json
    """
    from ..operations.standing import standing
    from ..render.standing import print_standing, standing_data
    from ..render.structured import Format, formatted
    from .settings import Settings

    settings = Settings.current()
    with settings.session(create=True) as session:
        found = standing(session)
    if format_ == Format.TEXT:
        print_standing(settings.out, found)
    else:
        settings.out.line(formatted(standing_data(found), Format(format_)))
