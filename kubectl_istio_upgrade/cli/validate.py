"""`validate`."""

from __future__ import annotations

import click

from .options import COMMON, asking, command, output


@command
@click.option("--allow-skew", is_flag=True, help="Let a data plane lag behind as far as Istio supports for a while.")
@asking("that asks the proxies; of the mesh's release")
@output("json", "yaml")
@COMMON
def validate(allow_skew: bool, format_: str) -> int:
    """Check that the mesh is as an upgrade should leave it.

    No version skew among istiod, gateways, sidecars, CNI and ztunnel; everything rolled out and ready; services with
    endpoints; webhooks that are served, with the mesh's CA; revision labels that name an injector; and, with an
    istioctl, what proxies report themselves, whether they have their configuration, and what `istioctl analyze` finds.

    Each check is ok, a warning, failed, or skipped with the reason. The exit code is 1 if any has failed.

    \b
    Examples:
      kubectl istio-upgrade validate
      kubectl istio-upgrade validate --istioctl istio-1.29.1/bin/istioctl
      kubectl istio-upgrade validate --allow-skew -o json
    """
    from ..errors import ExitCode
    from ..operations.validating import validate as check
    from ..render.structured import Format, formatted
    from ..render.validation import print_validation, validation_data
    from .settings import Settings

    settings = Settings.current()
    settings.refuse_namespace()
    with settings.session(create=True) as session, settings.toolbox(session.root_namespace) as tools:
        found = check(session, tools.istioctl_at_hand(), allow_skew=allow_skew)
    if format_ == Format.TEXT:
        print_validation(settings.out, found)
    else:
        settings.out.line(formatted(validation_data(found), Format(format_)))
    return ExitCode.DONE if found.holds else ExitCode.DIFFERENT
